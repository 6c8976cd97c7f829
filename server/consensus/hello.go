package consensus

import (
	"errors"
	"fmt"
	"io"
)

// Every connection begins with one message each way. The first byte chooses the
// service; the rest makes sure that two servers of different clusters never
// mix their logs, whatever addresses they have been given.
//
//	call:   service(1) version(1) flags(1) cluster(16) len(1) from len(1) to
//	answer: code(1) cluster(16) len(1) server
//
// The caller leaves "cluster" zero while it has none, and "to" empty when it
// only knows an address.
const (
	serviceRaft  = 'R' // the engine's own protocol follows
	servicePeers = 'P' // frames of package peers follow: forwarding, reads, questions

	helloVersion = 1

	helloLeads = 1 << 0 // flag: the caller leads its cluster
)

// helloCode is the answer to a call.
type helloCode byte

const (
	helloWelcome      helloCode = 0
	helloOtherCluster helloCode = 1
	helloOtherServer  helloCode = 2
	helloNoCluster    helloCode = 3 // Raft without a cluster makes no sense
	helloClosing      helloCode = 4
	helloNotYours     helloCode = 5 // has no cluster, and takes that of its leader only
)

// hello is what a caller says.
type hello struct {
	service byte
	leads   bool
	cluster clusterID
	from    string
	to      string
}

// welcome is what it is answered.
type welcome struct {
	code    helloCode
	cluster clusterID
	server  string
}

var errBadHello = errors.New("not a call of a muster server")

func (h hello) append(b []byte) []byte {
	var flags byte
	if h.leads {
		flags = helloLeads
	}
	b = append(b, h.service, helloVersion, flags)
	b = append(b, h.cluster[:]...)
	b = append(append(b, byte(len(h.from))), h.from...)
	return append(append(b, byte(len(h.to))), h.to...)
}

// readHello reads a call, at most 149 bytes of it.
func readHello(r io.Reader) (h hello, err error) {
	var head [3 + len(h.cluster)]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return h, err
	}
	h.service, h.leads = head[0], head[2]&helloLeads != 0
	copy(h.cluster[:], head[3:])
	if h.service != serviceRaft && h.service != servicePeers {
		return h, fmt.Errorf("%w: service %d", errBadHello, h.service)
	}
	if head[1] != helloVersion {
		return h, fmt.Errorf("%w: version %d, this program knows %d", errBadHello, head[1], helloVersion)
	}
	if head[2]&^helloLeads != 0 {
		return h, fmt.Errorf("%w: flags %x", errBadHello, head[2])
	}
	if h.from, err = readID(r); err != nil {
		return h, err
	}
	if h.from == "" {
		return h, fmt.Errorf("%w: no name", errBadHello)
	}
	h.to, err = readID(r)
	return h, err
}

func (w welcome) append(b []byte) []byte {
	b = append(b, byte(w.code))
	b = append(b, w.cluster[:]...)
	return append(append(b, byte(len(w.server))), w.server...)
}

func readWelcome(r io.Reader) (w welcome, err error) {
	var head [1 + len(w.cluster)]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return w, err
	}
	w.code = helloCode(head[0])
	copy(w.cluster[:], head[1:])
	w.server, err = readID(r)
	return w, err
}

// readID reads a short name with its length before it.
func readID(r io.Reader) (string, error) {
	var b [maxIDLen]byte
	if _, err := io.ReadFull(r, b[:1]); err != nil {
		return "", err
	}
	n := int(b[0])
	if n > len(b) {
		return "", fmt.Errorf("%w: name of %d bytes", errBadHello, n)
	}
	if _, err := io.ReadFull(r, b[:n]); err != nil {
		return "", err
	}
	id := string(b[:n])
	if !plainID(id) {
		return "", fmt.Errorf("%w: name %q", errBadHello, id)
	}
	return id, nil
}

// err is what the answer means to the caller.
func (w welcome) err(h hello) error {
	switch w.code {
	case helloWelcome:
		return nil
	case helloOtherCluster:
		return fmt.Errorf("%w: %s is in cluster %v, this is %v", ErrOtherCluster, w.server, w.cluster, h.cluster)
	case helloOtherServer:
		return fmt.Errorf("%w: called %s, it is %s", ErrOtherServer, h.to, w.server)
	case helloNoCluster:
		return errors.New("a server without a cluster may not speak Raft")
	case helloNotYours:
		return fmt.Errorf("%s has no cluster and takes that of a leader only", w.server)
	case helloClosing:
		return fmt.Errorf("%s: %w", w.server, ErrClosed)
	default:
		return fmt.Errorf("%s refuses the connection with code %d", w.server, w.code)
	}
}

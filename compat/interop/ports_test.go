package interop

import (
	"errors"
	"fmt"
	"net"
	"strconv"
	"sync"
)

// Each node of a run gets a port of its own that is not used again: were a
// port left to the system, a node of one cluster could come up where the
// members of another still look for one of theirs, and two clusters without a
// label would become one. For the same reason runs at the same time take
// different blocks of ports. The range lies below those from which systems pick
// ports for clients.
const (
	firstPort = 10_000
	lastPort  = 31_999
	blockSize = 2_000
)

// ports hands out the ports of this run's block.
var ports struct {
	mu    sync.Mutex
	claim net.Listener // the block's first port, held until the run ends
	next  int
	last  int
}

// claimPorts finds a block that no other run has.
func claimPorts() error {
	var tried []error
	for block := firstPort; block+blockSize-1 <= lastPort; block += blockSize {
		l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(block)))
		if err == nil {
			ports.claim, ports.next, ports.last = l, block+1, block+blockSize-1
			return nil
		}
		tried = append(tried, err)
	}
	return fmt.Errorf("no block of ports: %w", errors.Join(tried...))
}

// freePort finds one that is free for both UDP and TCP.
func freePort(host string) (string, error) {
	ports.mu.Lock()
	defer ports.mu.Unlock()
	for ports.next <= ports.last {
		addr := net.JoinHostPort(host, strconv.Itoa(ports.next))
		ports.next++
		if isFree(addr) {
			return addr, nil
		}
	}
	return "", fmt.Errorf("no port left up to %d", ports.last)
}

func isFree(addr string) bool {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return false
	}
	p, err := net.ListenPacket("udp", addr)
	if err != nil {
		_ = l.Close() // taken in any case
		return false
	}
	return l.Close() == nil && p.Close() == nil
}

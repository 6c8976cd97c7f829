package memberlist

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"

	"github.com/musterhq/muster/wire"
)

// A label precedes a packet, and what the dialer of a stream writes, as a type
// byte, its length in a byte, and itself.
const labelHeader = 2

// errEmptyLabel is returned for a header with a label of no bytes: without a
// label there is no header.
var errEmptyLabel = errors.New("label header cannot be empty when present")

// AddLabelHeaderToPacket returns the packet under the label, or as it is if
// the label is empty.
func AddLabelHeaderToPacket(buf []byte, label string) ([]byte, error) {
	if label == "" {
		return buf, nil
	}
	header, err := labelBytes(label, len(buf))
	if err != nil {
		return nil, err
	}
	return append(header, buf...), nil
}

// AddLabelHeaderToStream writes the label, or nothing if it is empty.
func AddLabelHeaderToStream(conn net.Conn, label string) error {
	if label == "" {
		return nil
	}
	header, err := labelBytes(label, 0)
	if err != nil {
		return err
	}
	_, err = conn.Write(header)
	return err
}

func labelBytes(label string, room int) ([]byte, error) {
	if len(label) > LabelMaxSize {
		return nil, fmt.Errorf("label %q is too long", label)
	}
	b := make([]byte, 0, labelHeader+len(label)+room)
	b = append(b, byte(wire.TypeLabel), byte(len(label)))
	return append(b, label...), nil
}

// RemoveLabelHeaderFromPacket separates a packet from the label it is under,
// which is empty if there is no header.
func RemoveLabelHeaderFromPacket(buf []byte) (newBuf []byte, label string, err error) {
	if len(buf) == 0 || wire.Type(buf[0]) != wire.TypeLabel {
		return buf, "", nil
	}
	if len(buf) < labelHeader {
		return nil, "", errors.New("cannot decode label; packet has been truncated")
	}
	size := int(buf[1])
	switch {
	case size == 0:
		return nil, "", errEmptyLabel
	case len(buf) < labelHeader+size:
		return nil, "", errors.New("cannot decode label; packet has been truncated")
	}
	return buf[labelHeader+size:], string(buf[labelHeader : labelHeader+size]), nil
}

// RemoveLabelHeaderFromStream reads the label, which is empty if the stream
// does not begin with a header. Read on from the connection it returns. On an
// error conn is still the caller's to close.
func RemoveLabelHeaderFromStream(conn net.Conn) (net.Conn, string, error) {
	r := bufio.NewReader(conn)
	read := &bufferedConn{Conn: conn, r: r}
	first, err := r.Peek(1)
	switch {
	case errors.Is(err, io.EOF):
		return read, "", nil // nothing was sent, so no label either
	case err != nil:
		return nil, "", err
	case wire.Type(first[0]) != wire.TypeLabel:
		return read, "", nil
	}
	label, err := readLabel(r)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		err = errors.New("cannot decode label; stream has been truncated")
	}
	if err != nil {
		return nil, "", err
	}
	return read, label, nil
}

func readLabel(r *bufio.Reader) (string, error) {
	var header [labelHeader]byte
	if _, err := io.ReadFull(r, header[:]); err != nil {
		return "", err
	}
	if header[1] == 0 {
		return "", errEmptyLabel
	}
	label := make([]byte, header[1])
	_, err := io.ReadFull(r, label)
	return string(label), err
}

// bufferedConn is a connection of which something has been read ahead.
type bufferedConn struct {
	net.Conn
	r *bufio.Reader
}

func (c *bufferedConn) Read(p []byte) (int, error) { return c.r.Read(p) }

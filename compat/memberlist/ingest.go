package memberlist

import (
	"errors"
	"fmt"
	"io"
	"net"
	"time"
)

// ingestPacket is IngestPacket of every transport here.
func ingestPacket(to chan<- *Packet, done <-chan struct{}, conn net.Conn, addr net.Addr, now time.Time, shouldClose bool) (err error) {
	if shouldClose {
		defer func() { err = errors.Join(err, conn.Close()) }()
	}
	b, err := io.ReadAll(io.LimitReader(conn, ingestMax+1))
	switch {
	case err != nil:
		return fmt.Errorf("failed to read packet: %w", err)
	case len(b) == 0:
		return fmt.Errorf("packet too short (0 bytes) %s", LogAddress(addr))
	case len(b) > ingestMax:
		return fmt.Errorf("packet of more than %d bytes %s", ingestMax, LogAddress(addr))
	}
	select {
	case to <- &Packet{Buf: b, From: addr, Timestamp: now}:
		return nil
	case <-done:
		return net.ErrClosed
	}
}

// ingestMax bounds what IngestPacket reads.
const ingestMax = 64 << 20

func ingestStream(to chan<- net.Conn, done <-chan struct{}, conn net.Conn) error {
	select {
	case to <- conn:
		return nil
	case <-done:
		return errors.Join(net.ErrClosed, conn.Close())
	}
}

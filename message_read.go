package muster

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"os"
	"time"

	"github.com/musterhq/muster/wire"
)

// pulseMax is how often either end of a stream of messages looks whether it is
// still wanted, when nothing arrives.
const pulseMax = 5 * time.Second

// frameReader reads the frames of one stream. It waits for the next one for as
// long as it takes, looking up now and then, but for the rest of one that has
// begun no longer than Config.StreamTimeout.
type frameReader struct {
	n    *Node
	conn net.Conn
	r    *bufio.Reader
	due  time.Time // the deadline of reads
}

// await waits for a frame to begin. False means that it is time to look up.
func (f *frameReader) await() (bool, error) {
	if f.r.Buffered() > 0 {
		return true, nil
	}
	pulse := min(pulseMax, f.n.cfg.StreamTimeout/4)
	if now := time.Now(); f.due.Sub(now) < pulse/2 {
		if err := f.deadline(now.Add(pulse)); err != nil {
			return false, err
		}
	}
	_, err := f.r.Peek(1)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		f.due = time.Time{}
		return false, nil
	}
	return err == nil, err
}

func (f *frameReader) deadline(t time.Time) error {
	f.due = t
	return f.conn.SetReadDeadline(t)
}

// read reads the frame that has begun. Its memory is not used again.
func (f *frameReader) read(into *wire.Frame) error {
	if !f.whole() {
		if err := f.deadline(time.Now().Add(f.n.cfg.StreamTimeout)); err != nil {
			return err
		}
		f.due = time.Time{} // not for what follows
	}
	msg, err := f.n.codec.ReadStreamMessage(f.r, wire.MaxFrame)
	if err != nil {
		return err
	}
	if wire.Type(msg[0]) != wire.TypeMessage {
		return fmt.Errorf("type %d among messages: %w", msg[0], wire.ErrType)
	}
	return into.Decode(msg)
}

// whole tells whether the frame is in memory already, which it mostly is. It
// need not know all forms that a frame may have.
func (f *frameReader) whole() bool {
	head, err := f.r.Peek(min(5, f.r.Buffered()))
	if err != nil || len(head) < 5 {
		return false
	}
	switch wire.Type(head[0]) {
	case wire.TypeMessage, wire.TypeEncrypt:
		return f.r.Buffered() >= wire.FramedLen(head)
	}
	return false
}

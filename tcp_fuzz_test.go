package muster

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"testing"
)

// Any bytes on a packet stream: it ends in an error, and what is taken for
// packets is in what was sent, byte for byte.
func FuzzPacketStream(f *testing.F) {
	good := appendFrame(appendEcho(appendFrame(appendPreface(nil, 7946), []byte("one"))), make([]byte, 3000))
	f.Add(good)
	f.Add(good[:len(good)-1])
	f.Add(append(appendPreface(nil, 0), good[prefaceSize:]...))
	f.Add([]byte("MPK\x02\x1f\x0a\x00\x01x"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) == 0 || b[0] != prefaceByte {
			return // for the node
		}
		r := bufio.NewReaderSize(bytes.NewReader(b[1:]), frameBuffer)
		port, err := readPreface(r)
		if err != nil {
			return
		}
		again := appendPreface(nil, port)
		buf := make([]byte, packetMax)
		for {
			n, err := readFrame(r, buf)
			if err != nil {
				if !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
					t.Fatal(err)
				}
				break
			}
			again = appendFrame(again, buf[:n])
			if frameAt(again[len(again)-n-frameHead:]) != n+frameHead {
				t.Fatalf("a frame of %d bytes is taken for another", n)
			}
		}
		if !bytes.HasPrefix(b, again) {
			t.Errorf("read %x from %x", again, b)
		}
	})
}

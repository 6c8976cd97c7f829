package agent

import (
	"bytes"
	"strconv"
	"testing"

	"github.com/musterhq/muster"
)

func TestInboxKeepsTheLatest(t *testing.T) {
	b := newInbox()
	for i := range maxMessages + 5 {
		b.receive(muster.Message{Payload: []byte(strconv.Itoa(i))})
	}
	got := b.recent()
	if len(got) != maxMessages || string(got[0].Payload) != "5" {
		t.Errorf("kept %d messages from %s on, want %d from 5 on", len(got), got[0].Payload, maxMessages)
	}
}

func TestInboxBoundsItsBytes(t *testing.T) {
	b := newInbox()
	large := bytes.Repeat([]byte("x"), maxMessageBytes/2)
	for range 5 {
		b.receive(muster.Message{Payload: large})
	}
	if n := len(b.recent()); n != 2 || b.bytes != 2*len(large) {
		t.Errorf("kept %d messages, %d bytes; want 2, %d", n, b.bytes, 2*len(large))
	}
	b.receive(muster.Message{Payload: bytes.Repeat(large, 3)})
	if n := len(b.recent()); n != 0 || b.bytes != 0 {
		t.Errorf("a message beyond the bound left %d messages, %d bytes", n, b.bytes)
	}
}

func TestInboxReaders(t *testing.T) {
	b := newInbox()
	slow, stopSlow := b.subscribe()
	defer stopSlow()
	quick, stopQuick := b.subscribe()
	defer stopQuick()
	for i := range cap(slow) + 1 {
		b.receive(muster.Message{Payload: []byte(strconv.Itoa(i))})
		if m := <-quick; string(m.Payload) != strconv.Itoa(i) {
			t.Fatalf("message %d came as %q", i, m.Payload)
		}
	}
	n := 0
	for range slow { // ends, because the channel was closed
		n++
	}
	if n != cap(slow) || b.isClosed() {
		t.Errorf("the slow reader got %d messages before it was cut off, want %d", n, cap(slow))
	}
	b.close()
	if _, ok := <-quick; ok || !b.isClosed() {
		t.Error("closing the inbox did not end its readers")
	}
	late, stop := b.subscribe()
	defer stop()
	if _, ok := <-late; ok {
		t.Error("a reader of a closed inbox got something")
	}
	b.receive(muster.Message{}) // must not send on a closed channel
}

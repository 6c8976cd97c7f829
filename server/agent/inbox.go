package agent

import (
	"sync"
	"time"

	"github.com/musterhq/muster"
	"github.com/musterhq/muster/server/api"
)

// The inbox remembers this much for GET /v1/messages?recent=1.
const (
	maxMessages     = 1000
	maxMessageBytes = 4 << 20
)

// inbox keeps the latest user messages and hands new ones to readers.
type inbox struct {
	mu      sync.Mutex
	kept    []api.Message
	bytes   int
	readers map[chan api.Message]struct{}
	closed  bool
}

func newInbox() *inbox {
	return &inbox{readers: make(map[chan api.Message]struct{})}
}

// receive is the node's OnMessage. It never waits: a reader whose channel is
// full is cut off rather than let hold up everybody's messages.
func (b *inbox) receive(m muster.Message) {
	msg := api.Message{
		Time:      time.Now(),
		From:      m.From.String(),
		Reliable:  m.Reliable,
		Broadcast: m.Broadcast,
		Payload:   m.Payload,
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return
	}
	b.kept = append(b.kept, msg)
	b.bytes += len(msg.Payload)
	for len(b.kept) > maxMessages || b.bytes > maxMessageBytes {
		b.bytes -= len(b.kept[0].Payload)
		b.kept[0] = api.Message{} // lets the payload go before append moves the slice
		b.kept = b.kept[1:]
	}
	for ch := range b.readers {
		select {
		case ch <- msg:
		default:
			delete(b.readers, ch)
			close(ch)
		}
	}
}

// recent returns a copy of what is kept, oldest first.
func (b *inbox) recent() []api.Message {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]api.Message{}, b.kept...)
}

// subscribe returns a channel of the messages from now on. It is closed when
// the inbox closes, when stop is called, or when its reader was too slow.
func (b *inbox) subscribe() (ch chan api.Message, stop func()) {
	ch = make(chan api.Message, 1024)
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		close(ch)
		return ch, func() {}
	}
	b.readers[ch] = struct{}{}
	return ch, func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		if _, ok := b.readers[ch]; ok {
			delete(b.readers, ch)
			close(ch)
		}
	}
}

// close ends every reader's channel. Messages that come later are dropped.
func (b *inbox) close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
	for ch := range b.readers {
		delete(b.readers, ch)
		close(ch)
	}
}

// isClosed tells an ended reader whether the agent closed or it was too slow.
func (b *inbox) isClosed() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.closed
}

package muster

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/musterhq/muster/record"
)

// Publication is a message on its way to all members.
type Publication struct {
	done chan struct{}
	err  error
}

func (p *Publication) end(err error) {
	p.err = err
	close(p.done)
}

// ErrExpired is what Publication.Wait returns when some member has not got the
// message within Config.Records.LogAge. It is lost to that one; others have it.
var ErrExpired = errors.New("message was given up before every member had it")

// Done is closed when every member that was present at the time of Publish, and
// still is, has the message; when it was given up; or when the node is closed.
func (p *Publication) Done() <-chan struct{} { return p.done }

// Wait waits for Done. It returns nil when all have the message, ErrExpired when
// one has not got it in time, ErrClosed if the node was closed before, or the
// context's error; then the message is still on its way.
func (p *Publication) Wait(ctx context.Context) error {
	select {
	case <-p.done:
		return p.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Publish sends a message of up to 1 MiB to the subscribers of a topic (see
// Subscribe) on every muster member that is present, this node not included:
// exactly once each, however many copies travel, and the messages of one sender
// in their order. A member that joins later does not get what was published
// before. While too many messages have not been acknowledged yet
// (Config.Records' LogEntries and LogBytes) Publish waits for room.
func (n *Node) Publish(ctx context.Context, topic string, payload []byte) (*Publication, error) {
	for {
		p, room, err := n.plane.tryPublish(topic, payload)
		if !errors.Is(err, record.ErrBusy) {
			if err != nil {
				return nil, fmt.Errorf("publish to %q: %w", topic, ours(err))
			}
			return p, nil
		}
		select {
		case <-room:
		case <-n.ctx.Done():
			return nil, ErrClosed
		case <-ctx.Done():
			return nil, fmt.Errorf("publish to %q: %w: %w", topic, ErrBusy, ctx.Err())
		}
	}
}

// tryPublish publishes, or returns what is closed when there may be room.
func (p *plane) tryPublish(topic string, payload []byte) (pub *Publication, room <-chan struct{}, err error) {
	pub = &Publication{done: make(chan struct{})}
	e := p.do(func(now time.Time) {
		var seq uint64
		if seq, err = p.core.Publish(now, topic, payload); err == nil {
			p.waits[seq] = pub // before Ready tells that it is done
		}
		room = p.room
	})
	if e != nil {
		err = e
	}
	return pub, room, err
}

// ended ends publications, with the lock held: without an error those that all
// members have.
func (p *plane) ended(seqs []uint64, err error) {
	if len(seqs) == 0 {
		return
	}
	for _, seq := range seqs {
		if w := p.waits[seq]; w != nil {
			delete(p.waits, seq)
			w.end(err)
		}
	}
	close(p.room)
	p.room = make(chan struct{})
}

// published hands a message of another member's to the subscribers.
func (n *Node) published(m *record.Message) {
	n.deliverTopic(Message{Sender: m.Owner, Topic: m.Topic, Payload: bytes.Clone(m.Payload), Reliable: true, Broadcast: true})
}

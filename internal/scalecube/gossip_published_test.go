package scalecube

import (
	"bytes"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/musterhq/muster"
	"github.com/musterhq/muster/mustertest"
)

// TestGossipProtocolPublished repeats the experiments of GossipProtocolTest with
// Publish, which is what spreadGossip's Mono is for: exactly once, with a handle
// that tells when all have it. Java's is over once the message has been sent
// often enough, which says nothing; muster's once everybody has acknowledged it.
func TestGossipProtocolPublished(t *testing.T) {
	for i, e := range experiments {
		t.Run(fmt.Sprintf("%d:N=%d,loss=%.0f%%,delay=%v", i+1, e.n, 100*e.loss, e.delay), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) { e.publish(newStage(t, asInJava)) })
		})
	}
}

func (e experiment) publish(s *stage) {
	const topic = "greetings"
	in := newInbox()
	s.change = asMuchAsJava(e.n)
	// Half of all acknowledgements lost, and half of what reminds of them, may
	// take longer than the minute after which a sender gives up.
	names := s.gossipers(e.n, in, func(c *muster.Config) { c.Records.LogAge = 10 * time.Minute })
	for _, name := range names {
		s.nodes[name].Subscribe(topic, func(m muster.Message) { in.note(name, string(m.Payload)) })
	}
	publish := func(payload string) *muster.Publication {
		handle, err := s.nodes[names[0]].Publish(s.Context(), topic, []byte(payload))
		if err != nil {
			s.Fatal(err)
		}
		return handle
	}
	// A receiver asks for where a sender's messages begin when it hears of the
	// first, which, over links like these, takes some time of its own.
	if err := publish("first").Wait(s.Context()); err != nil {
		s.Fatal(err)
	}
	s.net.SetDefault(mustertest.Link{Loss: e.loss, Tail: e.delay})
	before, begin := s.net.Counters(mustertest.Any, mustertest.Any), time.Now()
	handle := publish("hello")
	s.awaitThat(e.limit, fmt.Sprintf("the message at %d others", e.n-1), func() bool { return in.nodesWith("hello") == e.n-1 })
	took := time.Since(begin)
	if err := handle.Wait(s.Context()); err != nil {
		s.Fatal(err)
	}
	known := time.Since(begin)
	time.Sleep(2 * e.limit)
	in.check(s, names[0], 2)
	after := s.net.Counters(mustertest.Any, mustertest.Any)
	s.Logf("muster: %d ms, known after %d ms, %d packets, %d of them lost; Java: %s",
		took.Milliseconds(), known.Milliseconds(), after.Packets-before.Packets, after.Lost-before.Lost, e.java)
}

// TestPublishedInVain: a message that somebody cannot be reached with for longer
// than messages are kept is given up, and its sender is told so, not that all is
// well. (Who was cut off may still get it from another's copy.)
func TestPublishedInVain(t *testing.T) {
	bubble(t, func(s *stage) {
		const topic = "greetings"
		in := newInbox()
		names := s.gossipers(3, in)
		for _, name := range names {
			s.nodes[name].Subscribe(topic, func(m muster.Message) { in.note(name, string(m.Payload)) })
		}
		publish := func(payload string) error {
			handle, err := s.nodes[names[0]].Publish(s.Context(), topic, []byte(payload))
			if err != nil {
				s.Fatal(err)
			}
			return handle.Wait(s.Context())
		}
		if err := publish("before"); err != nil {
			s.Error(err)
		}
		s.net.Isolate(names[2])
		begin := time.Now()
		if err := publish("in vain"); !errors.Is(err, muster.ErrExpired) {
			s.Errorf("after %v: %v", time.Since(begin), err)
		}
		s.net.Heal()
		if err := publish("after"); err != nil {
			s.Error(err)
		}
		in.check(s, names[0], in.count(names[1]), names[2])
		if in.count(names[1]) != 3 || in.nodesWith("after") != 2 {
			s.Errorf("got %v", in.got)
		}
	})
}

// TestGossipDelayPublished repeats GossipDelayTest with Publish, large messages
// among them.
func TestGossipDelayPublished(t *testing.T) {
	bubble(t, func(s *stage) {
		const topic = "greetings"
		in := newInbox()
		names := s.gossipers(3, in, func(c *muster.Config) { // a stream takes seconds to be opened
			c.Records.LogAge, c.Records.StreamTimeout = 10*time.Minute, time.Minute
		})
		for _, name := range names {
			s.nodes[name].Subscribe(topic, func(m muster.Message) { in.note(name, string(m.Payload)) })
		}
		for i, delay := range []time.Duration{3000 * ms, 3000 * ms, 100 * ms} {
			s.net.SetLink(names[i], mustertest.Any, mustertest.Link{Tail: delay})
		}
		var handles []*muster.Publication
		for i := range 3 {
			payload := bytes.Repeat([]byte{byte('0' + i)}, []int{1, 500, 100_000}[i])
			handle, err := s.nodes[names[0]].Publish(s.Context(), topic, payload)
			if err != nil {
				s.Fatal(err)
			}
			handles = append(handles, handle)
		}
		for _, handle := range handles {
			if err := handle.Wait(s.Context()); err != nil {
				s.Fatal(err)
			}
		}
		in.check(s, names[0], 3)
		time.Sleep(5 * time.Minute)
		in.check(s, names[0], 3)
	})
}

package muster

import (
	"slices"
	"sync"

	"github.com/musterhq/muster/wire"
)

// topics are the application's subscriptions.
type topics struct {
	mu      sync.Mutex
	byTopic map[string][]*subscription // never changed in place
}

type subscription struct{ f func(Message) }

// Subscribe has f called for the messages of a topic, those that members send
// here and those that they publish, until cancel is called. Plain messages have
// the empty topic. All calls, those of Config.OnMessage and OnEvent too, come
// one at a time, so that f sees the messages of one sender in their order, and
// must not take long.
func (n *Node) Subscribe(topic string, f func(Message)) (cancel func()) {
	t := &n.topics
	s := &subscription{f}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.byTopic == nil {
		t.byTopic = make(map[string][]*subscription)
	}
	t.byTopic[topic] = append(slices.Clone(t.byTopic[topic]), s)
	return func() { t.remove(topic, s) }
}

func (t *topics) remove(topic string, s *subscription) {
	t.mu.Lock()
	defer t.mu.Unlock()
	left := slices.DeleteFunc(slices.Clone(t.byTopic[topic]), func(other *subscription) bool { return other == s })
	if t.byTopic[topic] = left; len(left) == 0 {
		delete(t.byTopic, topic)
	}
}

func (t *topics) of(topic string) []*subscription {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.byTopic[topic]
}

// wanted tells whether anybody listens to a topic.
func (n *Node) wanted(topic string) bool {
	return topic == "" && n.cfg.OnMessage != nil || len(n.topics.of(topic)) > 0
}

// tell calls those that listen.
func (n *Node) inform(m Message) {
	if m.Topic == "" && n.cfg.OnMessage != nil {
		n.cfg.OnMessage(m)
	}
	for _, s := range n.topics.of(m.Topic) {
		s.f(m)
	}
}

// deliver keeps a message that came over a link for the application, and
// acknowledges it then. The reader of the link calls it.
func (n *Node) deliver(t *taken) {
	switch {
	case n.wanted(t.topic):
		if !n.calls.offer(held{Message: t.message(), taken: t}) {
			return // it waits
		}
	case t.topic != "":
		t.link.fail(t, wire.FailNoHandler, "")
		return
	}
	n.counts.messagesReceived.Add(1)
	if t.link.finish(t) {
		t.link.out.add(&wire.Frame{Kind: wire.FrameAck, ID: t.id})
	}
}

// acknowledge answers a message for which there was no room at first. The caller
// may have given it up in this very moment; he then knows nothing of it.
func (n *Node) acknowledge(t *taken) {
	n.counts.messagesReceived.Add(1)
	if t.link.finish(t) {
		t.link.out.put(&wire.Frame{Kind: wire.FrameAck, ID: t.id}, false)
	}
}

// deliverPlain keeps a message that came over a stream of its own, once there is
// room. False means that the node was closed before.
func (n *Node) deliverPlain(m Message) bool {
	if !n.wanted("") {
		return true
	}
	kept := make(chan struct{})
	if n.calls.offer(held{Message: m, kept: kept}) {
		return true
	}
	select {
	case <-kept:
		return true
	case <-n.ctx.Done():
		return false
	}
}

// deliverTopic hands a published message to the subscribers of its topic, in
// the order of the calls. It does not block, and takes every message: the
// publisher was told already that this member has it.
func (n *Node) deliverTopic(m Message) {
	if n.wanted(m.Topic) {
		n.calls.force(m)
	}
}

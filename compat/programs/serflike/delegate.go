package main

import (
	"fmt"
	"time"

	"github.com/hashicorp/memberlist"

	"github.com/musterhq/muster/compat/programs/internal/console"
)

// NodeMeta is the tags.
func (m *member) NodeMeta(limit int) []byte {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.tags) > limit {
		panic("the tags are too long")
	}
	return []byte(m.tags)
}

// NotifyMsg takes events, queries and intents, and passes on what is new.
func (m *member) NotifyMsg(b []byte) {
	<-m.ready
	msg, ok := decode(b)
	if !ok {
		m.out.Print(console.Line{Event: "garbage", N: len(b)})
		return
	}
	m.take(msg)
}

// take does what a message asks for, and passes it on, the first time it comes.
func (m *member) take(msg message) {
	m.clock.witness(msg.time)
	if msg.kind == kindReply {
		m.replied(msg)
		return
	}
	if !m.events.add(msg) {
		return
	}
	m.queue.QueueBroadcast(&broadcast{msg: encode(msg)})
	switch msg.kind {
	case kindQuery:
		m.answer(msg)
	case kindLeave:
		m.hasLeft(msg.name)
	}
}

// hasLeft corrects what this member thinks of one whose intent to leave comes
// after it has gone.
func (m *member) hasLeft(name string) {
	m.mu.Lock()
	_, late := m.failed[name]
	if late {
		delete(m.failed, name)
		m.left[name] = true
	}
	m.mu.Unlock()
	if late {
		m.out.Print(console.Line{Event: "left", Node: name})
	}
}

// GetBroadcasts hands over what waits.
func (m *member) GetBroadcasts(overhead, limit int) [][]byte {
	return m.queue.GetBroadcasts(overhead, limit)
}

// LocalState carries the clock and the latest events to whoever syncs.
func (m *member) LocalState(bool) []byte {
	return m.events.encode(m.clock.now())
}

// MergeRemoteState takes the other side's.
func (m *member) MergeRemoteState(b []byte, _ bool) {
	<-m.ready
	now, msgs := decodeLog(b)
	m.clock.witness(now)
	for _, msg := range msgs {
		m.take(msg)
	}
	if m.list.NumMembers() == 0 {
		m.out.Print(console.Line{Event: "alone"})
	}
}

// NotifyJoin is told of a member that came.
func (m *member) NotifyJoin(n *memberlist.Node) {
	m.mu.Lock()
	delete(m.failed, n.Name)
	delete(m.left, n.Name)
	m.known[n.Name] = true
	m.mu.Unlock()
	m.out.Print(console.Line{Event: "join", Node: n.Name, Text: string(n.Meta)})
}

// NotifyLeave is told of a member that went. memberlist does not say how, so
// the intent to leave, which came before, decides.
func (m *member) NotifyLeave(n *memberlist.Node) {
	m.mu.Lock()
	delete(m.known, n.Name)
	how := "failed"
	if m.events.intends(n.Name) {
		how = "left"
		m.left[n.Name] = true
	} else {
		m.failed[n.Name] = lost{n.Address(), time.Now()}
	}
	m.mu.Unlock()
	m.out.Print(console.Line{Event: how, Node: n.Name})
}

// NotifyUpdate is told of new tags.
func (m *member) NotifyUpdate(n *memberlist.Node) {
	m.out.Print(console.Line{Event: "update", Node: n.Name, Text: string(n.Meta)})
}

// NotifyMerge refuses a cluster that speaks another version of this program.
func (m *member) NotifyMerge(peers []*memberlist.Node) error {
	for _, p := range peers {
		if p.DCur != 4 {
			return fmt.Errorf("%s speaks version %d", p.Name, p.DCur)
		}
	}
	return nil
}

// AckPayload goes along with every ack.
func (m *member) AckPayload() []byte { return []byte(m.opt.name) }

// NotifyPingComplete checks that the payload is the other's. One that does not
// know this member yet may have sent none.
func (m *member) NotifyPingComplete(other *memberlist.Node, rtt time.Duration, payload []byte) {
	switch {
	case len(payload) > 0 && string(payload) != other.Name || rtt <= 0:
		m.out.Print(console.Line{Event: "badping", Node: other.Name, Text: string(payload)})
	case len(payload) > 0:
		m.pings.Add(1)
	}
}

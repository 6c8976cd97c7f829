package main

import (
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/hashicorp/memberlist"
)

// asked is a query under way.
type asked struct {
	from map[string]bool
	want int
	done chan struct{}
}

// query asks every member, this one included, and waits for as many answers as
// are expected.
func (m *member) query(name string, want int) error {
	self := m.list.LocalNode()
	msg := message{kind: kindQuery, time: m.clock.tick(), name: name, payload: []byte(self.Name + " " + self.Address())}
	a := &asked{from: make(map[string]bool), want: want, done: make(chan struct{})}
	m.mu.Lock()
	m.replies[msg.time] = a
	m.mu.Unlock()
	m.events.add(msg)
	m.queue.QueueBroadcast(&broadcast{msg: encode(msg)})
	m.answer(msg)
	select {
	case <-a.done:
		return nil
	case <-time.After(8 * time.Second):
		m.mu.Lock()
		defer m.mu.Unlock()
		return fmt.Errorf("%d of %d answers to %q", len(a.from), want, name)
	}
}

// answer does what a query asks for, and replies to its sender: every second
// member, by name, over a stream, the others by packet.
func (m *member) answer(q message) {
	text := "ok"
	if err := m.obey(q.name); err != nil {
		text = err.Error()
	}
	reply := message{kind: kindReply, time: q.time, name: m.opt.name, payload: []byte(text)}
	to, addr, _ := strings.Cut(string(q.payload), " ")
	if to == m.opt.name {
		m.replied(reply)
		return
	}
	if err := m.send(to, addr, encode(reply)); err != nil {
		fmt.Fprintln(os.Stderr, "serflike: reply:", err)
	}
}

func (m *member) send(to, addr string, b []byte) error {
	for _, n := range m.list.Members() {
		if n.Name == to && m.opt.name[0]%2 == 0 {
			return m.list.SendReliable(n, b)
		}
	}
	return m.list.SendToAddress(memberlist.Address{Addr: addr, Name: to}, b)
}

// replied counts an answer.
func (m *member) replied(r message) {
	m.mu.Lock()
	defer m.mu.Unlock()
	a := m.replies[r.time]
	if a == nil || string(r.payload) != "ok" || a.from[r.name] {
		return
	}
	a.from[r.name] = true
	if len(a.from) == a.want {
		close(a.done)
	}
}

// obey changes the keyring where the query is about that.
func (m *member) obey(name string) error {
	verb, key, ok := strings.Cut(strings.TrimPrefix(name, "_"), "-key:")
	if !ok {
		return nil
	}
	if m.ring == nil {
		return errors.New("no keyring")
	}
	k, err := hex.DecodeString(key)
	if err != nil {
		return err
	}
	switch verb {
	case "install":
		return m.ring.AddKey(k)
	case "use":
		return m.ring.UseKey(k)
	case "remove":
		return m.ring.RemoveKey(k)
	}
	return fmt.Errorf("what is %q?", verb)
}

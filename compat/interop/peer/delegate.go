package main

import (
	"sync"
	"time"

	"github.com/hashicorp/memberlist"
)

// message is one received user message.
type message struct {
	Time    time.Time `json:"time"`
	Payload []byte    `json:"payload"` // base64 in JSON
}

// retransmitMult is the application's choice, apart from memberlist's own
// setting for its membership messages. With memberlist's usual 4, a message
// goes to four members chosen at random with repetition, recently dead ones
// among them, which in a small cluster often misses somebody; a test of
// delivery needs to be surer than that.
const retransmitMult = 40

// delegate is the application side of the node: its metadata, its inbox and
// its outgoing broadcasts. As applications on memberlist do, it passes a
// message on when it sees it for the first time, so that gossip reaches all.
type delegate struct {
	messages    *feed[message]
	rebroadcast bool
	size        func() int // set before the node can receive anything
	queue       memberlist.TransmitLimitedQueue

	mu   sync.Mutex
	meta []byte
	seen map[string]bool // by content; a test process is short-lived
}

func newDelegate(meta []byte, rebroadcast bool) *delegate {
	d := &delegate{
		messages:    newFeed[message](),
		rebroadcast: rebroadcast,
		size:        func() int { return 1 },
		meta:        meta,
		seen:        map[string]bool{},
	}
	d.queue.NumNodes = func() int { return d.size() }
	d.queue.RetransmitMult = retransmitMult
	return d
}

func (d *delegate) NodeMeta(int) []byte {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.meta
}

func (d *delegate) setMeta(meta []byte) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.meta = meta
}

// NotifyMsg may not keep b. Only a first receipt is put in the inbox when
// rebroadcasting, since gossip brings every message several times.
func (d *delegate) NotifyMsg(b []byte) {
	payload := append([]byte(nil), b...)
	if d.rebroadcast {
		if !d.firstSight(payload) {
			return
		}
		d.queue.QueueBroadcast(broadcast(payload))
	}
	d.messages.add(message{Time: time.Now(), Payload: payload})
}

// send starts a broadcast. The sender has seen its own message: it does not
// receive it back.
func (d *delegate) send(payload []byte) {
	d.firstSight(payload)
	d.queue.QueueBroadcast(broadcast(payload))
}

func (d *delegate) firstSight(payload []byte) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	known := d.seen[string(payload)]
	d.seen[string(payload)] = true
	return !known
}

func (d *delegate) GetBroadcasts(overhead, limit int) [][]byte {
	return d.queue.GetBroadcasts(overhead, limit)
}

func (d *delegate) LocalState(bool) []byte        { return nil }
func (d *delegate) MergeRemoteState([]byte, bool) {}

// broadcast is a user message in the queue; none replaces another.
type broadcast []byte

func (b broadcast) Invalidates(memberlist.Broadcast) bool { return false }
func (b broadcast) Message() []byte                       { return b }
func (b broadcast) Finished()                             {}
func (b broadcast) UniqueBroadcast()                      {}

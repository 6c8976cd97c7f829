package system

import (
	"sync"

	"github.com/hashicorp/memberlist"
)

// rumors is the application that memberlist needs for a broadcast to reach
// everybody: a TransmitLimitedQueue, filled by the sender and, at first
// receipt, by every receiver.
type rumors struct {
	opts  Options
	queue memberlist.TransmitLimitedQueue

	mu   sync.Mutex
	list *memberlist.Memberlist
	seen map[string]bool
}

func newRumors(o Options) *rumors {
	r := &rumors{opts: o, seen: map[string]bool{}}
	r.queue.RetransmitMult = memberlist.DefaultLANConfig().RetransmitMult
	r.queue.NumNodes = r.members
	return r
}

// attach is needed because memberlist asks its delegate before Create returns.
func (r *rumors) attach(l *memberlist.Memberlist) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.list = l
}

func (r *rumors) members() int {
	r.mu.Lock()
	l := r.list
	r.mu.Unlock()
	if l == nil {
		return 1
	}
	return l.NumMembers()
}

func (r *rumors) start(payload []byte) {
	if r.first(payload) {
		r.queue.QueueBroadcast(rumor(payload))
	}
}

func (r *rumors) first(payload []byte) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.seen[string(payload)] {
		return false
	}
	r.seen[string(payload)] = true
	return true
}

// NotifyMsg may not keep payload after it returns.
func (r *rumors) NotifyMsg(payload []byte) {
	if r.opts.Spread {
		if !r.first(payload) {
			return
		}
		r.queue.QueueBroadcast(rumor(append([]byte(nil), payload...)))
	}
	if f := r.opts.Observer.Message; f != nil {
		f(payload)
	}
}

func (r *rumors) GetBroadcasts(overhead, limit int) [][]byte {
	if !r.opts.Spread {
		return nil
	}
	return r.queue.GetBroadcasts(overhead, limit)
}

func (r *rumors) NodeMeta(int) []byte           { return nil }
func (r *rumors) LocalState(bool) []byte        { return nil }
func (r *rumors) MergeRemoteState([]byte, bool) {}

// rumor is a broadcast that invalidates no other.
type rumor []byte

func (rumor) Invalidates(memberlist.Broadcast) bool { return false }
func (r rumor) Message() []byte                     { return r }
func (rumor) Finished()                             {}
func (rumor) UniqueBroadcast()                      {}

package antientropy

import (
	"errors"
	"fmt"
	"io"
	"net"
	"sync/atomic"
	"time"

	"github.com/hashicorp/memberlist"

	"github.com/musterhq/muster/compat/bench/fake"
	"github.com/musterhq/muster/compat/bench/system"
)

// memberlistExchange joins one node to another over a pipe, which is a
// push/pull like those it does from time to time.
func memberlistExchange(n, d int) (_ Cost, err error) {
	old, newer := views(n, d)
	a, err := newMemberlist("a", old)
	if err != nil {
		return Cost{}, err
	}
	defer func() { err = errors.Join(err, a.list.Shutdown()) }()
	b, err := newMemberlist("b", newer)
	if err != nil {
		return Cost{}, err
	}
	defer func() { err = errors.Join(err, b.list.Shutdown()) }()
	to := func(c net.Conn) { b.streams <- c }
	a.answer.Store(&to)
	before := a.traffic.Read().StreamBytes
	begin := time.Now()
	if _, err := a.list.Join([]string{"127.0.0.2:7946"}); err != nil {
		return Cost{}, fmt.Errorf("push/pull: %w", err)
	}
	took := time.Since(begin)
	if got, want := a.list.NumMembers(), n+2; got != want {
		return Cost{}, fmt.Errorf("a knows %d members, not %d", got, want)
	}
	return Cost{Bytes: a.traffic.Read().StreamBytes - before, Rounds: 1, Took: took}, nil
}

// memberlistNode is one without sockets that neither probes nor gossips.
type memberlistNode struct {
	list    *memberlist.Memberlist
	traffic system.Traffic
	streams chan net.Conn // what others dial
	answer  atomic.Pointer[func(net.Conn)]
}

func newMemberlist(name string, states []fake.State) (*memberlistNode, error) {
	message, err := fake.PushPull(states, false)
	if err != nil {
		return nil, err
	}
	n := &memberlistNode{streams: make(chan net.Conn)}
	feed := fake.Peer(message)
	n.answer.Store(&feed)
	cfg := memberlist.DefaultLANConfig()
	cfg.Name, cfg.LogOutput = name, io.Discard
	cfg.ProbeInterval, cfg.PushPullInterval, cfg.GossipInterval = 0, 0, 0
	cfg.AdvertiseAddr = map[string]string{"a": "127.0.0.1", "b": "127.0.0.2"}[name]
	cfg.AdvertisePort = 7946
	cfg.Transport = &piped{
		IsolatedMemberlist: system.NewIsolatedMemberlist(system.Options{Traffic: &n.traffic}), node: n,
	}
	if n.list, err = memberlist.Create(cfg); err != nil {
		return nil, fmt.Errorf("start memberlist node %s: %w", name, err)
	}
	if _, err := n.list.Join([]string{"10.0.0.1:7946"}); err != nil {
		return nil, errors.Join(fmt.Errorf("feed %d members: %w", len(states), err), n.list.Shutdown())
	}
	return n, nil
}

// piped is a transport whose streams are pipes to whom the node is told to
// dial, with a counter.
type piped struct {
	*system.IsolatedMemberlist
	node *memberlistNode
}

func (t *piped) DialTimeout(string, time.Duration) (net.Conn, error) {
	near, far := net.Pipe()
	go (*t.node.answer.Load())(far)
	return t.node.traffic.Dialled(near), nil
}

func (t *piped) DialAddressTimeout(memberlist.Address, time.Duration) (net.Conn, error) {
	return t.DialTimeout("", 0)
}

func (t *piped) StreamCh() <-chan net.Conn { return t.node.streams }

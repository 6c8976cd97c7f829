package system

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"log/slog"

	"github.com/musterhq/muster"
	"github.com/musterhq/muster/wire"
)

// Muster is the library of this repository.
type Muster struct{}

// Name implements System.
func (Muster) Name() string { return "muster" }

// Start implements System.
func (Muster) Start(o Options) (Node, error) {
	cfg := muster.LAN()
	cfg.Name = o.Name
	cfg.Compression = o.Compression
	cfg.Logger = slog.New(musterLog{o.Observer})
	cfg.OnEvent = musterEvents(o)
	if f := o.Observer.Message; f != nil {
		cfg.OnMessage = func(m muster.Message) { f(m.Payload) }
	}
	if o.Key != nil {
		ring, err := wire.NewKeyring(nil, o.Key)
		if err != nil {
			return nil, fmt.Errorf("key of muster node %s: %w", o.Name, err)
		}
		cfg.Keyring = ring
	}
	if o.Isolated != nil {
		cfg.ProbeInterval, cfg.PushPullInterval, cfg.ReconnectInterval = 0, 0, 0
		cfg.GossipInterval = time.Millisecond
		cfg.Transport = newIsolatedMuster(o)
	} else {
		t, err := muster.ListenUDPTCP("127.0.0.1:0")
		if err != nil {
			return nil, fmt.Errorf("bind muster node %s: %w", o.Name, err)
		}
		cfg.Transport = &countedMuster{Transport: t, traffic: o.Traffic}
	}
	n, err := muster.Start(cfg)
	if err != nil {
		return nil, fmt.Errorf("start muster node %s: %w", o.Name, err)
	}
	return &musterNode{n}, nil
}

func musterEvents(o Options) func(muster.Event) {
	tell := map[muster.EventKind]func(string){
		muster.MemberJoined:    o.Observer.Joined,
		muster.MemberFailed:    o.Observer.Gone,
		muster.MemberLeft:      o.Observer.Gone,
		muster.MemberSuspected: o.Observer.Suspected,
	}
	return func(e muster.Event) {
		if f := tell[e.Kind]; f != nil && e.Member.Name != o.Name {
			f(e.Member.Name)
		}
	}
}

type musterNode struct{ *muster.Node }

func (n *musterNode) Addr() string { return n.Local().Addr.String() }

func (n *musterNode) Join(seed string) error {
	_, err := n.Node.Join(context.Background(), seed)
	return err
}

func (n *musterNode) Members() []string {
	var names []string
	for _, m := range n.Node.Members() {
		names = append(names, m.Name)
	}
	return names
}

func (n *musterNode) Send(to string, payload []byte) error {
	return n.Node.Send(context.Background(), to, payload)
}

func (n *musterNode) Echo(topic string) {
	n.Handle(topic, func(_ context.Context, m muster.Message) ([]byte, error) { return m.Payload, nil })
}

func (n *musterNode) Ask(to, topic string, payload []byte) error {
	reply, err := n.Request(context.Background(), to, topic, payload)
	if err == nil && !bytes.Equal(reply, payload) {
		err = fmt.Errorf("asked %q, the answer is %q", payload, reply)
	}
	return err
}

func (n *musterNode) Kill() error { return n.Close() }

// musterLog takes what the node logs, from level info on as an operator would,
// and counts the warnings.
type musterLog struct{ observer Observer }

func (musterLog) Enabled(_ context.Context, l slog.Level) bool { return l >= slog.LevelInfo }

func (h musterLog) Handle(_ context.Context, r slog.Record) error {
	if f := h.observer.Warned; f != nil && r.Level >= slog.LevelWarn {
		f()
	}
	return nil
}

func (h musterLog) WithAttrs([]slog.Attr) slog.Handler { return h }
func (h musterLog) WithGroup(string) slog.Handler      { return h }

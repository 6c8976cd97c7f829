package muster

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"sort"
	"sync"
	"sync/atomic"
	"time"

	"github.com/musterhq/muster/swim"
	"github.com/musterhq/muster/wire"
)

// Errors of a Node. None of them leaves a partial change behind.
var (
	ErrClosed   = errors.New("node is closed")
	ErrUnknown  = errors.New("no such member")
	ErrTooLarge = swim.ErrTooLarge // for a packet: use Send, whose limit is 20 MiB
	ErrLeft     = swim.ErrLeft
	ErrBusy     = swim.ErrBusy
)

// Node is a member of a cluster.
type Node struct {
	cfg       Config
	log       *slog.Logger
	codec     wire.Codec
	plain     wire.Codec // the same without compression
	transport NamedTransport
	addr      netip.AddrPort // advertised

	mu       sync.Mutex // guards what follows, up to the blank line
	core     *swim.Core
	timer    *time.Timer
	armed    time.Time // what the timer is set to
	changes  uint64    // of the core when the snapshot was last dropped
	watchers []*watcher
	waits    map[uint64]chan swim.Done // for which push/pull or ping
	left     chan struct{}             // closed when a leave is done
	closed   bool                      // nothing is to be begun any more
	sealed   []byte                    // buffer for outgoing packets

	metas map[string]detachedMeta // metadata that came as records

	snapshot atomic.Pointer[[]Member] // of AllMembers, nil when out of date
	calls    dispatcher
	plane    plane
	seeds    seeds

	streams  streamPool
	served   servedLinks
	handlers handlers
	topics   topics
	inbound  chan struct{} // counts streams being served
	counts   counters

	ctx    context.Context // ends with the node
	cancel context.CancelFunc
	work   sync.WaitGroup
}

// Start binds, starts and returns a node; joining Config.Seeds, if there are
// any, goes on in the background. An error leaves nothing behind.
func Start(cfg Config) (*Node, error) {
	if cfg.Name == "" {
		name, err := os.Hostname()
		if err != nil {
			return nil, fmt.Errorf("%w: no name, and the host has none: %w", ErrConfig, err)
		}
		cfg.Name = name
	}
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	t := cfg.Transport
	if t == nil {
		var err error
		if t, err = ListenUDPTCP(cfg.Bind); err != nil {
			return nil, fmt.Errorf("start %q: %w", cfg.Name, err)
		}
	}
	n, err := start(cfg, t)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("start %q: %w", cfg.Name, err), t.Close())
	}
	return n, nil
}

func start(cfg Config, t Transport) (*Node, error) {
	ctx, cancel := context.WithCancel(context.Background())
	addr, err := advertised(ctx, cfg.Advertise, t.Addr())
	if err != nil {
		cancel()
		return nil, err
	}
	core := cfg.core(addr)
	if core.Seed = cfg.Seed; core.Seed == 0 {
		core.Seed = rand.Uint64()
	}
	n := &Node{
		cfg: cfg, codec: cfg.codec(), transport: carrier(t, cfg.MapAddr), addr: addr, ctx: ctx, cancel: cancel,
		waits: make(map[uint64]chan swim.Done), left: make(chan struct{}), inbound: make(chan struct{}, inboundMax),
	}
	if n.log = cfg.Logger; n.log == nil {
		n.log = slog.Default()
	}
	n.log = n.log.With("node", cfg.Name)
	if n.core, err = swim.New(time.Now(), core); err != nil {
		cancel()
		return nil, err
	}
	n.plain = n.codec
	n.plain.Compress = false
	n.timer = time.NewTimer(0)
	n.calls.init(n)
	n.plane.init(n)
	n.metas = make(map[string]detachedMeta)
	if len(cfg.Meta) > swim.MetaMax {
		if err := n.setDetached(cfg.Meta); err != nil {
			cancel()
			return nil, err
		}
	}
	n.streams.init(n)
	n.handlers.n = n
	n.seeds.init(cfg.Seeds, n.defaultPort())
	n.work.Go(n.loop)
	n.work.Go(n.readPackets)
	n.work.Go(n.acceptStreams)
	if len(cfg.Seeds) > 0 {
		n.work.Go(n.joinSeeds)
	}
	return n, nil
}

// defaultPort is what an address without a port means: the cluster's members
// usually share one.
func (n *Node) defaultPort() uint16 {
	if n.cfg.Transport != nil {
		return n.transport.Addr().Port()
	}
	if h, err := splitAddr(n.cfg.Bind, DefaultPort); err == nil && h.port != 0 {
		return h.port
	}
	return DefaultPort
}

// Close stops the node without telling anybody; the others will find it dead.
// Call Leave before to go gracefully. When it returns no goroutine of the node
// is left, other than one that a callback holds.
func (n *Node) Close() error {
	if n.ctx.Err() != nil {
		return nil
	}
	n.cancel()
	n.mu.Lock()
	n.closed = true
	n.mu.Unlock()
	n.timer.Stop()
	err := n.transport.Close()
	n.plane.close()
	n.streams.close()
	n.calls.close()
	n.work.Wait()
	if errors.Is(err, net.ErrClosed) {
		return nil // another Close was faster
	}
	return err
}

// Done is closed when the node is.
func (n *Node) Done() <-chan struct{} { return n.ctx.Done() }

// Leave tells the others that this node goes of its own will, and returns when
// enough of them have confirmed it. The node still answers until it is closed,
// and may Join again. When ctx ends first, the intent may have reached some.
func (n *Node) Leave(ctx context.Context) error {
	var left chan struct{}
	if err := n.do(func(now time.Time) {
		select {
		case <-n.left:
			n.left = make(chan struct{}) // this node has left before
		default:
		}
		n.core.Leave(now)
		left = n.left
	}); err != nil {
		return err
	}
	select {
	case <-left:
		return nil
	case <-n.ctx.Done():
		return ErrClosed
	case <-ctx.Done():
		return fmt.Errorf("leave: not confirmed yet: %w", ctx.Err())
	}
}

// SetAckPayload sets what other nodes' OnPing gets from this one, at most
// swim.MetaMax bytes.
func (n *Node) SetAckPayload(p []byte) (err error) {
	if e := n.do(func(time.Time) { err = n.core.SetAckPayload(p) }); e != nil {
		return e
	}
	return err
}

// Local returns this node's member.
func (n *Node) Local() Member {
	m, _ := n.Member(n.cfg.Name)
	return m
}

// Member returns the member of that name, also a dead one while it is
// remembered.
func (n *Node) Member(name string) (Member, bool) {
	all := n.all()
	i := sort.Search(len(all), func(i int) bool { return all[i].Name >= name })
	if i < len(all) && all[i].Name == name {
		return all[i], true
	}
	return Member{}, false
}

// Members returns the members that are alive or suspect, this one included,
// sorted by name. After Close it returns what was last known.
func (n *Node) Members() []Member {
	all := n.all()
	live := make([]Member, 0, len(all))
	for _, m := range all {
		if m.State <= Suspect {
			live = append(live, m)
		}
	}
	return live
}

// AllMembers returns also the dead and those that left, while remembered.
func (n *Node) AllMembers() []Member { return append([]Member(nil), n.all()...) }

// all returns the snapshot, shared between readers. It is made when somebody
// asks for it, and not again before something has changed.
func (n *Node) all() []Member {
	if s := n.snapshot.Load(); s != nil {
		return *s
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if s := n.snapshot.Load(); s != nil {
		return *s
	}
	var all []Member
	for m := range n.core.Members {
		n.attach(&m)
		all = append(all, m)
	}
	sort.Slice(all, func(i, j int) bool { return all[i].Name < all[j].Name })
	n.snapshot.Store(&all)
	return all
}

package antientropy

import (
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/musterhq/muster/compat/bench/fake"
	"github.com/musterhq/muster/swim"
	"github.com/musterhq/muster/wire"
)

var epoch = time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)

// musterExchange drives two cores: what they say is what the sockets would
// carry, but for the codec, which is applied to count.
func musterExchange(n, d int) (Cost, error) {
	old, newer := views(n, d)
	a, err := musterCore("a", "127.0.0.1:7946", old)
	if err != nil {
		return Cost{}, err
	}
	b, err := musterCore("b", "127.0.0.2:7946", newer)
	if err != nil {
		return Cost{}, err
	}
	p := &musterPair{a: a, b: b, codec: wire.Codec{Compress: true}}
	if err := p.meet(); err != nil {
		return Cost{}, err
	}
	return p.sync()
}

// musterCore is a core that does nothing by itself but to exchange states with
// whom it is told to, and that has taken in these members.
func musterCore(name, addr string, states []fake.State) (*swim.Core, error) {
	cfg := swim.LAN()
	cfg.Name, cfg.Addr, cfg.Caps = name, netip.MustParseAddrPort(addr), wire.CapSync
	cfg.ProbeInterval, cfg.GossipInterval, cfg.ReconnectInterval = 0, 0, 0
	cfg.SelectTargets = true
	core, err := swim.New(epoch, cfg)
	if err != nil {
		return nil, err
	}
	message, err := fake.PushPull(states, false)
	if err != nil {
		return nil, err
	}
	if _, err := core.Serve(epoch, netip.MustParseAddrPort("10.0.0.1:7946"), message); err != nil {
		return nil, fmt.Errorf("feed %d members: %w", len(states), err)
	}
	core.Ready()
	return core, nil
}

type musterPair struct {
	a, b  *swim.Core
	codec wire.Codec
	cost  Cost
}

// meet makes the two known to each other by their own announcements.
func (p *musterPair) meet() error {
	for _, to := range []*swim.Core{p.a, p.b} {
		for _, m := range []swim.Member{p.a.Local(), p.b.Local()} {
			alive := wire.Alive{
				Incarnation: m.Incarnation, Node: m.Name, Addr: m.Addr.Addr(), Port: m.Addr.Port(),
				Versions: m.Versions, Caps: m.Caps, About: wire.About{ID: m.ID},
			}
			if err := to.Step(epoch, m.Addr, alive.Append(nil)); err != nil && !errors.Is(err, swim.ErrIgnored) {
				return err
			}
		}
		to.Ready()
	}
	return nil
}

// sync lets a exchange states with b when it is next due.
func (p *musterPair) sync() (Cost, error) {
	now, ok := p.a.Deadline()
	if !ok {
		return Cost{}, errors.New("nothing is due")
	}
	p.a.Tick(now)
	asks := p.a.Ready().Asks
	if len(asks) != 1 || asks[0].Kind != swim.AskTargets {
		return Cost{}, fmt.Errorf("asks %d questions", len(asks))
	}
	begin := time.Now()
	p.a.AnswerTargets(now, asks[0].ID, []string{"b"}, "b")
	streams := p.a.Ready().Streams
	if len(streams) != 1 || streams[0].Kind != swim.StreamSync {
		return Cost{}, fmt.Errorf("opens %d streams", len(streams))
	}
	id, msg := streams[0].ID, streams[0].Request
	for msg != nil {
		p.cost.Rounds++
		reply, err := p.b.Serve(now, p.a.Local().Addr, msg)
		if err != nil {
			return Cost{}, err
		}
		if err := errors.Join(p.count(msg), p.count(reply)); err != nil {
			return Cost{}, err
		}
		msg = p.a.StreamDone(now, id, reply, nil)
	}
	p.cost.Took = time.Since(begin)
	for _, done := range p.a.Ready().Done {
		if done.Err != nil {
			return Cost{}, done.Err
		}
	}
	return p.cost, p.agree()
}

// compressMin is from where on a node compresses the messages of a sync.
const compressMin = 4 << 10

func (p *musterPair) count(msg []byte) error {
	if len(msg) < compressMin {
		p.cost.Bytes += uint64(len(msg))
		return nil
	}
	b, err := p.codec.AppendStreamMessage(nil, msg)
	p.cost.Bytes += uint64(len(b))
	return err
}

// agree compares what the two hold.
func (p *musterPair) agree() error {
	for m := range p.a.Members {
		if o, ok := p.b.Member(m.Name); !ok || o.Incarnation != m.Incarnation || string(o.Meta) != string(m.Meta) {
			return fmt.Errorf("a holds %s at %d, b at %d", m.Name, m.Incarnation, o.Incarnation)
		}
	}
	return nil
}

package mustertest

import (
	"encoding/binary"
	"hash/fnv"
	"math"
	"math/rand/v2"
	"net/netip"
	"time"
)

// Link says what becomes of what is sent in one direction. The zero Link is
// perfect: everything arrives at the instant at which it was sent.
type Link struct {
	Loss      float64 // share of packets that are lost, 0 to 1
	Duplicate float64 // share of packets that arrive twice
	Reorder   float64 // share of packets that are held back, to be overtaken

	// A packet takes Delay, and more: up to Jitter, evenly distributed, and
	// Tail on average, exponentially distributed, as behind busy queues.
	Delay, Jitter, Tail time.Duration

	// Bandwidth in bytes per second, 0 for any. What is sent faster waits, and
	// is lost if a quarter of a second's worth, but at least 64 KiB, is waiting.
	Bandwidth int

	// Refuse has streams refused at once, as by a firewall that says so.
	Refuse bool
}

// LAN returns the link of a quiet local network: nothing lost, 0.2 to 1 ms. That
// the delays differ has a use of its own: hardly two things happen at the same
// instant of virtual time, so that the scheduler has little to decide.
func LAN() Link { return Link{Delay: 200 * time.Microsecond, Jitter: 800 * time.Microsecond} }

// SetDefault sets what all links are like that SetLink does not name.
func (n *Network) SetDefault(l Link) { n.SetLink(Any, Any, l) }

// SetLink sets what the link in one direction is like; either end may be Any.
// The most particular setting counts: that for both ends, else that for from,
// else that for to, else the default.
func (n *Network) SetLink(from, to string, l Link) {
	n.change(func() { n.rules[pair{n.find(from), n.find(to)}] = l })
}

// ResetLink takes back what SetLink has set for the same two.
func (n *Network) ResetLink(from, to string) {
	n.change(func() {
		if p := (pair{n.find(from), n.find(to)}); p == (pair{}) {
			n.rules[p] = LAN()
		} else {
			delete(n.rules, p)
		}
	})
}

// pair names a link; the zero address stands for any.
type pair struct{ from, to netip.AddrPort }

func (p pair) compare(q pair) int {
	if c := p.from.Compare(q.from); c != 0 {
		return c
	}
	return p.to.Compare(q.to)
}

// link is one direction between two addresses.
type link struct {
	pair   pair
	chance *rand.Rand // its own, so that a draw here does not shift the others
	sent   uint64     // things, to keep the order of those due at the same instant
	busy   time.Time  // until then its bandwidth is taken
	parked []parcel   // parts of streams that wait for the end of a cut
	counts Counters

	epoch uint64 // of the network's settings that follow
	rule  Link
	cut   bool
}

// link returns the state of a link, up to date with the settings.
func (n *Network) link(from, to netip.AddrPort) *link {
	p := pair{from, to}
	l := n.links[p]
	if l == nil {
		l = &link{pair: p, chance: rand.New(rand.NewPCG(n.seed, p.hash()))}
		n.links[p] = l
	}
	n.refresh(l)
	return l
}

func (n *Network) refresh(l *link) {
	if l.epoch == n.epoch {
		return
	}
	l.epoch, l.cut = n.epoch, n.isCut(l.pair)
	anyone := netip.AddrPort{}
	for _, p := range []pair{l.pair, {l.pair.from, anyone}, {anyone, l.pair.to}, {}} {
		if rule, ok := n.rules[p]; ok {
			l.rule = rule
			return
		}
	}
}

func (p pair) hash() uint64 {
	h := fnv.New64a()
	for _, a := range []netip.AddrPort{p.from, p.to} {
		ip := a.Addr().As16()
		_, _ = h.Write(binary.BigEndian.AppendUint16(ip[:], a.Port())) // never fails
	}
	return h.Sum64()
}

// draw decides something that happens with that probability. It draws only
// where there is a question.
func (l *link) draw(p float64) bool { return p > 0 && (p >= 1 || l.chance.Float64() < p) }

// travel draws how long something is under way.
func (l *link) travel() time.Duration {
	d := l.rule.Delay
	if l.rule.Jitter > 0 {
		d += time.Duration(l.chance.Int64N(int64(l.rule.Jitter)))
	}
	if l.rule.Tail > 0 {
		d += time.Duration(l.chance.ExpFloat64() * float64(l.rule.Tail))
	}
	return d
}

// squeeze takes the link's bandwidth for size bytes, and returns when they have
// left and how many bytes waited before them.
func (l *link) squeeze(now time.Time, size int) (left time.Time, waiting int) {
	if l.rule.Bandwidth <= 0 {
		return now, 0
	}
	if l.busy.Before(now) {
		l.busy = now
	}
	perSecond := float64(l.rule.Bandwidth)
	waiting = int(l.busy.Sub(now).Seconds() * perSecond)
	l.busy = l.busy.Add(time.Duration(math.Ceil(float64(size) / perSecond * float64(time.Second))))
	return l.busy, waiting
}

// room is how many bytes may wait for the bandwidth.
func (r Link) room() int { return max(r.Bandwidth/4, 64<<10) }

package sim

import (
	"fmt"
	"math/rand/v2"
	"time"
)

// Generate draws a scenario: some of the kinds of fault ("swarm testing": a
// mixture of all of them would hide what a few of them do together), a legal
// configuration, and a link that the configuration is made for.
func Generate(seed uint64, nodes int) *Scenario {
	s := &Scenario{Seed: seed, Nodes: nodes}
	s.Link = links[newRand(seed, 0, "link").IntN(len(links))]
	s.Tuning = drawTuning(newRand(seed, 0, "tuning"), s.Link)
	cfg, err := s.Tuning.Config()
	if err != nil {
		panic("sim: a generated tuning does not parse: " + err.Error())
	}
	g := generator{rand: newRand(seed, 0, "faults"), nodes: nodes, period: cfg.ProbeInterval}
	s.Faults = g.schedule()
	return s
}

var links = []Link{
	{200 * time.Microsecond, 200 * time.Microsecond},
	{time.Millisecond, time.Millisecond},
	{5 * time.Millisecond, 10 * time.Millisecond},
	{20 * time.Millisecond, 10 * time.Millisecond},
}

// drawTuning draws a preset and, for each setting with a chance of its own, a
// value within the bounds of sense.
func drawTuning(r *rand.Rand, l Link) Tuning {
	t := Tuning{[]string{"lan", "lan", "lan", "local", "wan"}[r.IntN(5)]}
	c, _ := t.Config() // a preset always parses
	set := func(format string, args ...any) { t = append(t, fmt.Sprintf(format, args...)) }
	maybe := func() bool { return r.IntN(4) == 0 }
	ms := func(d time.Duration) time.Duration { return d.Round(time.Millisecond) }

	if maybe() {
		c.ProbeInterval = ms(scale(c.ProbeInterval, 50+r.IntN(100)))
		c.ProbeTimeout = min(c.ProbeTimeout, c.ProbeInterval)
		set("probe=%v", c.ProbeInterval)
		set("timeout=%v", c.ProbeTimeout)
	}
	if maybe() {
		rtt := 4 * (l.Delay + l.Jitter)
		set("timeout=%v", ms(max(rtt, min(c.ProbeInterval, scale(c.ProbeInterval, 20+r.IntN(80))))))
	}
	if maybe() {
		set("gossip=%v", ms(scale(c.GossipInterval, r.IntN(4)*50)))
	}
	for _, n := range []struct {
		key  string
		from int
		to   int
	}{{"k", 0, 5}, {"fanout", 1, 6}, {"retransmit", 1, 6}, {"suspicion", 1, 7}, {"maxmult", 1, 8}, {"awareness", 1, 10}} {
		if maybe() {
			set("%s=%d", n.key, n.from+r.IntN(n.to-n.from+1))
		}
	}
	if maybe() {
		set("pushpull=%v", ms(scale(c.PushPullInterval, 20+r.IntN(130))))
	}
	if maybe() {
		set("reconnect=%v", ms(scale(c.ReconnectInterval, 30+r.IntN(150))))
	}
	if maybe() {
		set("todead=%v", ms(scale(c.GossipToTheDead, 20+r.IntN(130))))
	}
	if maybe() {
		set("reclaim=%v", ms(scale(c.GossipToTheDead, 5+r.IntN(60))))
	}
	if maybe() {
		overhead := r.IntN(100)
		set("packet=%d", 1100+overhead+r.IntN(1000))
		set("overhead=%d", overhead)
	}
	for _, key := range []string{"nostream", "vetalive", "vetmerge", "pull", "rtt"} {
		if r.IntN(6) == 0 {
			set("%s=true", key)
		}
	}
	if maybe() {
		set("compress=false")
	}
	switch r.IntN(6) {
	case 0, 1, 2:
		set("sync=true")
	case 3:
		set("sync=%s", mixed)
	}
	return t
}

func scale(d time.Duration, percent int) time.Duration { return d * time.Duration(percent) / 100 }

// generator draws a schedule.
type generator struct {
	rand   *rand.Rand
	nodes  int
	period time.Duration // of probing: what durations are measured in
	gone   int           // nodes that end for good
}

// schedule draws faults of some kinds over a stretch of time.
func (g *generator) schedule() Schedule {
	r := g.rand
	var enabled []Kind
	for k := range kinds {
		if k != Flip && r.IntN(2) == 0 {
			enabled = append(enabled, k)
		}
	}
	if len(enabled) == 0 {
		enabled = append(enabled, Crash)
	}
	if r.IntN(40) == 0 {
		enabled = append(enabled, Flip)
	}
	var s Schedule
	stretch := g.periods(20, 60)
	for range 2 + r.IntN(14) {
		f := Fault{Kind: enabled[r.IntN(len(enabled))]}
		f.At = 3*time.Second + time.Duration(r.Int64N(int64(stretch)))
		g.complete(&f)
		s = append(s, f)
		if r.IntN(4) == 0 { // trouble comes in clusters
			stretch = min(stretch, f.At)
		}
	}
	for i := range s {
		s[i].At = s[i].At.Round(time.Millisecond)
		s[i].For = s[i].For.Round(time.Millisecond)
	}
	s.sort()
	return s
}

// periods draws a time between a and b probe periods.
func (g *generator) periods(a, b int64) time.Duration {
	p := max(g.period, 500*time.Millisecond)
	return time.Duration(a)*p + time.Duration(g.rand.Int64N((b-a)*int64(p)+1))
}

// complete draws a fault's targets, duration and parameter.
func (g *generator) complete(f *Fault) {
	r := g.rand
	f.Targets = g.some()
	f.For = max(g.periods(0, 15), 10*time.Millisecond) // nothing lasts for good by accident
	if r.IntN(6) == 0 {
		f.For = g.periods(15, 60)
	}
	percent := 5 + 5*r.IntN(16)
	switch f.Kind {
	case Crash, Leave:
		f.Targets = g.few()
		if r.IntN(4) == 0 {
			g.forGood(f)
		}
		if f.Kind == Crash {
			f.Param = []int{0, 0, 0, CrashMove, CrashSilent, CrashMove | CrashSilent, CrashSwap}[r.IntN(7)]
		}
	case Jump:
		f.Targets, f.For, f.Param = g.few(), 0, int(g.periods(0, 60)/time.Millisecond)
	case Pause, Hold:
		f.Targets = g.few()
	case Meta, Say:
		f.For = 0
	case Cut, NoRoute:
		a := r.IntN(g.nodes)
		b := (a + 1 + r.IntN(g.nodes-1)) % g.nodes
		f.Targets = []int{a, b}
	case Part:
		f.Targets = g.half()
	case Loss, Burst, Dup, Reorder, Corrupt:
		f.Param = percent
	case Flip:
		f.Param = 1 + percent/4
	case Delay:
		f.Param = 1 + r.IntN(int(g.period/time.Millisecond))
	case MTU:
		f.Param = 60 + r.IntN(1200)
	}
}

// forGood makes a crash or a leave last, unless too much of the cluster would
// be gone. Node a always comes back: somebody must answer at a known address.
func (g *generator) forGood(f *Fault) {
	for _, t := range f.Targets {
		if t == 0 {
			return
		}
	}
	if g.gone += len(f.Targets); g.gone > g.nodes/2 {
		return
	}
	f.For = 0
}

// few draws one node, seldom more; of a large cluster up to a tenth.
func (g *generator) few() []int {
	n := 1
	if g.rand.IntN(3) == 0 {
		n += g.rand.IntN(1 + g.nodes/10)
	}
	if g.rand.IntN(8) == 0 {
		n = 1 + g.rand.IntN((g.nodes+1)/2)
	}
	return g.draw(n)
}

// some draws a few nodes or, as an empty list, all.
func (g *generator) some() []int {
	if g.rand.IntN(3) == 0 {
		return nil
	}
	return g.few()
}

// half draws one side of a partition.
func (g *generator) half() []int { return g.draw(1 + g.rand.IntN(max(1, g.nodes/2))) }

func (g *generator) draw(n int) []int { return g.rand.Perm(g.nodes)[:min(n, g.nodes)] }

package measure

import (
	"errors"
	"math/rand/v2"
	"slices"
	"sync"
	"time"
)

// death is one kill as the survivors see it.
type death struct {
	victim string
	need   int // survivors

	mu                   sync.Mutex
	at                   time.Time // zero while the victim lives
	suspect, first, last time.Duration
	declaredBy           map[int]bool
	suspectSeen          bool
}

// killed begins the measurement.
func (d *death) killed() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.at = time.Now()
}

// suspected is told of every suspicion of the victim, by anybody.
func (d *death) suspected() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.suspectSeen && !d.at.IsZero() {
		d.suspectSeen, d.suspect = true, time.Since(d.at)
	}
}

// declared is told when node i holds the victim dead.
func (d *death) declared(i int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.at.IsZero() || d.declaredBy[i] {
		return
	}
	d.declaredBy[i] = true
	d.last = time.Since(d.at)
	if len(d.declaredBy) == 1 {
		d.first = d.last
	}
}

func (d *death) done() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.declaredBy) >= d.need
}

func (d *death) report(res *Result, reached bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !reached {
		res.Note("%d of %d survivors held %s dead after %v", len(d.declaredBy), d.need, d.victim, killLimit)
		res.add("kill_last", Sample{V: killLimit.Seconds(), AtLeast: true})
	} else {
		res.Add("kill_last", d.last.Seconds())
	}
	if d.suspectSeen {
		res.Add("kill_suspect", d.suspect.Seconds())
	}
	if len(d.declaredBy) > 0 {
		res.Add("kill_first", d.first.Seconds())
	}
	trace("killed %s: suspected after %v, dead %v to %v", d.victim, d.suspect, d.first, d.last)
}

// killLimit is far beyond the longest suspicion of a healthy cluster.
const killLimit = 90 * time.Second

// deaths are the victims of one round, by name.
type deaths struct {
	order  []int // of the nodes, as they are killed
	byName map[string]*death
}

// about finds the death that node i has news of; nothing counts that a victim
// itself sees while it still runs.
func (c *cluster) about(i int, victim string) *death {
	round := c.deaths.Load()
	if round == nil || slices.Contains(round.order, i) {
		return nil
	}
	return round.byName[victim]
}

// killRound stops a few nodes without a word, each at a random phase of the
// probes, and waits until all others hold all of them dead.
func (c *cluster) killRound(victims int, rnd *rand.Rand, res *Result) error {
	round := &deaths{byName: map[string]*death{}}
	need := c.live() - victims
	for len(round.order) < victims {
		if i := rnd.IntN(len(c.nodes)); c.nodes[i] != nil && !slices.Contains(round.order, i) {
			round.order = append(round.order, i)
			round.byName[c.names[i]] = &death{victim: c.names[i], need: need, declaredBy: map[int]bool{}}
		}
	}
	c.deaths.Store(round)
	defer c.deaths.Store(nil)
	for _, i := range round.order {
		time.Sleep(time.Duration(rnd.Int64N(int64(time.Second))))
		node := c.nodes[i]
		c.nodes[i] = nil
		round.byName[c.names[i]].killed()
		if err := node.Kill(); err != nil {
			return err
		}
	}
	begin := time.Now()
	for _, i := range round.order {
		d := round.byName[c.names[i]]
		d.report(res, until(killLimit-time.Since(begin), 5*time.Millisecond, d.done))
	}
	return nil
}

// kills does the rounds of kills of a job.
func (c *cluster) kills(job Job, res *Result) error {
	if job.Steady == 0 && !c.settle(settleLimit) {
		res.Note("not settled %v before the kills", settleLimit)
	}
	if job.Victims < 1 || job.Victims*job.Kills >= job.N/2 {
		return errors.New("too few or too many victims")
	}
	rnd := rand.New(rand.NewPCG(job.Seed, 1))
	gone := c.gone.Load()
	expected := uint64(0)
	for range job.Kills {
		// Of a victim, its survivors tell; victims may tell of each other.
		expected += uint64(job.Victims * (c.live() - 1))
		if err := c.killRound(job.Victims, rnd, res); err != nil {
			return err
		}
	}
	if now := c.gone.Load() - gone; now > expected {
		res.Note("%d deaths declared of nodes that lived", now-expected)
	}
	return nil
}

package measure

import (
	"math/rand/v2"
	"sync"
	"time"
)

// death is one kill as the survivors see it.
type death struct {
	victim string
	at     time.Time
	need   int

	mu                    sync.Mutex
	suspect, first, last  time.Duration
	declaredBy            map[int]bool
	suspectSeen, deadSeen bool
}

// suspected is told of every suspicion of the victim, by anybody.
func (d *death) suspected() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.suspectSeen {
		d.suspectSeen, d.suspect = true, time.Since(d.at)
	}
}

// declared is told when node i holds the victim dead.
func (d *death) declared(i int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.declaredBy[i] {
		return
	}
	d.declaredBy[i] = true
	since := time.Since(d.at)
	if !d.deadSeen {
		d.deadSeen, d.first = true, since
	}
	d.last = since
}

func (d *death) done() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.declaredBy) >= d.need
}

// killLimit is far beyond the longest suspicion of a healthy cluster.
const killLimit = 90 * time.Second

// kill stops one node without a word and waits until all others hold it dead.
func (c *cluster) kill(rnd *rand.Rand, res *Result) error {
	i := rnd.IntN(len(c.nodes))
	for c.nodes[i] == nil {
		i = rnd.IntN(len(c.nodes))
	}
	// Kills must not keep step with the probes.
	time.Sleep(time.Duration(rnd.Int64N(int64(time.Second))))
	d := &death{victim: c.names[i], at: time.Now(), need: c.live() - 1, declaredBy: map[int]bool{}}
	node := c.nodes[i]
	c.nodes[i] = nil
	c.death.Store(d)
	if err := node.Kill(); err != nil {
		return err
	}
	reached := until(killLimit, 5*time.Millisecond, d.done)
	c.death.Store(nil)
	d.mu.Lock()
	defer d.mu.Unlock()
	if !reached {
		res.Note("%d of %d survivors held %s dead after %v", len(d.declaredBy), d.need, d.victim, killLimit)
	}
	if d.suspectSeen {
		res.Add("kill_suspect", d.suspect.Seconds())
	}
	if d.deadSeen {
		res.Add("kill_first", d.first.Seconds())
		last := d.last
		if !reached {
			last = killLimit
		}
		res.add("kill_last", Sample{V: last.Seconds(), AtLeast: !reached})
	}
	trace("killed %s: suspected after %v, dead %v to %v", d.victim, d.suspect, d.first, d.last)
	return nil
}

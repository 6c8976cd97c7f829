package measure

import (
	"sync"
	"sync/atomic"
	"time"
)

const (
	joiners    = 16          // joins under way at once when nothing paces them
	retryAfter = time.Second // a join that failed is tried again, as any program would
)

// joined is the outcome of joining a whole cluster through its first node.
type joined struct {
	agreement time.Duration // from the first join; the limit when it was not reached
	reached   bool
	last      time.Duration // from the start of the last first attempt
	failed    uint64        // attempts that returned an error
	cpu       time.Duration
}

// join lets all nodes join the first one and waits until all agree. Without a
// pace the nodes are started before, and join as fast as they can; with one,
// each is started when its turn to join has come.
func (c *cluster) join(pace int, limit time.Duration) (joined, error) {
	for i := range c.nodes {
		if pace > 0 && i > 0 {
			break
		}
		if err := c.start(i); err != nil {
			return joined{}, err
		}
	}
	cpu, err := cpuTime()
	if err != nil {
		return joined{}, err
	}
	begin := time.Now()
	j := &joiner{c: c, stop: begin.Add(limit)}
	if pace == 0 {
		j.parallel()
	} else if err := j.paced(pace); err != nil {
		return joined{}, err
	}
	out := joined{}
	out.reached = until(time.Until(j.stop), 5*time.Millisecond, c.agreed)
	out.agreement = time.Since(begin)
	out.last = time.Since(j.lastBegun)
	after, err := cpuTime()
	if err != nil {
		return joined{}, err
	}
	out.cpu = after - cpu
	j.expire()
	j.wg.Wait()
	out.failed = j.failed.Load()
	return out, nil
}

type joiner struct {
	c         *cluster
	stop      time.Time
	lastBegun time.Time
	failed    atomic.Uint64
	expired   atomic.Bool
	wg        sync.WaitGroup
}

func (j *joiner) expire() { j.expired.Store(true) }

// one lets node i join, however often that takes.
func (j *joiner) one(i int) {
	seed := j.c.nodes[0].Addr()
	for time.Now().Before(j.stop) && !j.expired.Load() {
		err := j.c.nodes[i].Join(seed)
		if err == nil {
			return
		}
		j.failed.Add(1)
		time.Sleep(retryAfter)
	}
}

// parallel keeps 16 joins under way. It returns when the last has begun.
func (j *joiner) parallel() {
	queue := make(chan int)
	for range joiners {
		j.wg.Go(func() {
			for i := range queue {
				j.one(i)
			}
		})
	}
	for i := 1; i < len(j.c.nodes); i++ {
		queue <- i
		j.lastBegun = time.Now()
	}
	close(queue)
}

// paced starts a node and lets it join at each tick.
func (j *joiner) paced(perSecond int) error {
	tick := time.NewTicker(time.Second / time.Duration(perSecond))
	defer tick.Stop()
	for i := 1; i < len(j.c.nodes); i++ {
		if err := j.c.start(i); err != nil {
			return err
		}
		j.lastBegun = time.Now()
		j.wg.Go(func() { j.one(i) })
		<-tick.C
	}
	return nil
}

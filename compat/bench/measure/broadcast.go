package measure

import (
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/musterhq/muster/compat/bench/system"
)

// rumor is one user broadcast as the members receive it.
type rumor struct {
	id uint64
	at time.Time

	mu    sync.Mutex
	delay map[int]time.Duration // per member, first receipt
}

func (r *rumor) received(i int, payload []byte) {
	if len(payload) < 8 || binary.BigEndian.Uint64(payload) != r.id {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, ok := r.delay[i]; !ok {
		r.delay[i] = time.Since(r.at)
	}
}

func (r *rumor) count() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.delay)
}

// broadcastLimit is many times what a rumour needs; one that has died out
// never arrives.
const broadcastLimit = 15 * time.Second

// broadcastGroup lets random members send 100 bytes to all, one after the
// other.
func broadcastGroup(sys system.System, job Job, res *Result) (err error) {
	c := newCluster(sys, job.N, true)
	defer func() { err = errors.Join(err, c.stop()) }()
	j, err := c.join(job.Pace, job.JoinLimit)
	if err != nil {
		return err
	}
	if !j.reached {
		return errors.New("the cluster did not form")
	}
	rnd := rand.New(rand.NewPCG(job.Seed, 2))
	for id := range uint64(job.Broadcasts) {
		if !c.settle(settleLimit) {
			res.Note("not settled %v before broadcast %d", settleLimit, id)
		}
		if err := c.broadcast(rnd.IntN(job.N), id+1, rnd, res); err != nil {
			return err
		}
	}
	return nil
}

func (c *cluster) broadcast(from int, id uint64, rnd *rand.Rand, res *Result) error {
	payload := Text(100)
	binary.BigEndian.PutUint64(payload, id)
	// The gossip ticks must not be in step with the broadcasts.
	time.Sleep(time.Duration(rnd.Int64N(int64(200 * time.Millisecond))))
	r := &rumor{id: id, at: time.Now(), delay: map[int]time.Duration{}}
	c.rumor.Store(r)
	if err := c.nodes[from].Broadcast(payload); err != nil {
		return err
	}
	others := len(c.nodes) - 1
	reached := until(broadcastLimit, 5*time.Millisecond, func() bool { return r.count() >= others })
	r.mu.Lock()
	defer r.mu.Unlock()
	var delays []time.Duration
	for i, d := range r.delay {
		if i != from {
			delays = append(delays, d)
		}
	}
	slices.Sort(delays)
	if !reached {
		res.Note("broadcast %d reached %d of %d", id, len(delays), others)
		res.add("broadcast_last", Sample{V: ms(broadcastLimit), AtLeast: true})
		return nil
	}
	res.Add("broadcast_median", ms(delays[len(delays)/2]))
	res.Add("broadcast_last", ms(delays[len(delays)-1]))
	trace("broadcast %d: median %v, last %v", id, delays[len(delays)/2], delays[len(delays)-1])
	return nil
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// Text is n bytes such as services send each other: neither zeros, which any
// compression swallows, nor noise, which none can.
func Text(n int) []byte {
	const sample = `........{"service":"orders","id":"7f3a9c","addr":"10.20.31.40:8080","zone":"eu-1b","weight":100,"up":true}`
	b := make([]byte, 0, n)
	for len(b) < n {
		b = append(b, sample[:min(len(sample), n-len(b))]...)
	}
	return b
}

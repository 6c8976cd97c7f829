package measure

import (
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/musterhq/muster/compat/bench/system"
)

// pairGroup lets one node send messages of 100 bytes to another as fast as it
// can: reliably and by datagram, from one goroutine and from eight.
func pairGroup(sys system.System, job Job, res *Result) (err error) {
	p, err := startPair(sys, job.Mode)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.a.Kill(), p.b.Kill()) }()
	window := time.Duration(job.Seconds * float64(time.Second))
	for _, kind := range []struct {
		name string
		send func(string, []byte) error
	}{{"reliable", p.a.Send}, {"packet", p.a.SendPacket}} {
		for _, senders := range []int{1, 8} {
			if _, err := p.flood(kind.send, senders, window/8); err != nil {
				return fmt.Errorf("%s, warming up: %w", kind.name, err)
			}
			f, err := p.flood(kind.send, senders, window)
			if err != nil {
				return fmt.Errorf("%s: %w", kind.name, err)
			}
			key := fmt.Sprintf("pair_%s_%d", kind.name, senders)
			res.Add(key, f.rate)
			res.Add(key+"_allocs", f.allocs)
			res.Add(key+"_lost", 100*(1-float64(f.delivered)/float64(f.sent)))
			trace("%s %s: %+v", job.Mode, key, f)
		}
	}
	return nil
}

// pair is two nodes that know each other.
type pair struct {
	a, b      system.Node
	traffic   system.Traffic
	delivered atomic.Uint64
}

func startPair(sys system.System, mode string) (*pair, error) {
	p := &pair{}
	opts := system.Options{Name: "node-0000", Traffic: &p.traffic}
	switch mode {
	case "compressed":
		opts.Compression = true
	case "encrypted":
		opts.Key = []byte("0123456789abcdef")
	case "plain":
	default:
		return nil, fmt.Errorf("no mode is called %q", mode)
	}
	var err error
	if p.a, err = sys.Start(opts); err != nil {
		return nil, err
	}
	opts.Name = "node-0001"
	opts.Observer.Message = func([]byte) { p.delivered.Add(1) }
	if p.b, err = sys.Start(opts); err != nil {
		return nil, errors.Join(err, p.a.Kill())
	}
	if err := p.a.Join(p.b.Addr()); err != nil {
		return nil, errors.Join(err, p.a.Kill(), p.b.Kill())
	}
	return p, nil
}

type flood struct {
	rate            float64 // delivered per second while the senders ran
	allocs          float64 // objects of both ends per message sent
	sent, delivered uint64
}

// flood sends for a while from so many goroutines. A refused send (a full
// queue, say) is not a message.
func (p *pair) flood(send func(string, []byte) error, senders int, window time.Duration) (flood, error) {
	payload := Text(100)
	if err := send("node-0001", payload); err != nil { // one alone: connections and look-ups
		return flood{}, err
	}
	p.drain()
	var m0, m1 runtime.MemStats
	runtime.ReadMemStats(&m0)
	start := p.delivered.Load()
	var sent, refused atomic.Uint64
	var stop atomic.Bool
	var wg sync.WaitGroup
	var lastErr atomic.Pointer[error]
	begin := time.Now()
	for range senders {
		wg.Go(func() {
			ok, bad := uint64(0), uint64(0)
			for !stop.Load() {
				if err := send("node-0001", payload); err != nil {
					lastErr.Store(&err)
					bad++
					continue
				}
				ok++
			}
			sent.Add(ok)
			refused.Add(bad)
		})
	}
	time.Sleep(window)
	inWindow := p.delivered.Load() - start
	took := time.Since(begin)
	stop.Store(true)
	wg.Wait()
	p.drain()
	runtime.ReadMemStats(&m1)
	if sent.Load() == 0 {
		return flood{}, fmt.Errorf("nothing was sent: %w", *lastErr.Load())
	}
	if r := refused.Load(); r > 0 {
		trace("%d sends refused: %v", r, *lastErr.Load())
	}
	return flood{
		rate:      float64(inWindow) / took.Seconds(),
		allocs:    float64(m1.Mallocs-m0.Mallocs) / float64(sent.Load()),
		sent:      sent.Load(),
		delivered: p.delivered.Load() - start,
	}, nil
}

// drain waits until nothing has arrived for a while.
func (p *pair) drain() {
	for last := p.delivered.Load(); ; {
		time.Sleep(200 * time.Millisecond)
		now := p.delivered.Load()
		if now == last {
			return
		}
		last = now
	}
}

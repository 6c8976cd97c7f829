package measure

import (
	"errors"
	"fmt"
	"io"
	"net"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/musterhq/muster/compat/bench/system"
)

// RequestCallers is how many ask at a time.
var RequestCallers = []int{1, 16}

// requestGroup has one node ask another, which sends the question back. Where
// the system has no requests of its own, callers do what an application does
// then: a fresh TCP connection for each, to an echo that it serves itself.
func requestGroup(sys system.System, job Job, res *Result) error {
	p, err := startPair(sys, "plain")
	if err != nil {
		return err
	}
	ask, stop, err := p.asker()
	if err != nil {
		return errors.Join(err, p.a.Kill(), p.b.Kill())
	}
	window := time.Duration(job.Seconds * float64(time.Second))
	for _, callers := range RequestCallers {
		if _, _, err = rate(ask, callers, window/8); err != nil {
			break
		}
		perSecond, allocs, e := rate(ask, callers, window)
		if err = e; err != nil {
			break
		}
		key := fmt.Sprintf("request_%d", callers)
		res.Add(key, perSecond)
		res.Add(key+"_allocs", allocs)
		trace("%s %s: %.0f/s, %.1f allocations", sys.Name(), key, perSecond, allocs)
	}
	return errors.Join(err, stop(), p.a.Kill(), p.b.Kill())
}

// asker returns how to ask.
func (p *pair) asker() (ask func() error, stop func() error, err error) {
	payload := Text(100)
	from, ok := p.a.(system.Asker)
	if to, can := p.b.(system.Asker); ok && can {
		to.Echo("echo")
		ask = func() error { return from.Ask("node-0001", "echo", payload) }
		return ask, func() error { return nil }, nil
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, nil, fmt.Errorf("serve an echo: %w", err)
	}
	go serveEcho(l, len(payload))
	ask = func() error { return dialAndAsk(l.Addr().String(), payload) }
	return ask, l.Close, nil
}

func serveEcho(l net.Listener, size int) {
	for {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			defer conn.Close()
			buf := make([]byte, size)
			if _, err := io.ReadFull(conn, buf); err == nil {
				_, _ = conn.Write(buf) // the caller sees what is missing
			}
		}()
	}
}

func dialAndAsk(addr string, payload []byte) error {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		return err
	}
	defer conn.Close()
	if _, err := conn.Write(payload); err != nil {
		return err
	}
	_, err = io.ReadFull(conn, make([]byte, len(payload)))
	return err
}

// rate asks from so many goroutines for a while, and returns answers per second
// and objects allocated for each, of both ends.
func rate(ask func() error, callers int, window time.Duration) (perSecond, allocs float64, err error) {
	var m0, m1 runtime.MemStats
	var answered atomic.Uint64
	var stop atomic.Bool
	var failed atomic.Pointer[error]
	var wg sync.WaitGroup
	runtime.ReadMemStats(&m0)
	begin := time.Now()
	for range callers {
		wg.Go(func() {
			for !stop.Load() {
				if err := ask(); err != nil {
					failed.Store(&err)
					return
				}
				answered.Add(1)
			}
		})
	}
	time.Sleep(window)
	n, took := answered.Load(), time.Since(begin)
	stop.Store(true)
	wg.Wait()
	runtime.ReadMemStats(&m1)
	if e := failed.Load(); e != nil {
		return 0, 0, fmt.Errorf("ask: %w", *e)
	}
	return float64(n) / took.Seconds(), float64(m1.Mallocs-m0.Mallocs) / float64(answered.Load()), nil
}

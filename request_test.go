package muster

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/musterhq/muster/wire"
)

func echo(_ context.Context, m Message) ([]byte, error) { return m.Payload, nil }

// stuck is a handler that says when it was called and waits for the end of its
// context, or to be released.
type stuck struct {
	called  chan context.Context
	release chan struct{}
}

func newStuck() *stuck {
	return &stuck{make(chan context.Context, 2048), make(chan struct{})}
}

func (s *stuck) handle(ctx context.Context, m Message) ([]byte, error) {
	s.called <- ctx
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-s.release:
		return m.Payload, nil
	}
}

func receive[T any](t *testing.T, what string, c <-chan T) (v T) {
	t.Helper()
	select {
	case v = <-c:
	case <-ctx(t).Done():
		t.Fatalf("never: %s", what)
	}
	return v
}

func TestRequest(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(int, *Config){
		"plain":     nil,
		"encrypted": func(_ int, c *Config) { c.Keyring, c.Label = ring(t, 1), "dc1" },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			nodes := cluster(t, 2, change)
			nodes[1].Handle("echo", echo)
			nodes[1].Handle("who", func(_ context.Context, m Message) ([]byte, error) {
				return fmt.Appendf(nil, "%s %s %v", m.Sender, m.Topic, m.Reliable), nil
			})
			nodes[1].Handle("fail", func(context.Context, Message) ([]byte, error) {
				return nil, errors.New(strings.Repeat("x", 2*wire.MaxFailure))
			})
			for _, size := range []int{0, 1, 100, wire.MaxFramePayload, wire.MaxFramePayload + 1, 5 << 20} {
				payload := bytes.Repeat([]byte{7, 8, 9}, size/3+1)[:size]
				reply, err := nodes[0].Request(ctx(t), "n1", "echo", payload)
				if err != nil || !bytes.Equal(reply, payload) {
					t.Fatalf("%d bytes: %d came back, %v", size, len(reply), err)
				}
			}
			reply, err := nodes[0].Request(ctx(t), "n1", "who", nil)
			if string(reply) != "n0 who true" || err != nil {
				t.Errorf("%q, %v", reply, err)
			}
			var remote *RemoteError
			if _, err = nodes[0].Request(ctx(t), "n1", "fail", nil); !errors.As(err, &remote) || remote.Member != "n1" || len(remote.Text) != wire.MaxFailure {
				t.Errorf("a handler's error: %v", err)
			}
			if reply, err = nodes[0].Request(ctx(t), "n0", "echo", nil); !errors.Is(err, ErrNoHandler) {
				t.Errorf("of itself, without a handler: %q, %v", reply, err)
			}
		})
	}
}

func TestRequestErrors(t *testing.T) {
	t.Parallel()
	nodes := cluster(t, 2, nil)
	cancel := nodes[1].Handle("echo", echo)
	if _, err := nodes[0].Request(ctx(t), "n1", "echo", nil); err != nil {
		t.Error(err)
	}
	again := nodes[1].Handle("echo", echo)
	cancel() // which must not take the new one away
	if _, err := nodes[0].Request(ctx(t), "n1", "echo", nil); err != nil {
		t.Error(err)
	}
	again()
	nodes[1].Handle("much", func(context.Context, Message) ([]byte, error) { return make([]byte, wire.MaxUserMessage+1), nil })
	old := wire.Alive{Incarnation: 1, Node: "old", Addr: nodes[1].Local().Addr.Addr(), Port: 9, Versions: wire.Versions{1, 5, 2}}
	var err error
	if e := nodes[0].do(func(now time.Time) { err = nodes[0].core.Step(now, nodes[1].Local().Addr, old.Append(nil)) }); e != nil || err != nil {
		t.Fatal(e, err)
	}
	for _, c := range []struct {
		to, topic string
		payload   []byte
		want      error
	}{
		{"n1", "echo", nil, ErrNoHandler},
		{"n1", "much", nil, ErrTooLarge},
		{"n2", "echo", nil, ErrUnknown},
		{"old", "echo", nil, ErrUnsupported},
		{"n1", strings.Repeat("t", wire.MaxTopic+1), nil, ErrTooLarge},
		{"n1", "echo", make([]byte, wire.MaxUserMessage+1), ErrTooLarge},
	} {
		if _, err := nodes[0].Request(ctx(t), c.to, c.topic, c.payload); !errors.Is(err, c.want) {
			t.Errorf("request to %s on %.10q: %v, want %v", c.to, c.topic, err, c.want)
		}
	}
	if err := nodes[0].SendTopic(ctx(t), "old", "news", nil); !errors.Is(err, ErrUnsupported) {
		t.Errorf("topic to memberlist: %v", err)
	}
}

// A handler that takes long holds up no other request of the same stream,
// whether it was begun by the reader or not.
func TestRequestsOvertake(t *testing.T) {
	t.Parallel()
	nodes := cluster(t, 2, nil)
	slow := newStuck()
	nodes[1].Handle("slow", slow.handle)
	nodes[1].Handle("echo", echo)
	var work sync.WaitGroup
	for i := range 5 {
		work.Go(func() {
			want := string(rune('a' + i))
			if reply, err := nodes[0].Request(ctx(t), "n1", "slow", []byte(want)); err != nil || string(reply) != want {
				t.Errorf("slow request %s: %q, %v", want, reply, err)
			}
		})
		receive(t, "the slow handler's call", slow.called)
		if reply, err := nodes[0].Request(ctx(t), "n1", "echo", []byte("quick")); err != nil || string(reply) != "quick" {
			t.Fatalf("beside %d slow requests: %q, %v", i+1, reply, err)
		}
	}
	if s := nodes[1].Stats(); s.RequestsRunning != 5 || s.MessageStreams != 1 {
		t.Errorf("%d requests on %d streams, want 5 on 1", s.RequestsRunning, s.MessageStreams)
	}
	close(slow.release)
	work.Wait()
}

// The end of the caller's context, by cancellation or deadline, reaches the
// handler, of a request that leads the reading and of one that follows.
func TestRequestCancelled(t *testing.T) {
	t.Parallel()
	nodes := cluster(t, 2, func(_ int, c *Config) { c.StreamTimeout = time.Minute })
	slow := newStuck()
	nodes[1].Handle("slow", slow.handle)
	begin := time.Now()
	for round := range 4 {
		var work sync.WaitGroup
		caller, cancel := context.WithCancel(t.Context())
		for range round + 1 {
			work.Go(func() {
				if _, err := nodes[0].Request(caller, "n1", "slow", nil); !errors.Is(err, context.Canceled) {
					t.Errorf("cancelled: %v", err)
				}
			})
		}
		var handlers []context.Context
		for range round + 1 {
			handlers = append(handlers, receive(t, "the handler's call", slow.called))
		}
		cancel()
		work.Wait()
		for _, h := range handlers {
			receive(t, "the end of the handler's context", h.Done())
		}
	}
	if took := time.Since(begin); took > pulseMax/2 {
		t.Errorf("took %v: somebody waited for a pulse", took)
	}
	caller, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := nodes[0].Request(caller, "n1", "slow", nil); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("past its deadline: %v", err)
	}
	handler := receive(t, "the handler's call", slow.called)
	d, ok := handler.Deadline()
	if want, _ := caller.Deadline(); !ok || d.Sub(want).Abs() > 10*time.Second {
		t.Errorf("the handler has until %v, %v, the caller until %v", d, ok, want)
	}
	receive(t, "the end of the handler's context", handler.Done())
	poll(t, "nothing under way", func() bool {
		return nodes[0].Stats().CallsInFlight == 0 && nodes[1].Stats().RequestsRunning == 0
	})
}

// A member that goes while it handles a request: the caller hears of it at
// once, and the request is not made again at the one that comes in its place.
func TestRequestPeerRestarts(t *testing.T) {
	t.Parallel()
	nodes := cluster(t, 2, nil)
	slow := newStuck()
	nodes[1].Handle("slow", slow.handle)
	failed := make(chan error, 2)
	for range 2 { // one reads the stream, the other follows
		go func() {
			_, err := nodes[0].Request(ctx(t), "n1", "slow", nil)
			failed <- err
		}()
		receive(t, "the handler's call", slow.called)
	}
	addr := nodes[1].Local().Addr
	if err := nodes[1].Close(); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := receive(t, "the request's end", failed); err == nil || errors.Is(err, errRetry) || errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a request whose handler died: %v", err)
		}
	}
	cfg := quiet(t, "n1")
	cfg.Bind = addr.String()
	again := startNode(t, cfg)
	var calls atomic.Int32
	again.Handle("slow", func(context.Context, Message) ([]byte, error) { calls.Add(1); return nil, nil })
	if _, err := nodes[0].Request(ctx(t), "n1", "slow", nil); err != nil {
		t.Errorf("of the new process: %v", err)
	}
	if calls.Load() != 1 {
		t.Errorf("the new process got %d requests, want the new one", calls.Load())
	}
}

// A stream is closed by its peer while nothing is under way: the next request
// goes over another one, without an error.
func TestRequestAfterIdle(t *testing.T) {
	t.Parallel()
	nodes := cluster(t, 2, nil)
	nodes[1].Handle("echo", echo)
	for range 5 {
		if _, err := nodes[0].Request(ctx(t), "n1", "echo", nil); err != nil {
			t.Fatal(err)
		}
		poll(t, "the peer's closing noticed", func() bool {
			nodes[1].served.mu.Lock()
			for _, l := range nodes[1].served.links {
				nodes[1].hangUp(l.in.conn)
			}
			nodes[1].served.mu.Unlock()
			return nodes[0].Stats().MessageStreams == 0
		})
	}
}

// Close ends requests in flight with ErrClosed, at once, and no goroutine is
// left. Not parallel: it counts what the process has.
func TestCloseWithRequests(t *testing.T) {
	before := runtime.NumGoroutine()
	a, b := startNode(t, quiet(t, "a")), startNode(t, quiet(t, "b"))
	if _, err := a.Join(ctx(t), b.Local().Addr.String()); err != nil {
		t.Fatal(err)
	}
	slow := newStuck()
	b.Handle("slow", slow.handle)
	a.Handle("slow", slow.handle)
	failed := make(chan error, 100)
	ask := func(from *Node, to string) {
		_, err := from.Request(context.Background(), to, "slow", nil)
		failed <- err
	}
	for range 20 {
		go ask(a, "b")
		go ask(b, "a")
	}
	for range 40 {
		receive(t, "the handler's call", slow.called)
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	closed := 0
	for range 40 {
		if err := receive(t, "the request's end", failed); errors.Is(err, ErrClosed) {
			closed++
		} else if err == nil {
			t.Error("a reply from a closed node")
		}
	}
	if closed != 20 {
		t.Errorf("%d requests ended with ErrClosed, want the closed node's 20", closed)
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Request(context.Background(), "a", "slow", nil); !errors.Is(err, ErrClosed) {
		t.Errorf("on a closed node: %v", err)
	}
	poll(t, "no goroutine after Close", func() bool { return runtime.NumGoroutine() <= before })
}

// A handler may close its own node, also one that the reader handles.
func TestCloseInHandler(t *testing.T) {
	t.Parallel()
	nodes := cluster(t, 2, nil)
	nodes[1].Handle("close", func(context.Context, Message) ([]byte, error) { return nil, nodes[1].Close() })
	if _, err := nodes[0].Request(ctx(t), "n1", "close", nil); err == nil {
		t.Error("a reply from a closed node")
	}
	receive(t, "the end of the node", nodes[1].Done())
}

// Beyond Config.RequestsMax requests wait; beyond four times that they are
// refused, and counted. What one member asks does not keep another from its
// answers.
func TestRequestsBounded(t *testing.T) {
	t.Parallel()
	const most = 4
	nodes := cluster(t, 3, func(_ int, c *Config) { c.RequestsMax = most })
	slow := newStuck()
	nodes[0].Handle("slow", slow.handle)
	nodes[0].Handle("echo", echo)
	results := make(chan error, 1000)
	const asked = 100
	for range asked {
		go func() {
			_, err := nodes[1].Request(ctx(t), "n0", "slow", nil)
			results <- err
		}()
	}
	busy := asked - mostOfOne(most) - mostOfOne(4*most)
	for range busy {
		if err := receive(t, "a refusal", results); !errors.Is(err, ErrBusy) {
			t.Fatalf("want ErrBusy: %v", err)
		}
	}
	if s := nodes[0].Stats(); s.RequestsRefused != uint64(busy) || s.RequestsRunning != mostOfOne(most) || s.RequestsWaiting != mostOfOne(4*most) {
		t.Errorf("%d refused, %d running, %d waiting; want %d, %d, %d", s.RequestsRefused, s.RequestsRunning, s.RequestsWaiting, busy, mostOfOne(most), mostOfOne(4*most))
	}
	for range 10 {
		if _, err := nodes[2].Request(ctx(t), "n0", "echo", nil); err != nil {
			t.Errorf("of another member: %v", err)
		}
	}
	close(slow.release)
	for range asked - busy {
		if err := receive(t, "an answer", results); err != nil {
			t.Errorf("one that had waited: %v", err)
		}
	}
	poll(t, "nothing under way", func() bool { s := nodes[0].Stats(); return s.RequestsRunning == 0 && s.RequestsWaiting == 0 })
	if got := nodes[0].served.bytes.Load(); got != 0 {
		t.Errorf("%d bytes are still counted", got)
	}
}

// A request that waits is withdrawn with its caller's context.
func TestWaitingRequestCancelled(t *testing.T) {
	t.Parallel()
	nodes := cluster(t, 2, func(_ int, c *Config) { c.RequestsMax = 1 })
	slow := newStuck()
	nodes[1].Handle("slow", slow.handle)
	go nodes[0].Request(ctx(t), "n1", "slow", nil) //nolint:errcheck // it only occupies the handler
	receive(t, "the handler's call", slow.called)
	caller, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		_, err := nodes[0].Request(caller, "n1", "slow", nil)
		done <- err
	}()
	poll(t, "a request that waits", func() bool { return nodes[1].Stats().RequestsWaiting == 1 })
	cancel()
	if err := receive(t, "the caller's end", done); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	poll(t, "no request that waits", func() bool { return nodes[1].Stats().RequestsWaiting == 0 })
	close(slow.release)
}

// Many callers at once over one stream: each gets its own answer.
func TestManyRequests(t *testing.T) {
	t.Parallel()
	nodes := cluster(t, 2, nil)
	nodes[1].Handle("echo", echo)
	var work sync.WaitGroup
	for i := range 50 {
		work.Go(func() {
			for j := range 40 {
				want := bytes.Repeat(fmt.Appendf(nil, "%d/%d ", i, j), 1+(i*j)%10_000)
				if reply, err := nodes[0].Request(ctx(t), "n1", "echo", want); err != nil || !bytes.Equal(reply, want) {
					t.Errorf("request %d/%d of %d bytes: %d bytes, %v", i, j, len(want), len(reply), err)
					return
				}
			}
		})
	}
	work.Wait()
	if s := nodes[0].Stats(); s.RequestsSent != 2000 || s.MessageStreams != 1 || s.CallsInFlight != 0 {
		t.Errorf("%d requests, %d streams, %d in flight", s.RequestsSent, s.MessageStreams, s.CallsInFlight)
	}
}

package muster

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/musterhq/muster/wire"
)

func TestSendTopic(t *testing.T) {
	t.Parallel()
	plain, got := make(chan Message, 10), make(chan string, 10)
	nodes := cluster(t, 2, func(_ int, c *Config) { c.OnMessage = func(m Message) { plain <- m } })
	note := func(who string) func(Message) {
		return func(m Message) { got <- fmt.Sprintf("%s: %s says %s on %s", who, m.Sender, m.Payload, m.Topic) }
	}
	if err := nodes[0].SendTopic(ctx(t), "n1", "news", nil); !errors.Is(err, ErrNoHandler) {
		t.Errorf("to a topic that nobody listens to: %v", err)
	}
	first, second := nodes[1].Subscribe("news", note("first")), nodes[1].Subscribe("news", note("second"))
	send := func(payload string, want ...string) {
		t.Helper()
		if err := nodes[0].SendTopic(ctx(t), "n1", "news", []byte(payload)); err != nil {
			t.Error(err)
		}
		for _, who := range want {
			if m := receive(t, "the message", got); m != fmt.Sprintf("%s: n0 says %s on news", who, payload) {
				t.Errorf("got %q, want %s to get %s", m, who, payload)
			}
		}
	}
	send("one", "first", "second")
	first()
	first()
	send("two", "second")
	second()
	if err := nodes[0].SendTopic(ctx(t), "n1", "news", nil); !errors.Is(err, ErrNoHandler) {
		t.Errorf("when all have gone: %v", err)
	}
	defer nodes[1].Subscribe("", note("plain"))()
	if err := nodes[0].Send(ctx(t), "n1", []byte("three")); err != nil {
		t.Error(err)
	}
	if m := receive(t, "the plain message", plain); string(m.Payload) != "three" || m.Sender != "n0" || m.Topic != "" || !m.Reliable {
		t.Errorf("got %+v", m)
	}
	if m := receive(t, "the plain message", got); m != "plain: n0 says three on " {
		t.Errorf("got %q", m)
	}
}

// Messages by address: to a member over its stream, to anybody else in
// memberlist's way.
func TestSendTo(t *testing.T) {
	t.Parallel()
	got := make(chan string, 10)
	cfg := quiet(t, "stranger")
	cfg.OnMessage = func(m Message) { got <- string(m.Payload) }
	stranger := startNode(t, cfg)
	nodes := cluster(t, 2, func(_ int, c *Config) { c.OnMessage = cfg.OnMessage })
	for what, to := range map[string]*Node{"a stranger": stranger, "a member": nodes[1]} {
		for _, name := range []string{"", to.cfg.Name, "whoever"} {
			if err := nodes[0].SendTo(ctx(t), to.addr, name, []byte(what)); err != nil {
				t.Errorf("to %s as %q: %v", what, name, err)
			}
			if m := receive(t, "the message", got); m != what {
				t.Errorf("got %q, want %q", m, what)
			}
			if err := nodes[0].SendPacketTo(to.addr, name, []byte(what)); err != nil {
				t.Errorf("packet to %s as %q: %v", what, name, err)
			}
			if m := receive(t, "the packet", got); m != what {
				t.Errorf("got %q, want %q", m, what)
			}
		}
	}
	if s := nodes[0].Stats(); s.MessageStreams != 1 {
		t.Errorf("%d streams are kept, want that to the member", s.MessageStreams)
	}
}

// recorder is a receiver that comes and goes, and what it got, by sender.
type recorder struct {
	mu   sync.Mutex
	last map[string]int
	all  int
	bad  []string
}

// note is called with the lock held.
func (r *recorder) note(m Message) {
	sender, number, _ := strings.Cut(string(m.Payload), " ")
	number, _, _ = strings.Cut(number, " ")
	n, err := strconv.Atoi(number)
	if last, known := r.last[sender]; err != nil || known && n <= last {
		r.bad = append(r.bad, fmt.Sprintf("%s: %d after %d, %v", sender, n, last, err))
	}
	r.last[sender] = n
	r.all++
}

// What one sender sends arrives in its order and not twice, beside others and
// while the receiver is restarted and its streams break; what was acknowledged
// has arrived.
func TestSendsKeepTheirOrder(t *testing.T) {
	t.Parallel()
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	got := &recorder{last: map[string]int{}}
	// Close does not wait for a callback: one of a process that is gone may
	// still be on its way here, and is not counted.
	var life atomic.Int32
	takeIn := func(mine int32) func(Message) {
		return func(m Message) {
			got.mu.Lock()
			defer got.mu.Unlock()
			if life.Load() == mine {
				got.note(m)
			}
		}
	}
	nodes := cluster(t, 2, func(_ int, c *Config) { c.OnMessage = takeIn(0) })
	receiver := nodes[1]
	var acked atomic.Int32
	over := make(chan struct{})
	var work sync.WaitGroup
	for s := range 8 {
		random := rand.New(rand.NewPCG(seed, uint64(s)))
		work.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-over:
					return
				default:
				}
				payload := fmt.Sprintf("%d %d %s", s, i, strings.Repeat("x", random.IntN(3)*random.IntN(50_000)))
				if nodes[0].Send(t.Context(), "n1", []byte(payload)) == nil {
					acked.Add(1)
				}
			}
		})
	}
	addr := receiver.addr.String()
	for round := range 8 {
		until := acked.Load() + 100
		poll(t, "more messages", func() bool { return acked.Load() > until })
		if round%2 == 0 { // a break
			receiver.served.mu.Lock()
			for _, l := range receiver.served.links {
				receiver.hangUp(l.in.conn)
			}
			receiver.served.mu.Unlock()
			continue
		}
		// What the old process has acknowledged and not delivered goes with it.
		if err := receiver.Close(); err != nil {
			t.Fatal(err)
		}
		cfg := quiet(t, "n1")
		got.mu.Lock()
		now := life.Add(1)
		got.mu.Unlock()
		cfg.Bind, cfg.OnMessage = addr, takeIn(now)
		receiver = startNode(t, cfg)
		if _, err := receiver.Join(ctx(t), nodes[0].addr.String()); err != nil {
			t.Fatal(err)
		}
		poll(t, "the receiver back", func() bool { m, _ := nodes[0].Member("n1"); return m.State == Alive })
	}
	close(over)
	work.Wait()
	got.mu.Lock()
	defer got.mu.Unlock()
	t.Logf("%d acknowledged, %d arrived", acked.Load(), got.all)
	if len(got.bad) > 0 {
		t.Errorf("out of order: %d, as %v", len(got.bad), got.bad[0])
	}
}

// When the application does not keep up, senders wait; requests on the same
// stream do not, and exactly what was acknowledged, or waited, is delivered.
func TestReceiverIsFull(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	var got atomic.Int32
	nodes := cluster(t, 2, func(_ int, c *Config) {
		c.OnMessage = func(Message) { <-release; got.Add(1) }
		c.StreamTimeout = 20 * time.Second
	})
	nodes[1].Handle("echo", echo)
	const size = 4 << 20
	results := make(chan error, 100)
	most := messageRoom/size + 1 // one is in the callback
	for range most + 3 {
		go func() { results <- nodes[0].Send(ctx(t), "n1", make([]byte, size)) }()
	}
	for range most {
		if err := receive(t, "an ack", results); err != nil {
			t.Fatal(err)
		}
	}
	poll(t, "a message that waits for room", func() bool { return nodes[1].Stats().MessagesWaiting > most-1 })
	if _, err := nodes[0].Request(ctx(t), "n1", "echo", nil); err != nil {
		t.Errorf("a request beside them: %v", err)
	}
	impatient, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := nodes[0].Send(impatient, "n1", []byte("x")); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("of a sender that does not wait: %v", err)
	}
	select {
	case err := <-results:
		t.Errorf("a message was acknowledged that there was no room for: %v", err)
	default:
	}
	close(release)
	for range 3 {
		if err := receive(t, "an ack", results); err != nil {
			t.Error(err)
		}
	}
	poll(t, "all delivered", func() bool { return got.Load() >= int32(most+3) })
	if err := nodes[0].Send(ctx(t), "n1", nil); err != nil {
		t.Error(err)
	}
	poll(t, "the last one", func() bool { return nodes[1].Stats().MessagesWaiting == 0 })
	if got.Load() != int32(most+4) {
		t.Errorf("%d delivered, want %d: one was withdrawn", got.Load(), most+4)
	}
	if left := nodes[1].served.bytes.Load(); left != 0 {
		t.Errorf("%d bytes are still counted", left)
	}
}

// What is under way to a peer is bounded; others wait for their turn, or until
// their context ends.
func TestWindow(t *testing.T) {
	t.Parallel()
	nodes := cluster(t, 2, nil)
	slow := newStuck()
	nodes[1].Handle("slow", slow.handle)
	results := make(chan error, 10)
	for range 6 {
		go func() {
			_, err := nodes[0].Request(ctx(t), "n1", "slow", make([]byte, windowBytes/2))
			results <- err
		}()
	}
	for range 2 {
		receive(t, "the handler's call", slow.called)
	}
	poll(t, "the window full", func() bool { return nodes[0].Stats().CallsInFlight == 2 })
	impatient, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := nodes[0].Request(impatient, "n1", "slow", []byte("x")); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("of a caller that does not wait: %v", err)
	}
	if len(slow.called) > 0 {
		t.Error("more is under way than the window allows")
	}
	close(slow.release)
	for range 6 {
		if err := receive(t, "a reply", results); err != nil {
			t.Error(err)
		}
	}
}

// A member whose address another has taken over: the message is not delivered
// to that one.
func TestAnotherMemberAtTheAddress(t *testing.T) {
	t.Parallel()
	got := make(chan Message, 1)
	nodes := cluster(t, 2, nil)
	addr := nodes[1].addr
	if err := nodes[1].Close(); err != nil {
		t.Fatal(err)
	}
	cfg := quiet(t, "other")
	cfg.Bind, cfg.OnMessage = addr.String(), func(m Message) { got <- m }
	startNode(t, cfg)
	if err := nodes[0].Send(ctx(t), "n1", []byte("for n1")); !errors.Is(err, ErrUnknown) {
		t.Errorf("want ErrUnknown: %v", err)
	}
	if len(got) > 0 {
		t.Error("it was delivered to another")
	}
}

// A stream of messages that stands still breaks, and frees its callers.
func TestPeerThatNeverAnswers(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	cfg := quiet(t, "sender")
	cfg.StreamTimeout, cfg.SuspicionMult = 300*time.Millisecond, 1000
	n := startNode(t, cfg)
	deaf := l.Addr().(*net.TCPAddr).AddrPort() // accepts by backlog, never reads
	a := wire.Alive{Incarnation: 1, Node: "deaf", Addr: deaf.Addr(), Port: deaf.Port(), Versions: wire.Versions{1, 5, 2}, Caps: wire.CapMuster | wire.CapMessage}
	if err := n.do(func(now time.Time) { err = n.core.Step(now, deaf, a.Append(nil)) }); err != nil {
		t.Fatal(err)
	}
	await(t, n, "knowing the deaf one", func() bool { _, ok := n.Member("deaf"); return ok })
	begin := time.Now()
	if err := n.Send(t.Context(), "deaf", []byte("x")); !errors.Is(err, ErrNoAck) {
		t.Errorf("a small message: %v", err)
	}
	impatient, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := n.Request(impatient, "deaf", "t", nil); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a request: %v", err)
	}
	if err := n.Send(t.Context(), "deaf", make([]byte, 18<<20)); err == nil {
		t.Error("sent 18 MB to a peer that reads nothing")
	}
	if took := time.Since(begin); took > 10*time.Second {
		t.Errorf("took %v to give up", took)
	}
}

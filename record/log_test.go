package record

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

// publish publishes one message, waiting while there is no room for it.
func (n *node) publish(topic, payload string) uint64 {
	for {
		seq, err := n.Publish(n.c.time(), topic, []byte(payload))
		n.act()
		if err == nil {
			return seq
		}
		if !errors.Is(err, ErrBusy) {
			n.c.t.Fatal(err)
		}
		n.c.run(10*time.Millisecond, nil)
	}
}

// TestLogSimulation is issue 3's: 20 members, 10% loss, and messages of which
// each is delivered exactly once everywhere. Its full size is
// MUSTER_RECORD_MESSAGES=100000.
func TestLogSimulation(t *testing.T) {
	messages := size(t, "MUSTER_RECORD_MESSAGES", 4000)
	const members = 20
	c := newCluster(t, simSeed(t, 21))
	c.loss, c.delay = 0.1, 5*time.Millisecond
	for i := range members {
		c.add(fmt.Sprint("node-", i))
	}
	c.meetAll()
	c.observe = func(n *node, rd *Ready) {
		for _, m := range rd.Messages {
			if want := fmt.Sprintf("%s %d ", m.Owner, m.Seq); !strings.HasPrefix(string(m.Payload), want) {
				t.Fatalf("%s: message %d of %s is %q", n.name, m.Seq, m.Owner, m.Payload)
			}
		}
	}
	began := time.Now()
	sent := make([]uint64, members)
	for i := range messages {
		from := i % 4 // some publish, in bursts; the rest only listen
		o := c.nodes[from]
		sent[from]++
		if seq := o.publish("news", fmt.Sprintf("%s %d %s", o.name, sent[from], strings.Repeat("x", 60))); seq != sent[from] {
			t.Fatalf("message %d has number %d", sent[from], seq)
		}
		if c.r.IntN(200) == 0 {
			c.run(time.Duration(c.r.Int64N(int64(300*time.Millisecond))), nil)
		}
	}
	allDone := func() bool {
		for i, o := range c.nodes {
			if o.done != sent[i] {
				return false
			}
		}
		return true
	}
	if !c.run(time.Minute, allDone) {
		for i, o := range c.nodes {
			t.Errorf("%s: %d of %d done, %+v", o.name, o.done, sent[i], o.Stats())
		}
	}
	for _, n := range c.nodes {
		for i, o := range c.nodes {
			if n != o && n.got[o.name] != sent[i] {
				t.Errorf("%s got %d of %d from %s", n.name, n.got[o.name], sent[i], o.name)
			}
		}
		own := 0
		if n.id < 4 {
			own = int(sent[n.id])
		}
		if s := n.Stats(); n.deliver != messages-own || s.Lost > 0 {
			t.Errorf("%s delivered %d messages of %d, lost %d", n.name, n.deliver, messages-own, s.Lost)
		}
		if s := n.Stats(); s.LogEntries > 0 && n.id < 4 && len(n.self.log.entries) > 0 {
			t.Errorf("%s still keeps %d entries", n.name, len(n.self.log.entries))
		}
	}
	t.Logf("%d messages to %d members: %v virtual, %.1f s real, %.1f MB in %d packets, %.1f MB over %d streams",
		messages, members, c.now.Round(time.Millisecond), time.Since(began).Seconds(), float64(c.bytes)/1e6, c.packets, float64(c.streamed)/1e6, c.streams)
}

func TestLateJoinerStartsAtTheEnd(t *testing.T) {
	c, a, _, _ := trio(t, 22)
	for i := range 10 {
		a.publish("t", fmt.Sprint("before ", i))
	}
	c.run(2*time.Second, nil)
	late := c.add("late")
	for _, n := range c.nodes[:3] {
		c.meet(late, n)
	}
	c.run(time.Second, nil)
	seq := a.publish("t", "after")
	if !c.run(10*time.Second, func() bool { return a.done == seq }) {
		t.Fatalf("done up to %d of %d: %+v", a.done, seq, late.Stats())
	}
	if late.deliver != 1 || late.got["a"] != seq {
		t.Errorf("late joiner got %d messages up to %d, want only %d", late.deliver, late.got["a"], seq)
	}
	if s := late.Stats(); s.Lost > 0 {
		t.Errorf("%d messages counted as lost that were never promised", s.Lost)
	}
}

// A peer that goes down is not waited for, and what is published to nobody is
// done at once.
func TestDoneWithoutTheDead(t *testing.T) {
	c, a, b, d := trio(t, 23)
	b.down = true
	seq := a.publish("t", "x")
	c.run(5*time.Second, nil)
	if a.done == seq {
		t.Fatal("done although b has not got it")
	}
	c.part(b)
	if !c.run(time.Second, func() bool { return a.done == seq }) {
		t.Fatal("still waits for the dead")
	}
	if d.deliver != 1 {
		t.Errorf("d got %d messages", d.deliver)
	}
	c.part(d)
	if seq := a.publish("t", "to nobody"); a.done != seq {
		t.Error("waits for nobody")
	}
}

func TestBackPressure(t *testing.T) {
	c := newCluster(t, 24)
	c.config = func(cfg *Config) { cfg.LogEntries = 10 }
	a, b := c.add("a"), c.add("b")
	c.meetAll()
	c.cut = func(_, _ *node) bool { return true }
	for range 10 {
		a.publish("t", "x")
	}
	if _, err := a.Publish(c.time(), "t", []byte("one too many")); !errors.Is(err, ErrBusy) {
		t.Fatalf("published with a full window: %v", err)
	}
	c.cut = nil
	if !c.run(10*time.Second, func() bool { return a.done == 10 }) || b.deliver != 10 {
		t.Fatalf("done up to %d, delivered %d", a.done, b.deliver)
	}
	if _, err := a.Publish(c.time(), "t", []byte("now")); err != nil {
		t.Error(err)
	}
	for _, bad := range []struct {
		topic string
		size  int
		want  error
	}{{"", 1, ErrKey}, {strings.Repeat("t", MaxTopic+1), 1, ErrKey}, {"t", MaxPayload + 1, ErrTooLarge}} {
		if _, err := a.Publish(c.time(), bad.topic, make([]byte, bad.size)); !errors.Is(err, bad.want) {
			t.Errorf("topic of %d, payload of %d bytes: %v", len(bad.topic), bad.size, err)
		}
	}
}

// A peer that stays up but hears nothing for longer than messages are kept
// loses them, and says so; the owner does not wait for ever.
func TestLostMessagesAreCounted(t *testing.T) {
	c, a, b, d := trio(t, 25)
	a.publish("t", "first")
	c.run(2*time.Second, nil)
	c.cut = func(x, y *node) bool { return x == b || y == b }
	for i := range 5 {
		a.publish("t", fmt.Sprint("unheard ", i))
	}
	c.run(3*time.Minute, nil)
	c.cut = nil
	seq := a.publish("t", "last")
	if !c.run(time.Minute, func() bool { return a.done == seq }) {
		t.Fatalf("done up to %d of %d", a.done, seq)
	}
	if s := b.Stats(); b.got["a"] != seq || s.Lost != 5 {
		t.Errorf("b got up to %d and counts %d lost, want %d and 5", b.got["a"], s.Lost, seq)
	}
	if d.deliver != 7 {
		t.Errorf("d got %d messages, want 7", d.deliver)
	}
}

// A large message and a small one keep their order though they travel by
// different ways.
func TestLargeMessages(t *testing.T) {
	c, a, b, d := trio(t, 26)
	for i := range 20 {
		a.publish("t", strings.Repeat("x", 1+i%3*200_000))
	}
	if !c.run(20*time.Second, func() bool { return a.done == 20 }) || b.deliver != 20 || d.deliver != 20 {
		t.Fatalf("done up to %d, delivered %d and %d", a.done, b.deliver, d.deliver)
	}
}

// The owner hears of a later self and goes on under a higher generation. The
// others have all its messages, each once.
func TestLogOutlivesANewGeneration(t *testing.T) {
	c, a, b, d := trio(t, 27)
	for i := range 5 {
		a.publish("t", fmt.Sprint(i))
	}
	c.run(time.Second, nil)
	gen := a.Generation()
	a.heardSelf(gen+100, 7, 0)
	a.act()
	for i := range 5 {
		a.publish("t", fmt.Sprint(i))
	}
	if !c.run(20*time.Second, func() bool { return a.done == 10 }) {
		t.Fatalf("done up to %d: %+v", a.done, b.Stats())
	}
	if a.Generation() != gen+101 || b.deliver != 10 || d.deliver != 10 {
		t.Errorf("generation %d after %d; delivered %d and %d", a.Generation(), gen, b.deliver, d.deliver)
	}
}

// A restarted owner's log begins anew and is delivered from its first message.
func TestLogOfARestartedOwner(t *testing.T) {
	c, a, b, d := trio(t, 28)
	for range 5 {
		a.publish("t", "first life")
	}
	c.run(time.Second, nil)
	c.part(a)
	a.down = true
	c.run(time.Second, nil)
	a.boot()
	c.meet(a, b)
	c.meet(a, d)
	for range 3 {
		a.publish("t", "second life")
	}
	if !c.run(20*time.Second, func() bool { return a.done == 3 }) || b.deliver != 8 || d.deliver != 8 {
		t.Fatalf("done up to %d, delivered %d and %d", a.done, b.deliver, d.deliver)
	}
}

// A reader that restarts so fast that nobody notices it was gone gets what is
// published from then on, and the owner does not wait for its former self.
func TestReaderRestartsUnnoticed(t *testing.T) {
	c, a, b, _ := trio(t, 29)
	for range 5 {
		a.publish("t", "x")
	}
	c.run(2*time.Second, nil)
	b.boot()
	c.meetAll()
	c.run(time.Second, nil)
	for range 3 {
		a.publish("t", "y")
	}
	if !c.run(20*time.Second, func() bool { return a.done == 8 }) {
		t.Fatalf("done up to %d: %+v", a.done, b.Stats())
	}
	if b.got["a"] != 8 || b.deliver > 8 {
		t.Errorf("got up to %d, delivered %d", b.got["a"], b.deliver)
	}
}

// Deliveries that the owner has not heard of when it takes a new generation
// are not repeated.
func TestNewGenerationRepeatsNothing(t *testing.T) {
	c, a, b, _ := trio(t, 30)
	a.publish("t", "first")
	c.run(2*time.Second, nil)
	c.cut = func(x, y *node) bool { return x == b && y == a }
	for range 5 {
		a.publish("t", "unacknowledged")
	}
	c.run(2*time.Second, nil)
	if b.deliver != 6 || a.done != 1 {
		t.Fatalf("delivered %d, done up to %d", b.deliver, a.done)
	}
	a.heardSelf(a.Generation()+5, 1, 0)
	a.act()
	c.cut = nil
	a.publish("t", "last")
	if !c.run(20*time.Second, func() bool { return a.done == 7 }) || b.deliver != 7 {
		t.Errorf("done up to %d, delivered %d", a.done, b.deliver)
	}
}

// Messages that gossip has missed altogether come with the next comparison.
func TestComparisonBringsMessages(t *testing.T) {
	c, a, b, _ := trio(t, 31)
	a.publish("t", "first")
	c.run(2*time.Second, nil)
	c.loss = 1
	a.publish("t", "second")
	if !c.run(30*time.Second, func() bool { return b.got["a"] == 2 }) {
		t.Errorf("got up to %d", b.got["a"])
	}
}

// A copy of a log is bounded by its reader, not by its owner.
func TestCopiesOfLogsAreBounded(t *testing.T) {
	c := newCluster(t, 32)
	c.config = func(cfg *Config) {
		if cfg.Name == "b" {
			cfg.LogEntries, cfg.LogBytes = 20, 1500
		}
	}
	a, b, d := c.add("a"), c.add("b"), c.add("d")
	c.meetAll()
	c.cut = func(x, y *node) bool { return x == d || y == d } // which keeps a from letting go
	for i := range 200 {
		a.publish("t", fmt.Sprint("message ", i))
		c.run(20*time.Millisecond, nil)
		if s := b.Stats(); s.LogEntries > 20 || s.LogBytes > 1500 {
			t.Fatalf("b keeps %d entries of %d bytes", s.LogEntries, s.LogBytes)
		}
	}
	c.run(5*time.Second, nil)
	if b.deliver != 200 {
		t.Errorf("delivered %d of 200", b.deliver)
	}
}

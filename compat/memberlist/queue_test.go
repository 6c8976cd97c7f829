package memberlist

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"sort"
	"sync"
	"testing"
)

// testBroadcast is a plain broadcast: it invalidates those of its key.
type testBroadcast struct {
	key      string
	msg      []byte
	finished int
}

func (b *testBroadcast) Invalidates(other Broadcast) bool {
	o, ok := other.(*testBroadcast)
	return ok && o.key == b.key
}
func (b *testBroadcast) Message() []byte { return b.msg }
func (b *testBroadcast) Finished()       { b.finished++ }

type namedTest struct{ testBroadcast }

func (b *namedTest) Name() string               { return b.key }
func (b *namedTest) Invalidates(Broadcast) bool { panic("not to be asked") }

type uniqueTest struct{ testBroadcast }

func (b *uniqueTest) UniqueBroadcast()           {}
func (b *uniqueTest) Invalidates(Broadcast) bool { panic("not to be asked") }

func plainOf(key string, size int) *testBroadcast {
	return &testBroadcast{key: key, msg: make([]byte, size)}
}

// model is a TransmitLimitedQueue as simple as can be: a sorted slice.
type model struct{ items []*queued }

func (m *model) sort() {
	sort.Slice(m.items, func(i, j int) bool {
		return m.items[i].before(m.items[j].sent, m.items[j].size, m.items[j].id)
	})
}

func (m *model) take(overhead, room, most int) (ids []uint64) {
	m.sort()
	var kept, taken []*queued
	for _, it := range m.items {
		if room > overhead && it.size <= room-overhead {
			room -= overhead + it.size
			ids = append(ids, it.id)
			it.sent++
			taken = append(taken, it)
		} else {
			kept = append(kept, it)
		}
	}
	for _, it := range taken {
		if it.sent < most {
			kept = append(kept, it)
		}
	}
	m.items = kept
	return ids
}

// TestQueueModel compares the queue with the model under random use.
func TestQueueModel(t *testing.T) {
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 1))
	fail := func(format string, args ...any) {
		t.Helper()
		t.Fatalf("seed %d: "+format, append([]any{seed}, args...)...)
	}
	q := TransmitLimitedQueue{RetransmitMult: 2, NumNodes: func() int { return 100 }}
	m := &model{}
	ids := make(map[*byte]uint64) // by message
	for step := range 5000 {
		switch r.IntN(5) {
		case 0, 1, 2:
			b := &uniqueTest{testBroadcast{msg: make([]byte, 1+r.IntN(60))}}
			q.QueueBroadcast(b)
			ids[&b.msg[0]] = q.lastID
			m.items = append(m.items, &queued{size: len(b.msg), id: q.lastID})
		case 3:
			overhead, limit := r.IntN(4), r.IntN(300)
			var got []uint64
			for _, msg := range q.GetBroadcasts(overhead, limit) {
				got = append(got, ids[&msg[0]])
			}
			if want := m.take(overhead, limit, 6); !reflect.DeepEqual(got, want) { // 2*ceil(log10(101))
				fail("step %d: took %v, want %v", step, got, want)
			}
		default:
			if keep := r.IntN(200); keep < q.NumQueued() && r.IntN(20) == 0 {
				q.Prune(keep)
				m.sort()
				m.items = m.items[:keep]
			}
		}
		if q.NumQueued() != len(m.items) {
			fail("step %d: %d queued, want %d", step, q.NumQueued(), len(m.items))
		}
	}
}

// TestQueueInvalidates: by name, by comparison, or not at all, and each
// broadcast hears once that it is finished.
func TestQueueInvalidates(t *testing.T) {
	q := TransmitLimitedQueue{RetransmitMult: 1, NumNodes: func() int { return 1 }}
	old, other := plainOf("a", 5), plainOf("b", 5)
	named, unique := &namedTest{*plainOf("a", 5)}, &uniqueTest{*plainOf("a", 5)}
	q.QueueBroadcast(old)
	q.QueueBroadcast(other)
	q.QueueBroadcast(named)
	q.QueueBroadcast(unique)
	q.QueueBroadcast(plainOf("a", 6))
	if old.finished != 1 || other.finished != 0 || named.finished != 0 || unique.finished != 0 || q.NumQueued() != 4 {
		t.Fatalf("a plain one finished %d %d %d %d, %d are left", old.finished, other.finished, named.finished, unique.finished, q.NumQueued())
	}
	q.QueueBroadcast(&namedTest{*plainOf("a", 7)})
	if named.finished != 1 || unique.finished != 0 || q.NumQueued() != 4 {
		t.Fatalf("a named one finished %d %d, %d are left", named.finished, unique.finished, q.NumQueued())
	}
	if got := len(q.GetBroadcasts(0, 1000)); got != 4 || q.NumQueued() != 0 {
		t.Fatalf("sent %d of 4, %d are left of a limit of one", got, q.NumQueued())
	}
	if other.finished != 1 || unique.finished != 1 || old.finished != 1 {
		t.Fatal("who was sent often enough was not told so, once")
	}
	q.QueueBroadcast(&namedTest{*plainOf("a", 1)}) // a name that was forgotten is free
	q.QueueBroadcast(&namedTest{*plainOf("a", 1)})
	if q.NumQueued() != 1 {
		t.Fatalf("%d are queued under one name", q.NumQueued())
	}
	q.Reset()
	if q.NumQueued() != 0 || q.GetBroadcasts(0, 100) != nil {
		t.Fatal("Reset left something")
	}
}

// TestQueueZero: the zero value does everything, also without NumNodes.
func TestQueueZero(t *testing.T) {
	var q TransmitLimitedQueue
	q.Prune(1)
	q.Reset()
	b := plainOf("", 0)
	q.QueueBroadcast(b)
	if got := q.GetBroadcasts(2, 100); len(got) != 1 || b.finished != 1 {
		t.Fatalf("got %d messages, finished %d times", len(got), b.finished)
	}
}

// TestQueueOrder: the longest that fits, then the newest; and those sent
// before only after those that were not.
func TestQueueOrder(t *testing.T) {
	q := TransmitLimitedQueue{RetransmitMult: 2, NumNodes: func() int { return 9 }}
	for i, size := range []int{3, 8, 8, 20} {
		b := &uniqueTest{testBroadcast{msg: make([]byte, size)}}
		b.msg[0] = byte(i)
		q.QueueBroadcast(b)
	}
	for i, want := range []string{"[2]", "[1]", "[0]", "[2]", "[1]", "[0]", "[]"} {
		got := []byte{}
		for _, msg := range q.GetBroadcasts(2, 10) {
			got = append(got, msg[0])
		}
		if fmt.Sprint(got) != want {
			t.Fatalf("round %d took %v, want %v", i, got, want)
		}
	}
}

// TestQueueFinishedCallsBack: no lock is held when a broadcast is finished.
func TestQueueFinishedCallsBack(t *testing.T) {
	q := &TransmitLimitedQueue{RetransmitMult: 1, NumNodes: func() int { return 1 }}
	again := &callback{q: q}
	q.QueueBroadcast(again)
	q.GetBroadcasts(0, 100)
	if q.NumQueued() != 1 {
		t.Fatalf("%d queued, want the one of Finished", q.NumQueued())
	}
	q.NumNodes = func() int { return q.NumQueued() } // may look at the queue, too
	q.GetBroadcasts(0, 100)
}

type callback struct {
	q *TransmitLimitedQueue
	n int
}

func (c *callback) Invalidates(Broadcast) bool { return false }
func (c *callback) Message() []byte            { return []byte("m") }
func (c *callback) Finished() {
	if c.n++; c.n == 1 {
		c.q.QueueBroadcast(c)
	}
}

// TestQueueConcurrent is for the race detector.
func TestQueueConcurrent(t *testing.T) {
	q := &TransmitLimitedQueue{RetransmitMult: 3, NumNodes: func() int { return 10 }}
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Go(func() {
			for i := range 500 {
				switch i % 4 {
				case 0, 1:
					q.QueueBroadcast(&namedTest{*plainOf(fmt.Sprint(g, i%10), i%50)})
				case 2:
					q.QueueBroadcast(plainOf(fmt.Sprint(i%10), i%50))
				default:
					q.GetBroadcasts(2, 200)
				}
			}
		})
	}
	wg.Wait()
	q.Prune(5)
	if q.NumQueued() != 5 {
		t.Fatalf("%d are left of 5", q.NumQueued())
	}
}

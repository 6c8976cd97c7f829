package mustertest_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"net"
	"net/netip"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/musterhq/muster"
	"github.com/musterhq/muster/mustertest"
)

// arrival is a numbered packet that came in.
type arrival struct {
	n    uint32
	at   time.Duration // after the receiver was made
	from netip.AddrPort
}

// receiver collects what arrives at a transport until it is closed.
type receiver struct {
	transport muster.Transport
	arrived   []arrival
	done      chan struct{}
}

func receive(t *testing.T, tr muster.Transport) *receiver {
	r := &receiver{transport: tr, done: make(chan struct{})}
	begin := time.Now()
	go func() {
		defer close(r.done)
		for {
			err := tr.ReadPacket(func(b []byte, from netip.AddrPort) {
				r.arrived = append(r.arrived, arrival{binary.BigEndian.Uint32(b), time.Since(begin), from})
			})
			if errors.Is(err, net.ErrClosed) {
				return
			}
			if err != nil {
				t.Error(err)
				return
			}
		}
	}()
	return r
}

// end closes the transport and returns what has arrived.
func (r *receiver) end(t *testing.T) []arrival {
	t.Helper()
	synctest.Wait() // until it was read, too
	if err := r.transport.Close(); err != nil {
		t.Error(err)
	}
	<-r.done
	return r.arrived
}

// send sends packets first, first+1 ... of size bytes, one each gap.
func send(t *testing.T, from muster.Transport, to netip.AddrPort, first, count uint32, size int, gap time.Duration) {
	t.Helper()
	b := make([]byte, size)
	for i := range count {
		binary.BigEndian.PutUint32(b, first+i)
		if err := from.WritePacket(b, to); err != nil {
			t.Fatal(err)
		}
		time.Sleep(gap)
	}
}

// over sends a thousand packets of 100 bytes, 10 ms apart, over a link and
// returns what arrived.
func over(t *testing.T, seed uint64, l mustertest.Link) (got []arrival, c mustertest.Counters) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		network := mustertest.NewNetwork(mustertest.Options{Seed: seed})
		network.SetDefault(l)
		a, r := network.Transport("a"), receive(t, network.Transport("b"))
		send(t, a, network.Addr("b"), 0, 1000, 100, 10*time.Millisecond)
		time.Sleep(5 * time.Minute)
		got, c = r.end(t), network.Counters("a", "b")
		if c.Packets != 1000 || c.Bytes != 100_000 || c.Delivered != uint64(len(got)) || c.Packets+c.Duplicated != c.Delivered+c.Lost {
			t.Errorf("counters do not add up: %+v, %d arrived", c, len(got))
		}
		for _, x := range got {
			if x.from != network.Addr("a") {
				t.Fatalf("a packet from %v", x.from)
			}
		}
	})
	return got, c
}

func TestPerfectLink(t *testing.T) {
	got, _ := over(t, 1, mustertest.Link{})
	for i, x := range got {
		if x.n != uint32(i) || x.at != time.Duration(i)*10*time.Millisecond {
			t.Fatalf("packet %d came as number %d at %v", x.n, i, x.at)
		}
	}
	if len(got) != 1000 {
		t.Errorf("%d of 1000 arrived", len(got))
	}
}

func TestLossAndDuplicates(t *testing.T) {
	_, c := over(t, 1, mustertest.Link{Loss: 0.3, Duplicate: 0.1})
	if c.Lost < 250 || c.Lost > 350 {
		t.Errorf("%d of 1000 lost at 0.3", c.Lost)
	}
	if c.Duplicated < 45 || c.Duplicated > 100 {
		t.Errorf("%d of 700 doubled at 0.1", c.Duplicated)
	}
	if got, _ := over(t, 1, mustertest.Link{Loss: 1}); len(got) != 0 {
		t.Errorf("%d arrived though all are lost", len(got))
	}
}

func TestDelays(t *testing.T) {
	const fixed = 50 * time.Millisecond
	for name, test := range map[string]struct {
		link            mustertest.Link
		least, mean, by time.Duration
		most            time.Duration
	}{
		"fixed":  {mustertest.Link{Delay: fixed}, fixed, fixed, 0, fixed},
		"jitter": {mustertest.Link{Delay: fixed, Jitter: fixed}, fixed, 75 * time.Millisecond, 3 * time.Millisecond, 2 * fixed},
		"tail":   {mustertest.Link{Tail: fixed}, 0, fixed, 6 * time.Millisecond, time.Second},
	} {
		got, _ := over(t, 1, test.link)
		least, most, sum := time.Duration(math.MaxInt64), time.Duration(0), time.Duration(0)
		for _, x := range got {
			took := x.at - time.Duration(x.n)*10*time.Millisecond
			least, most, sum = min(least, took), max(most, took), sum+took
		}
		if mean := sum / 1000; least < test.least || most > test.most || (mean-test.mean).Abs() > test.by {
			t.Errorf("%s: %v to %v, %v on average; want %v to %v, %v", name, least, most, mean, test.least, test.most, test.mean)
		}
	}
}

func TestReorder(t *testing.T) {
	sorted := func(got []arrival) bool {
		return slices.IsSortedFunc(got, func(a, b arrival) int { return int(a.n) - int(b.n) })
	}
	if got, _ := over(t, 1, mustertest.Link{Delay: 30 * time.Millisecond}); !sorted(got) {
		t.Error("overtaken without cause")
	}
	if got, _ := over(t, 1, mustertest.Link{Delay: 30 * time.Millisecond, Reorder: 0.1}); sorted(got) || len(got) != 1000 {
		t.Errorf("none of %d overtaken", len(got))
	}
}

// Packets that are too many for the link wait, then are lost.
func TestBandwidth(t *testing.T) {
	got, c := over(t, 1, mustertest.Link{Bandwidth: 5000}) // half of what is sent
	last := got[len(got)-1]
	if took := last.at - time.Duration(last.n)*10*time.Millisecond; took < 10*time.Second || took > 14*time.Second {
		t.Errorf("the last one waited %v, want what 64 KiB take", took)
	}
	if c.Lost != 0 { // 1000 packets leave 50 kB waiting, less than the room
		t.Errorf("%d lost", c.Lost)
	}
	if _, c := over(t, 1, mustertest.Link{Bandwidth: 1000}); c.Lost < 100 || c.Lost > 300 {
		t.Errorf("%d lost; in 10 s 10 kB leave, 64 KiB wait, 24 kB have no room", c.Lost)
	}
}

// The same seed loses and delays the same packets, another seed others.
func TestSeedRepeats(t *testing.T) {
	rough := mustertest.Link{Loss: 0.2, Duplicate: 0.1, Reorder: 0.1, Jitter: time.Second, Tail: time.Second}
	one, _ := over(t, 7, rough)
	again, _ := over(t, 7, rough)
	other, _ := over(t, 8, rough)
	if !slices.Equal(one, again) {
		t.Error("the same seed gave another run")
	}
	if slices.Equal(one, other) {
		t.Error("another seed gave the same run")
	}
	if mustertest.NewNetwork(mustertest.Options{}).Seed() == 0 {
		t.Error("no seed was drawn")
	}
}

// What one link loses says nothing about another.
func TestLinksDrawApart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := mustertest.NewNetwork(mustertest.Options{Seed: 1})
		network.SetDefault(mustertest.Link{Loss: 0.5})
		a := network.Transport("a")
		var got [2][]uint32
		for i, name := range []string{"b", "c"} {
			r := receive(t, network.Transport(name))
			send(t, a, network.Addr(name), 0, 100, 4, 0)
			for _, x := range r.end(t) {
				got[i] = append(got[i], x.n)
			}
		}
		if slices.Equal(got[0], got[1]) {
			t.Error("two links lost the same packets")
		}
	})
}

// The most particular setting counts.
func TestSettingsByLink(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := mustertest.NewNetwork(mustertest.Options{Seed: 1})
		network.SetDefault(mustertest.Link{})
		a, b := network.Transport("a"), network.Transport("b")
		c := receive(t, network.Transport("c"))
		lossy := mustertest.Link{Loss: 1}
		steps := []struct {
			do   func()
			a, b bool // what of a and b gets through to c
		}{
			{func() {}, true, true},
			{func() { network.SetLink(mustertest.Any, "c", lossy) }, false, false},
			{func() { network.SetLink("b", mustertest.Any, mustertest.Link{}) }, false, true},
			{func() { network.SetLink("b", "c", lossy) }, false, false},
			{func() { network.SetLink("a", "c", mustertest.Link{}) }, true, false},
			{func() { network.ResetLink("a", "c"); network.ResetLink("b", "c") }, false, true},
			{func() { network.ResetLink(mustertest.Any, "c") }, true, true},
		}
		var want []uint32
		for i, s := range steps {
			s.do()
			for j, sender := range []muster.Transport{a, b} {
				send(t, sender, network.Addr("c"), uint32(2*i+j), 1, 4, 0)
				if j == 0 && s.a || j == 1 && s.b {
					want = append(want, uint32(2*i+j))
				}
			}
		}
		var got []uint32
		for _, x := range c.end(t) {
			got = append(got, x.n)
		}
		if !slices.Equal(got, want) {
			t.Errorf("got %v through, want %v", got, want)
		}
	})
}

func TestFilterSeesAndDrops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := mustertest.NewNetwork(mustertest.Options{Seed: 1})
		a, b := network.Transport("a"), receive(t, network.Transport("b"))
		seen := 0
		network.Filter(func(p mustertest.Packet) bool {
			seen++
			if p.From != network.Addr("a") || p.To != network.Addr("b") {
				t.Errorf("a packet from %v to %v", p.From, p.To)
			}
			network.SetDefault(mustertest.Link{}) // may change the network
			return !bytes.Equal(p.Data, []byte{0, 0, 0, 3})
		})
		send(t, a, network.Addr("b"), 0, 5, 4, time.Second)
		network.Filter(nil)
		send(t, a, network.Addr("b"), 3, 1, 4, time.Second)
		if got := b.end(t); len(got) != 5 || seen != 5 || network.Counters("a", "b").Lost != 1 {
			t.Errorf("%d seen, got %v", seen, got)
		}
	})
}

// A reader that does not read loses packets; memory stays bounded.
func TestReceiverThatDoesNotRead(t *testing.T) {
	network := mustertest.NewNetwork(mustertest.Options{Seed: 1})
	network.SetDefault(mustertest.Link{})
	a, b := network.Transport("a"), network.Transport("b")
	send(t, a, b.Addr(), 0, 100, 64_000, 0)
	if c := network.Counters(mustertest.Any, "b"); c.Delivered != 2<<20/64_000 || c.Delivered+c.Lost != 100 {
		t.Errorf("%+v", c)
	}
	if err := a.WritePacket(make([]byte, 65508), b.Addr()); err == nil {
		t.Error("sent a packet that UDP cannot carry")
	}
}

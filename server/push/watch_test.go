package push

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/musterhq/muster/server/registry"
)

// words tells the messages about watched services in short.
func (c *client) words() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	short := map[string]string{WatchInit: "init", WatchFinish: "finish", WatchDiff: "diff", WatchChanged: "changed"}
	var out []string
	for _, p := range c.pushes {
		if p.watch == nil {
			continue
		}
		var names []string
		for _, s := range p.watch.Services {
			sign := "-"
			if s.Added {
				sign = "+"
			}
			names = append(names, sign+s.Key.Name)
		}
		slices.Sort(names)
		out = append(out, fmt.Sprintf("%s %d/%d %s", short[p.watch.Type], p.watch.Batch, p.watch.Batches, strings.Join(names, " ")))
	}
	return out
}

func (w *world) wantWords(c *client, words ...string) {
	w.t.Helper()
	synctest.Wait()
	if got := c.words(); !slices.Equal(got, words) {
		w.t.Fatalf("was told\n%q, want\n%q", got, words)
	}
}

func keys(names ...string) []registry.ServiceKey {
	var out []registry.ServiceKey
	for _, n := range names {
		out = append(out, registry.Key("", "", n))
	}
	return out
}

const all = "public>>DEFAULT_GROUP>>s*"

// First what is there, in batches and with an end; then what comes and goes.
func TestWatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, registry.Options{}, 0)
		for n := range 12 {
			w.register(keys(fmt.Sprintf("s%02d", n))[0], 1)
		}
		w.register(keys("other")[0], 1)
		c := w.client(true)
		more, err := c.to.Watch(all, nil, true)
		if more || err != nil {
			t.Fatal(more, err)
		}
		time.Sleep(time.Second)
		begin := []string{"init 1/2 +s00 +s01 +s02 +s03 +s04 +s05 +s06 +s07 +s08 +s09", "init 2/2 +s10 +s11", "finish 1/1 "}
		w.wantWords(c, begin...)
		w.register(keys("s99")[0], 1)
		w.register(keys("other2")[0], 1)
		w.check(w.reg.Deregister("c", keys("s99")[0]))
		time.Sleep(2 * time.Minute)
		w.wantWords(c, append(begin, "changed 0/0 +s99", "changed 0/0 -s99")...)

		// It says again what it has, and is told the difference.
		if _, err := c.to.Watch(all, keys("s00", "s01", "s02", "s03", "s04", "s05", "s06", "s07", "s08", "s09", "s10", "gone"), false); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		w.wantWords(c, append(begin, "changed 0/0 +s99", "changed 0/0 -s99", "diff 1/1 +s11 -gone")...)
		n := len(c.words())
		c.to.Unwatch(all)
		w.register(keys("s50")[0], 1)
		time.Sleep(time.Minute)
		if len(c.words()) != n {
			t.Fatal("it is told after it has ended its watch")
		}
		if len(w.e.fuzzy.all) != 0 {
			t.Fatal("the watch is still there")
		}
	})
}

// Nothing there: the end comes at once.
func TestWatchNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, registry.Options{}, 0)
		c := w.client(true)
		if _, err := c.to.Watch(all, nil, true); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		w.wantWords(c, "finish 1/1 ")
	})
}

// The end does not come before all batches were acknowledged, and news that
// are not are told again.
func TestWatchRetry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, registry.Options{}, 0)
		w.register(keys("s0")[0], 1)
		c := w.client(false)
		if _, err := c.to.Watch(all, nil, true); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Second)
		w.wantWords(c, "init 1/1 +s0", "init 1/1 +s0")
		c.set(func() { c.ack = true })
		time.Sleep(10 * time.Second)
		w.wantWords(c, "init 1/1 +s0", "init 1/1 +s0", "init 1/1 +s0", "finish 1/1 ")
		c.set(func() { c.ack = false })
		w.register(keys("s1")[0], 1)
		time.Sleep(10 * time.Second)
		c.set(func() { c.ack = true })
		time.Sleep(time.Hour)
		w.wantWords(c, "init 1/1 +s0", "init 1/1 +s0", "init 1/1 +s0", "finish 1/1 ", "changed 0/0 +s1", "changed 0/0 +s1", "changed 0/0 +s1")
	})
}

// The batches may be acknowledged in any order.
func TestWatchFinishIsLast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, registry.Options{}, 0)
		for n := range 25 {
			w.register(keys(fmt.Sprintf("s%02d", n))[0], 1)
		}
		c := w.client(false)
		_, err := c.to.Watch(all, nil, true)
		w.check(err)
		time.Sleep(time.Second)
		synctest.Wait()
		for _, n := range []int{2, 0} {
			c.to.Ack(c.pushes[n].id, true)
			time.Sleep(time.Second)
			if len(c.words()) != 3 {
				t.Fatalf("%q", c.words())
			}
		}
		c.to.Ack(c.pushes[1].id, true)
		time.Sleep(time.Second)
		if w := c.words(); len(w) != 4 || w[3] != "finish 1/1 " {
			t.Fatalf("%q", w)
		}
	})
}

func TestWatchLimits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, registry.Options{Limits: registry.Limits{FuzzyPatterns: 2, FuzzyMatches: 3}}, 0)
		for n := range 5 {
			w.register(keys(fmt.Sprint("s", n))[0], 1)
		}
		c, d := w.client(true), w.client(true)
		more, err := c.to.Watch(all, keys("gone"), true)
		if !more || err != nil {
			t.Fatal(more, err)
		}
		time.Sleep(time.Second)
		w.wantWords(c, "init 1/1 +s0 +s1 +s2", "finish 1/1 ") // and not that gone is gone: not all was looked at
		_, err = c.to.Watch("public>>DEFAULT_GROUP>>b*", nil, true)
		w.check(err)
		if _, err = c.to.Watch("public>>DEFAULT_GROUP>>c*", nil, true); !errors.Is(err, registry.ErrLimit) {
			t.Fatal(err)
		}
		_, err = d.to.Watch(all, nil, true) // the same one as another client's
		w.check(err)
		c.to.Close()
		d.to.Close()
		if len(w.e.fuzzy.all) != 0 {
			t.Fatal("watches are still there")
		}
		if _, err = c.to.Watch(all, nil, true); !errors.Is(err, ErrClosed) {
			t.Fatal(err)
		}
	})
}

package muster_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/musterhq/muster"
	"github.com/musterhq/muster/mustertest"
)

// TestRecordsConverge: what members set and delete becomes the same everywhere,
// for latecomers too, and vanishes with its owner.
func TestRecordsConverge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := mustertest.NewNetwork(mustertest.Options{Seed: 1})
		network.SetDefault(mustertest.Link{Delay: 2 * time.Millisecond, Loss: 0.05})
		nodes := mustertest.Cluster(t, network, 5, func(_ int, c *muster.Config) { c.GossipToTheDead = 10 * time.Second })
		for i, n := range nodes {
			for k := range 20 {
				if err := n.Records().Set(fmt.Sprintf("svc/%d", k), fmt.Appendf(nil, "from n%d", i), 0); err != nil {
					t.Fatal(err)
				}
			}
			if !n.Records().Delete("svc/7") || n.Records().Delete("svc/7") {
				t.Error("a key is deleted once")
			}
		}
		big := bytes.Repeat([]byte("big"), 300_000)
		if err := nodes[1].Records().Set("big", big, 0); err != nil {
			t.Fatal(err)
		}
		late := mustertest.Start(t, network, "late", nil)
		if _, err := late.Join(t.Context(), network.Addr("n3").String()); err != nil {
			t.Fatal(err)
		}
		all := append(nodes, late)
		same := func(n *muster.Node) bool {
			for i := range nodes {
				list := n.Records().List(fmt.Sprintf("n%d", i), "svc/")
				if len(list) != 19 || string(list[0].Value) != fmt.Sprintf("from n%d", i) {
					return false
				}
			}
			v, ok := n.Records().Get("n1", "big")
			return ok && bytes.Equal(v, big)
		}
		mustertest.Await(t, "the same records everywhere", func() bool {
			for _, n := range all {
				if !same(n) {
					return false
				}
			}
			return true
		})
		if err := nodes[1].Close(); err != nil {
			t.Fatal(err)
		}
		mustertest.AwaitMembers(t, nodes[0], nodes[2], nodes[3], nodes[4], late)
		if _, ok := late.Records().Get("n1", "big"); !ok {
			t.Error("the records of the dead stay until they are forgotten")
		}
		mustertest.Await(t, "the records of the forgotten gone", func() bool {
			_, ok := late.Records().Get("n1", "big")
			return !ok
		})
	})
}

// TestRecordsAreWatched: a watcher sees each owner's changes in order, by
// prefix, beginning with what there is, and what runs out of time.
func TestRecordsAreWatched(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := mustertest.NewNetwork(mustertest.Options{Seed: 1})
		nodes := mustertest.Cluster(t, network, 3, nil)
		set := func(i int, key, value string, ttl time.Duration) {
			t.Helper()
			if err := nodes[i].Records().Set(key, []byte(value), ttl); err != nil {
				t.Fatal(err)
			}
		}
		set(0, "a/1", "before", 0)
		mustertest.Await(t, "a/1 at n2", func() bool { _, ok := nodes[2].Records().Get("n0", "a/1"); return ok })
		var got log
		ctx, cancel := context.WithCancel(t.Context())
		var done sync.WaitGroup
		done.Go(func() {
			for e := range nodes[2].Records().Watch(ctx, "a/") {
				got.add("%s %s %s>%s %v", e.Owner, e.Key, e.Old, e.Value, e.Deleted)
			}
		})
		mustertest.Await(t, "the snapshot", func() bool { return got.has("n0 a/1 >before false") })
		set(1, "a/2", "short", 3*time.Second)
		set(1, "b/1", "of no interest", 0)
		set(0, "a/1", "after", 0)
		mustertest.Await(t, "changes", func() bool { return got.has("n0 a/1 before>after false") && got.has("n1 a/2 >short false") })
		time.Sleep(2 * time.Second)
		if !nodes[1].Records().Touch("a/2", 3*time.Second) || nodes[2].Records().Touch("a/2", time.Second) {
			t.Error("its owner touches a key, nobody else")
		}
		time.Sleep(2 * time.Second)
		if got.has("n1 a/2 short> true") {
			t.Error("it ran out of time although it was touched")
		}
		mustertest.Await(t, "the end of a/2", func() bool { return got.has("n1 a/2 short> true") })
		cancel()
		done.Wait()
		if lines := got.all(); len(lines) != 4 {
			t.Errorf("watched %q", lines)
		}
		if err := nodes[0].Records().Set("\x00meta", nil, 0); !errors.Is(err, muster.ErrKey) {
			t.Errorf("a reserved key: %v", err)
		}
	})
}

// TestLargeMetadata is the issue's: a member with metadata of 100 kB joins,
// changes it ten times, and everybody ends with the last one.
func TestLargeMetadata(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := mustertest.NewNetwork(mustertest.Options{Seed: 1})
		nodes := mustertest.Cluster(t, network, 9, nil)
		large := func(i int) []byte { return bytes.Repeat([]byte{byte('a' + i)}, 100_000) }
		var updates log
		ctx, cancel := context.WithCancel(t.Context())
		var done sync.WaitGroup
		done.Go(func() {
			for e := range nodes[4].Watch(ctx) {
				if e.Member.Name == "fat" {
					updates.add("%v %.1s(%d)>%.1s(%d)", e.Kind, e.OldMeta, len(e.OldMeta), e.Member.Meta, len(e.Member.Meta))
				}
			}
		})
		fat := mustertest.Start(t, network, "fat", func(c *muster.Config) { c.Meta = large(0) })
		if !bytes.Equal(fat.Local().Meta, large(0)) {
			t.Fatal("it does not know its own metadata")
		}
		if _, err := fat.Join(ctx, network.Addr("n0").String()); err != nil {
			t.Fatal(err)
		}
		all := append(nodes, fat)
		mustertest.AwaitMembers(t, all...)
		agree := func(what string, meta []byte) {
			t.Helper()
			mustertest.Await(t, what, func() bool {
				for _, n := range all {
					if m, _ := n.Member("fat"); !bytes.Equal(m.Meta, meta) {
						return false
					}
				}
				return true
			})
		}
		agree("the first metadata everywhere", large(0))
		for i := range 10 {
			if err := fat.SetMeta(large(i + 1)); err != nil {
				t.Fatal(err)
			}
			if i%3 == 0 {
				time.Sleep(500 * time.Millisecond)
			}
		}
		agree("the last metadata everywhere", large(10))
		mustertest.Await(t, "the last update told", func() bool {
			lines := updates.all()
			return strings.HasSuffix(lines[len(lines)-1], ">k(100000)")
		})
		if err := fat.SetMeta([]byte("small")); err != nil {
			t.Fatal(err)
		}
		agree("small metadata after large", []byte("small"))
		mustertest.Await(t, "the small one told", func() bool { return updates.has("updated k(100000)>s(5)") })
		if err := fat.SetMeta(large(3)); err != nil {
			t.Fatal(err)
		}
		agree("large metadata after small", large(3))
		cancel()
		done.Wait()
		for i, line := range updates.all() {
			if (i > 0) != strings.HasPrefix(line, "updated") || i > 0 && strings.Contains(line, ">(0)") {
				t.Errorf("told %q", updates.all())
				break
			}
		}
	})
}

type zone struct{ Zone string }

func TestTypedMetadata(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := mustertest.NewNetwork(mustertest.Options{Seed: 1})
		nodes := mustertest.Cluster(t, network, 2, nil)
		m, _ := nodes[1].Member("n0")
		if _, err := muster.MetaAs[zone](m); !errors.Is(err, muster.ErrNoMeta) {
			t.Errorf("none: %v", err)
		}
		if err := muster.SetMetaAs(nodes[0], zone{"eu"}); err != nil {
			t.Fatal(err)
		}
		mustertest.Await(t, "the zone", func() bool {
			m, _ := nodes[1].Member("n0")
			z, err := muster.MetaAs[zone](m)
			return err == nil && z.Zone == "eu"
		})
		if err := nodes[0].SetMeta([]byte("{")); err != nil {
			t.Fatal(err)
		}
		mustertest.Await(t, "no JSON", func() bool {
			m, _ := nodes[1].Member("n0")
			_, err := muster.MetaAs[zone](m)
			return err != nil && !errors.Is(err, muster.ErrNoMeta)
		})
	})
}

// TestIdleRecordsCostNothing: a cluster in which nobody has a record sends
// nothing about records.
func TestIdleRecordsCostNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := mustertest.NewNetwork(mustertest.Options{Seed: 1})
		nodes := mustertest.Cluster(t, network, 3, nil)
		time.Sleep(5 * time.Minute)
		for _, n := range nodes {
			if s := n.Records().Stats(); s.Syncs != 0 || s.PacketsOut != 0 || s.Owners != 0 {
				t.Errorf("%+v", s)
			}
		}
	})
}

func TestNoRecords(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := mustertest.NewNetwork(mustertest.Options{Seed: 1})
		nodes := mustertest.Cluster(t, network, 3, func(i int, c *muster.Config) { c.NoRecords = i == 2 })
		if err := nodes[2].Records().Set("a", nil, 0); !errors.Is(err, muster.ErrNoRecords) {
			t.Errorf("set: %v", err)
		}
		if err := nodes[2].SetMeta(make([]byte, 1000)); !errors.Is(err, muster.ErrTooLarge) {
			t.Errorf("large metadata: %v", err)
		}
		if err := nodes[0].Records().Set("a", []byte("x"), 0); err != nil {
			t.Fatal(err)
		}
		mustertest.Await(t, "the others agree", func() bool { _, ok := nodes[1].Records().Get("n0", "a"); return ok })
		if s := nodes[2].Records().Stats(); s.PacketsIn != 0 {
			t.Errorf("%+v", s)
		}
	})
}

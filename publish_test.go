package muster_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/musterhq/muster"
	"github.com/musterhq/muster/mustertest"
)

// TestPublishExactlyOnce: many messages to all members, one packet in ten lost:
// each is delivered once, and in order.
func TestPublishExactlyOnce(t *testing.T) {
	members, messages := 20, 2_000
	if *scale {
		messages = 100_000
	}
	synctest.Test(t, func(t *testing.T) {
		network := mustertest.NewNetwork(mustertest.Options{Seed: 1})
		nodes := mustertest.Cluster(t, network, members, nil)
		network.SetDefault(mustertest.Link{Loss: 0.1, Delay: time.Millisecond, Duplicate: 0.01})
		got := make([]atomic.Int64, members)
		for i, n := range nodes {
			n.Subscribe("numbers", func(m muster.Message) {
				if m.Sender != "n0" || m.Topic != "numbers" || !m.Broadcast {
					t.Errorf("n%d got %+v", i, m)
				}
				if k := int64(binary.BigEndian.Uint64(m.Payload)); k != got[i].Add(1)-1 {
					t.Errorf("n%d got message %d after %d others", i, k, got[i].Load()-1)
				}
			})
		}
		began := time.Now()
		var last *muster.Publication
		for k := range messages {
			p, err := nodes[0].Publish(t.Context(), "numbers", binary.BigEndian.AppendUint64(nil, uint64(k)))
			if err != nil {
				t.Fatal(err)
			}
			last = p
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := last.Wait(ctx); err != nil {
			t.Fatalf("the last message is not with all: %v", err)
		}
		took := time.Since(began)
		for i, n := range nodes {
			if err := n.Flush(t.Context()); err != nil {
				t.Fatal(err)
			}
			if want := int64(messages); i > 0 && got[i].Load() != want || i == 0 && got[i].Load() != 0 {
				t.Errorf("n%d got %d messages", i, got[i].Load())
			}
		}
		t.Logf("%d messages to %d members in %v of virtual time", messages, members, took)
	})
}

// TestPublishWaitsForTheSlow: a member that does not take its messages in holds
// the publisher up, not anybody's memory; a member that dies does not.
func TestPublishWaitsForTheSlow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := mustertest.NewNetwork(mustertest.Options{Seed: 1})
		nodes := mustertest.Cluster(t, network, 3, func(_ int, c *muster.Config) {
			c.Records.LogEntries, c.MessageQueue = 100, 50
		})
		open := make(chan struct{})
		var slow, quick atomic.Int64
		nodes[1].Subscribe("t", func(muster.Message) { <-open; slow.Add(1) })
		nodes[2].Subscribe("t", func(muster.Message) { quick.Add(1) })
		publish := func() error {
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
			defer cancel()
			_, err := nodes[0].Publish(ctx, "t", []byte("x"))
			return err
		}
		sent := int64(0)
		for ; sent < 10_000; sent++ {
			if err := publish(); err != nil {
				if !errors.Is(err, muster.ErrBusy) {
					t.Fatal(err)
				}
				break
			}
		}
		if sent == 10_000 {
			t.Fatal("a member that takes nothing in does not hold the publisher up")
		}
		close(open)
		mustertest.Await(t, "what was published, at both", func() bool { return slow.Load() == sent && quick.Load() == sent })
		if err := publish(); err != nil {
			t.Errorf("once it has caught up: %v", err)
		}
		network.Isolate("n1")
		mustertest.AwaitMembers(t, nodes[0], nodes[2])
		for range 300 {
			if err := publish(); err != nil {
				t.Fatalf("with the slow one dead: %v", err)
			}
		}
	})
}

func TestPublishAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := mustertest.NewNetwork(mustertest.Options{Seed: 1})
		n := mustertest.Start(t, network, "n0", nil)
		p, err := n.Publish(t.Context(), "t", []byte("x"))
		if err != nil {
			t.Fatal(err)
		}
		if err := p.Wait(t.Context()); err != nil {
			t.Errorf("with nobody there: %v", err)
		}
		if _, err := n.Publish(t.Context(), "t", make([]byte, 2<<20)); !errors.Is(err, muster.ErrTooLarge) {
			t.Errorf("2 MiB: %v", err)
		}
		if _, err := n.Publish(t.Context(), "", nil); !errors.Is(err, muster.ErrKey) {
			t.Errorf("no topic: %v", err)
		}
		nodes := mustertest.Start(t, network, "n1", nil)
		if _, err := nodes.Join(t.Context(), network.Addr("n0").String()); err != nil {
			t.Fatal(err)
		}
		mustertest.AwaitMembers(t, n, nodes)
		network.Isolate("n1")
		var pubs []*muster.Publication
		for i := range 3 {
			p, err := n.Publish(t.Context(), "t", fmt.Append(nil, i))
			if err != nil {
				t.Fatal(err)
			}
			pubs = append(pubs, p)
		}
		if err := n.Close(); err != nil {
			t.Fatal(err)
		}
		for _, p := range pubs {
			if err := p.Wait(t.Context()); !errors.Is(err, muster.ErrClosed) {
				t.Errorf("after Close: %v", err)
			}
		}
	})
}

package muster_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/musterhq/muster"
	"github.com/musterhq/muster/mustertest"
)

// Messages over a network of their own, on virtual time.

func echo(_ context.Context, m muster.Message) ([]byte, error) { return m.Payload, nil }

// A stream that nobody needs is closed, at both ends, and opened again for the
// next request.
func TestIdleStreamsAreClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		nodes := mustertest.Cluster(t, mustertest.NewNetwork(mustertest.Options{Seed: 1}), 2, nil)
		nodes[1].Handle("echo", echo)
		streams := func(n int) {
			t.Helper()
			for _, node := range nodes {
				if s := node.Stats().MessageStreams; s != n {
					t.Errorf("%d streams, want %d", s, n)
				}
			}
		}
		for range 2 {
			if _, err := nodes[0].Request(t.Context(), nodes[1].Local().Name, "echo", nil); err != nil {
				t.Fatal(err)
			}
			time.Sleep(20 * time.Second)
			streams(1)
			if _, err := nodes[0].Request(t.Context(), nodes[1].Local().Name, "echo", nil); err != nil {
				t.Fatal(err)
			}
			time.Sleep(20 * time.Second)
			streams(1)
			time.Sleep(30 * time.Second)
			streams(0)
		}
	})
}

// A host that vanishes says nothing. A request without a deadline ends all the
// same, when the cluster holds the member dead; one to a member that is merely
// slow does not.
func TestRequestToAHostThatVanishes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := mustertest.NewNetwork(mustertest.Options{Seed: 1})
		nodes := mustertest.Cluster(t, network, 3, nil)
		name := nodes[1].Local().Name
		nodes[1].Handle("slow", func(ctx context.Context, m muster.Message) ([]byte, error) {
			select {
			case <-time.After(10 * time.Minute):
			case <-ctx.Done():
			}
			return m.Payload, ctx.Err()
		})
		if reply, err := nodes[0].Request(t.Context(), name, "slow", []byte("x")); err != nil || string(reply) != "x" {
			t.Fatalf("of a slow member: %q, %v", reply, err)
		}
		begin := time.Now()
		time.AfterFunc(10*time.Second, func() { network.Isolate(name) })
		_, err := nodes[0].Request(t.Context(), name, "slow", nil)
		if took := time.Since(begin); err == nil || took > time.Minute {
			t.Errorf("after %v: %v", took, err)
		}
	})
}

// Streams break, time and again, under senders that go on: what one of them
// sends arrives in its order, not twice, and nothing that was acknowledged is
// missing.
func TestOrderUnderBreakingStreams(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := mustertest.NewNetwork(mustertest.Options{Seed: 2})
		network.SetDefault(mustertest.LAN())
		nodes := mustertest.Cluster(t, network, 2, nil)
		from, to := nodes[0].Local().Name, nodes[1].Local().Name
		got := map[string]bool{}
		last := map[string]int{}
		nodes[1].Subscribe("t", func(m muster.Message) {
			line, _, _ := strings.Cut(string(m.Payload), " ")
			var sender string
			var number int
			if _, err := fmt.Sscanf(line, "%1s%d", &sender, &number); err != nil {
				t.Error(err)
			}
			if before, ok := last[sender]; ok && number <= before {
				t.Errorf("%s comes after %s%d", line, sender, before)
			}
			last[sender], got[line] = number, true
		})
		acked := make(chan string, 10_000)
		done := make(chan struct{})
		for _, sender := range []string{"a", "b", "c"} {
			go func() {
				defer func() { done <- struct{}{} }()
				for i := range 300 {
					line := fmt.Sprint(sender, i)
					payload := line + " " + strings.Repeat("x", i%3*40_000)
					if nodes[0].SendTopic(t.Context(), to, "t", []byte(payload)) == nil {
						acked <- line
					}
				}
			}()
		}
		breaks := 0
		for running := 3; running > 0; {
			select {
			case <-done:
				running--
			case <-time.After(37 * time.Millisecond):
				network.BreakStreams(from, to)
				breaks++
			}
		}
		close(acked)
		mustertest.Await(t, "all delivered", func() bool { return nodes[1].Stats().MessagesWaiting == 0 })
		synctest.Wait()
		count := 0
		for line := range acked {
			if count++; !got[line] {
				t.Errorf("%s was acknowledged and did not arrive", line)
			}
		}
		if breaks < 5 || count < 300 {
			t.Errorf("%d breaks, %d of 900 acknowledged: that shows little", breaks, count)
		}
	})
}

// What is published reaches the subscribers of the topic at every other member,
// in the sender's order.
func TestPublishReachesSubscribers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		nodes := mustertest.Cluster(t, mustertest.NewNetwork(mustertest.Options{Seed: 3}), 3, nil)
		var got [3][]string
		for i, n := range nodes {
			n.Subscribe("news", func(m muster.Message) {
				got[i] = append(got[i], fmt.Sprintf("%s %s %s %v", m.Sender, m.Topic, m.Payload, m.Broadcast))
			})
		}
		var want []string
		for i := range 5 {
			p, err := nodes[0].Publish(t.Context(), "news", fmt.Append(nil, i))
			if err == nil {
				err = p.Wait(t.Context())
			}
			if err != nil {
				t.Fatal(err)
			}
			want = append(want, fmt.Sprintf("%s news %d true", nodes[0].Local().Name, i))
		}
		synctest.Wait()
		for i := range nodes[1:] {
			if fmt.Sprint(got[i+1]) != fmt.Sprint(want) {
				t.Errorf("member %d got %q, want %q", i+1, got[i+1], want)
			}
		}
		if _, err := nodes[0].Request(t.Context(), nodes[1].Local().Name, "news", nil); !errors.Is(err, muster.ErrNoHandler) {
			t.Errorf("a subscriber is no handler: %v", err)
		}
	})
}

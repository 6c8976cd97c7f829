package main

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"
)

// broadcast lets each sender tell all others something, and waits until all
// have heard. A memberlist node passes on what it hears for the first time, as
// applications on memberlist do.
func (s *stage) broadcast(ctx context.Context, senders ...string) error {
	for _, sender := range senders {
		text := fmt.Sprintf("hello from %s at %.3fs", sender, s.since(time.Now()).Seconds())
		began := time.Now()
		if err := post(ctx, s.node(sender), "/v1/broadcast", map[string]string{"payload": text}); err != nil {
			return err
		}
		heard := &receipts{at: make(map[string]time.Time)}
		err := s.await(ctx, "broadcast from "+sender, 10*time.Second, func() []gap {
			return s.unheard(ctx, sender, text, heard)
		})
		err = s.noted(err, result{what: "broadcast from " + sender, at: began, seen: heard.spread()})
		if err != nil {
			return err
		}
	}
	return nil
}

// receipts says who heard a broadcast, and when by its own clock, which is
// the same machine's.
type receipts struct {
	mu sync.Mutex
	at map[string]time.Time
}

func (r *receipts) spread() *span {
	out := new(span)
	for name, at := range r.at {
		out.add(mark{at, name})
	}
	return out
}

// unheard asks those that had not heard it yet, all at once.
func (s *stage) unheard(ctx context.Context, sender, text string, heard *receipts) []gap {
	var wg sync.WaitGroup
	for _, name := range s.running() {
		heard.mu.Lock()
		_, has := heard.at[name]
		heard.mu.Unlock()
		if name == sender || has {
			continue
		}
		wg.Go(func() {
			messages, err := get[[]message](ctx, s.node(name), "/v1/messages?recent=1")
			i := slices.IndexFunc(messages, func(m message) bool { return string(m.Payload) == text })
			if err != nil || i < 0 {
				return // asked again soon
			}
			heard.mu.Lock()
			defer heard.mu.Unlock()
			heard.at[name] = messages[i].Time
		})
	}
	wg.Wait()
	var out []gap
	for _, name := range s.running() {
		if _, has := heard.at[name]; !has && name != sender {
			out = append(out, gap{s.node(name), name + " has not heard " + sender})
		}
	}
	return out
}

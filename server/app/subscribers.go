package app

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sync"

	"github.com/musterhq/muster"
	"github.com/musterhq/muster/server/registry"
)

// topicSubscribers asks a server who is subscribed to a service there.
const topicSubscribers = "muster/subscribers"

// subscribersTold bounds how many a server tells another of.
const subscribersTold = 20_000

func (s *Server) answerSubscribers(_ context.Context, m muster.Message) ([]byte, error) {
	var key registry.ServiceKey
	if err := json.Unmarshal(m.Payload, &key); err != nil {
		return nil, fmt.Errorf("malformed: %w", err)
	}
	all := []registry.SubscriberInfo{}
	if svc, ok := s.reg.Subscribed(key); ok {
		for _, sub := range svc.Subscribers() {
			all = append(all, sub.Info())
		}
	}
	slices.SortFunc(all, func(a, b registry.SubscriberInfo) int { return cmp.Compare(a.Client, b.Client) })
	if len(all) > subscribersTold {
		s.log.Warn("more subscribers than a server tells another of", "service", key.String(), "subscribers", len(all), "told", subscribersTold)
		all = all[:subscribersTold]
	}
	return json.Marshal(all)
}

// Subscribers returns who is subscribed to a service at the other servers, as
// far as they answer within a second.
func (c *cluster) Subscribers(ctx context.Context, key registry.ServiceKey) (all []registry.SubscriberInfo) {
	ctx, cancel := context.WithTimeout(ctx, askEvery)
	defer cancel()
	payload, err := json.Marshal(key)
	if err != nil {
		c.s.log.Error("asking for subscribers", "service", key.String(), "err", err)
		return nil
	}
	var wg sync.WaitGroup
	var mu sync.Mutex
	for _, p := range c.s.members.others() {
		wg.Go(func() {
			var theirs []registry.SubscriberInfo
			b, err := c.s.node.Request(ctx, p, topicSubscribers, payload)
			if err == nil {
				err = json.Unmarshal(b, &theirs)
			}
			if err != nil {
				c.s.log.Debug("asking a server for subscribers", "server", p, "err", err)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			all = append(all, theirs...)
		})
	}
	wg.Wait()
	return all
}

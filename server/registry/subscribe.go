package registry

import "fmt"

// A Subscriber is told of a service's changes, by the [Observer]: the registry
// only keeps who it is.
type Subscriber interface {
	Info() SubscriberInfo
}

// SubscriberInfo is what is shown of a subscriber.
type SubscriberInfo struct {
	Client   ClientID
	IP       string
	Port     int
	Agent    string
	App      string
	Clusters string
}

// Subscribe adds a subscriber to a service, which need not be there yet.
func (r *Registry) Subscribe(key ServiceKey, sub Subscriber) (*Service, error) {
	if err := key.Validate(); err != nil {
		return nil, err
	}
	s := r.obtain(key)
	defer s.mu.Unlock()
	if s.subscribers == nil {
		s.subscribers = make(map[Subscriber]struct{})
	}
	if _, ok := s.subscribers[sub]; ok {
		return nil, fmt.Errorf("subscribed to %s twice", key.Grouped())
	}
	s.subscribers[sub] = struct{}{}
	return s, nil
}

// Unsubscribe takes a subscriber away.
func (s *Service) Unsubscribe(sub Subscriber) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.subscribers, sub)
	if len(s.subscribers) == 0 {
		s.subscribers = nil
	}
}

// Subscribers returns who is subscribed.
func (s *Service) Subscribers() []Subscriber {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.subscribers) == 0 {
		return nil
	}
	all := make([]Subscriber, 0, len(s.subscribers))
	for sub := range s.subscribers {
		all = append(all, sub)
	}
	return all
}

// Subscribed returns a service that is listed or has subscribers.
func (r *Registry) Subscribed(key ServiceKey) (*Service, bool) {
	s := r.index.lookup(key)
	return s, s != nil
}

// EachSubscriber calls f with each subscription.
func (r *Registry) EachSubscriber(f func(ServiceKey, SubscriberInfo)) {
	r.index.each(func(s *Service) bool {
		for _, sub := range s.Subscribers() {
			f(s.key, sub.Info())
		}
		return true
	})
}

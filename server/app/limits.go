package app

import (
	"fmt"
	"strconv"
	"strings"
)

// DoorLimits bound what clients may ask for at a time. Zero is the default of
// the door, see grpcapi.Options, httpapi.Options and udppush.Options.
type DoorLimits struct {
	ConnectionsPerIP              int // by gRPC
	Message                       int // bytes
	Rate, Concurrent              int // requests of one connection, per second and at a time
	HTTPConnections               int
	Requests, Listeners           int // at a time
	Body, Bodies                  int // bytes: of one request, of all at a time
	UDPSubscribers, UDPPerAddress int
}

// limits are all bounds that can be set, by name.
func (o *Options) limits() []struct {
	name string
	p    *int
} {
	l, d := &o.Limits, &o.Doors
	return []struct {
		name string
		p    *int
	}{
		{"services", &l.Services}, {"instances", &l.Instances}, {"instances-per-service", &l.PerService},
		{"instances-per-client", &l.PerClient}, {"clients", &l.Clients}, {"subscriptions", &l.Subscriptions},
		{"metadata", &l.Metadata}, {"settings", &l.Settings}, {"namespaces", &l.Namespaces},
		{"documents", &l.Documents}, {"document", &l.Document},
		{"fuzzy-patterns", &l.FuzzyPatterns}, {"fuzzy-matches", &l.FuzzyMatches}, {"clusters-per-query", &l.ClustersPerQuery},
		{"encoded", &l.Encoded},
		{"grpc-connections-per-ip", &d.ConnectionsPerIP}, {"grpc-message", &d.Message}, {"grpc-rate", &d.Rate}, {"grpc-concurrent", &d.Concurrent},
		{"http-connections", &d.HTTPConnections}, {"http-requests", &d.Requests}, {"http-listeners", &d.Listeners},
		{"http-body", &d.Body}, {"http-bodies", &d.Bodies},
		{"udp-subscribers", &d.UDPSubscribers}, {"udp-services", &d.UDPPerAddress},
	}
}

// limitNames are the names that [Options.SetLimit] takes.
func limitNames() (names []string) {
	for _, l := range new(Options).limits() {
		names = append(names, l.name)
	}
	return names
}

// SetLimit sets a bound that is given as NAME=N.
func (o *Options) SetLimit(s string) error {
	name, value, ok := strings.Cut(s, "=")
	n, err := strconv.Atoi(value)
	if !ok || err != nil || n < 1 {
		return fmt.Errorf("%w: limit %q, want NAME=N with a number from 1", ErrOptions, s)
	}
	for _, l := range o.limits() {
		if l.name == name {
			*l.p = n
			return nil
		}
	}
	return fmt.Errorf("%w: no limit is called %q, want one of %s", ErrOptions, name, strings.Join(limitNames(), ", "))
}

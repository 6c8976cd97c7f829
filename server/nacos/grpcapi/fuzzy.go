package grpcapi

import (
	"context"
	"errors"
	"strings"

	"github.com/musterhq/muster/server/nacos"
	"github.com/musterhq/muster/server/registry"
)

type fuzzyRequest struct {
	Initializing      bool     `json:"initializing"`
	IsInitializing    bool     `json:"isInitializing"`
	Namespace         string   `json:"namespace"`
	GroupKeyPattern   string   `json:"groupKeyPattern"`
	ReceivedGroupKeys []string `json:"receivedGroupKeys"`
	WatchType         string   `json:"watchType"`
}

// Codes of fuzzy watches.
const (
	patternOverLimit = 50310
	matchOverLimit   = 50311
)

func (s *Server) fuzzyWatch(ctx context.Context, c *call) (reply, error) {
	var req fuzzyRequest
	if err := c.read(&req); err != nil {
		return reply{}, err
	}
	p, err := registry.ParsePattern(req.GroupKeyPattern)
	if err != nil {
		return reply{}, err
	}
	if err := s.check(ctx, c, nacos.Resource{Namespace: p.Namespace, Group: p.Group, Name: p.Name, Type: "naming"}, nacos.Read); err != nil {
		return reply{}, err
	}
	const kind = "NamingFuzzyWatchResponse"
	switch req.WatchType {
	case "WATCH":
		more, err := c.receiver.Watch(req.GroupKeyPattern, s.received(req.ReceivedGroupKeys), req.Initializing || req.IsInitializing)
		switch {
		case errors.Is(err, registry.ErrLimit):
			return reply{kind: kind, code: patternOverLimit, text: "fuzzy watch pattern over limit"}, nil
		case err != nil:
			return reply{}, err
		case more:
			return reply{kind: kind, code: matchOverLimit, text: "fuzzy watch pattern matched count over limit"}, nil
		}
	case "CANCEL_WATCH":
		c.receiver.Unwatch(req.GroupKeyPattern)
	default:
		return reply{}, unsupported(req.WatchType)
	}
	return reply{kind: kind}, nil
}

// received reads the services that the client knows already. There are no
// more of them than a pattern may match, or it was not us who said so.
func (s *Server) received(names []string) []registry.ServiceKey {
	var keys []registry.ServiceKey
	for _, n := range names {
		parts := strings.Split(n, "@@")
		if len(parts) != 3 || len(keys) >= 2*s.reg.Limits().FuzzyMatches {
			continue
		}
		keys = append(keys, registry.ServiceKey{Namespace: parts[0], Group: parts[1], Name: parts[2]})
	}
	return keys
}

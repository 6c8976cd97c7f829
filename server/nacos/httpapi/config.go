package httpapi

import (
	"net/http"
	"strconv"
	"time"

	"github.com/musterhq/muster/server/nacos/codes"
)

// There is no config service yet. What is asked for is not there, nothing
// changes, and nothing can be published: so an application that has a client
// for it starts, and is not told that something was kept that was not.

func (s *Server) noConfig(q *request) (any, error) {
	if q.text("search", "") != "" {
		return object{"totalCount": 0, "pageNumber": 1, "pagesAvailable": 0, "pageItems": []object{}}, nil
	}
	return answered{status: http.StatusNotFound, value: "config data not exist"}, nil
}

func (s *Server) noConfigV3(*request) (any, error) {
	return nil, codes.NotFound.With("config data not exist")
}

func (s *Server) refuseConfig(*request) (any, error) {
	return nil, codes.Unimplemented.With("the config service is not implemented")
}

// maxPoll bounds how long a listener is kept waiting.
const maxPoll = 30 * time.Second

// listenConfig answers that nothing has changed, when the caller's patience is
// nearly at its end: at once would have it ask again at once.
func (s *Server) listenConfig(q *request) (any, error) {
	ms, err := strconv.Atoi(q.Header.Get("Long-Pulling-Timeout"))
	if err != nil || ms <= 0 || q.Header.Get("Long-Pulling-Timeout-No-Hangup") == "true" {
		return "", nil
	}
	q.forget() // many wait at a time
	wait := min(time.Duration(ms)*time.Millisecond, maxPoll) - 500*time.Millisecond
	timer := time.NewTimer(max(wait, 0))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-q.patience.Done():
	}
	return "", nil
}

func (s *Server) configHealth(*request) (any, error) { return "UP", nil }

package consensus

import (
	"context"
	"io"
	"log/slog"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
)

// engineLogger passes the engine's log on, more quietly: what it calls an error
// is mostly a server that does not answer, said ten times a second.
func engineLogger(log *slog.Logger) hclog.Logger {
	l := hclog.NewInterceptLogger(&hclog.LoggerOptions{Name: "raft", Level: hclog.Debug, Output: io.Discard})
	l.RegisterSink(&engineSink{log: log, said: make(map[string]time.Time)})
	return l
}

// sayAgain is after how long the engine may repeat itself.
const sayAgain = 30 * time.Second

type engineSink struct {
	log *slog.Logger

	mu   sync.Mutex
	said map[string]time.Time
}

// Accept implements hclog.SinkAdapter.
func (s *engineSink) Accept(name string, level hclog.Level, msg string, args ...any) {
	to := slog.LevelDebug
	if level >= hclog.Error && s.first(msg) {
		to = slog.LevelWarn
	}
	if ctx := context.Background(); s.log.Enabled(ctx, to) {
		s.log.Log(ctx, to, "raft: "+msg, append(args, "from", name)...)
	}
}

// first says whether a message was not said lately. The messages are constants
// of the engine, so there are few.
func (s *engineSink) first(msg string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	if now.Sub(s.said[msg]) < sayAgain {
		return false
	}
	s.said[msg] = now
	return true
}

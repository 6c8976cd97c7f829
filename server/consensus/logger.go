package consensus

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"reflect"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"
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
	if level >= hclog.Error && !closing(args) && s.first(msg) {
		to = slog.LevelWarn
	}
	if ctx := context.Background(); s.log.Enabled(ctx, to) {
		s.log.Log(ctx, to, "raft: "+msg, append(plain(args), "from", name)...)
	}
}

// closing reports whether a message is about a connection that this server has
// closed itself, as it does when it ends.
func closing(args []any) bool {
	for _, a := range args {
		if err, ok := a.(error); ok && errors.Is(err, net.ErrClosed) {
			return true
		}
	}
	return false
}

// plain returns the arguments of a line with the engine's own types as text: a
// server by its identity, the others as they print.
func plain(args []any) []any {
	out := make([]any, len(args), len(args)+2)
	for i, a := range args {
		switch a := a.(type) {
		case raft.Server:
			out[i] = string(a.ID)
		case error, time.Duration, time.Time, bool, string:
			out[i] = a
		case fmt.Stringer:
			out[i] = a.String()
		default:
			if k := reflect.ValueOf(a).Kind(); k < reflect.Int || k > reflect.Float64 {
				a = fmt.Sprint(a)
			}
			out[i] = a
		}
	}
	return out
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

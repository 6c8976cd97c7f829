package agent

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
)

// maxWarnings bounds what GET /v1/log remembers.
const maxWarnings = 200

// recent keeps the last warnings and errors of the log for GET /v1/log, so
// that a harness or an operator sees an agent's complaints without its stderr.
type recent struct {
	mu    sync.Mutex
	lines []string
}

// handler formats for the ring. A slog.Handler calls Write once per record.
func (r *recent) handler() slog.Handler {
	return slog.NewTextHandler(r, &slog.HandlerOptions{Level: slog.LevelWarn})
}

func (r *recent) Write(line []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.lines) == maxWarnings {
		r.lines = append(r.lines[:0], r.lines[1:]...)
	}
	r.lines = append(r.lines, strings.TrimRight(string(line), "\n"))
	return len(line), nil
}

// all returns a copy, oldest first.
func (r *recent) all() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]string{}, r.lines...) // never nil: JSON wants [] and not null
}

// fanout hands each record to several handlers.
type fanout []slog.Handler

func (f fanout) Enabled(ctx context.Context, level slog.Level) bool {
	for _, h := range f {
		if h.Enabled(ctx, level) {
			return true
		}
	}
	return false
}

func (f fanout) Handle(ctx context.Context, r slog.Record) error {
	var errs []error
	for _, h := range f {
		if h.Enabled(ctx, r.Level) {
			errs = append(errs, h.Handle(ctx, r.Clone()))
		}
	}
	return errors.Join(errs...)
}

func (f fanout) WithAttrs(attrs []slog.Attr) slog.Handler {
	return f.each(func(h slog.Handler) slog.Handler { return h.WithAttrs(attrs) })
}

func (f fanout) WithGroup(name string) slog.Handler {
	return f.each(func(h slog.Handler) slog.Handler { return h.WithGroup(name) })
}

func (f fanout) each(change func(slog.Handler) slog.Handler) fanout {
	out := make(fanout, len(f))
	for i, h := range f {
		out[i] = change(h)
	}
	return out
}

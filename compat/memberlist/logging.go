package memberlist

import (
	"context"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"os"
	"strings"

	"github.com/musterhq/muster/wire"
)

// newLogger returns what the configuration wants to be logged with.
func newLogger(conf *Config) (*log.Logger, error) {
	switch {
	case conf.Logger != nil && conf.LogOutput != nil:
		return nil, errors.New("cannot specify both LogOutput and Logger; please choose a single log configuration setting")
	case conf.Logger != nil:
		return conf.Logger, nil
	case conf.LogOutput != nil:
		return log.New(conf.LogOutput, "", log.LstdFlags), nil
	}
	return log.New(os.Stderr, "", log.LstdFlags), nil
}

// lines writes what muster logs as lines of the form that applications of
// memberlist filter by: the level in brackets, the package, the text.
type lines struct {
	log   *log.Logger
	attrs []slog.Attr
}

var _ slog.Handler = lines{}

// elsewhere are records of what the teller and OnAccused report, in memberlist's
// own words.
var elsewhere = map[string]bool{
	"member suspected": true,
	"member failed":    true,
	"refuting":         true,
	"another address claims the name of a member": true,
}

// wording is a line of memberlist's that applications, and people, look for:
// the text with the record's attributes in it.
type wording struct {
	level, text string
	attrs       []string
}

var wordings = map[string]wording{
	"member left": {"[DEBUG]", "member left: %s", []string{"member"}},
	"no direct answer, asking others": {
		"[DEBUG]", "Failed UDP ping: %s (timeout reached)", []string{"member"},
	},
	"member answers over a stream but not by packets": {
		"[WARN]", "Was able to connect to %s over TCP but UDP probes failed, network may be misconfigured", []string{"member"},
	},
	"exchange of states begins": {"[DEBUG]", "Initiating push/pull sync with: %s %s", []string{"member", "addr"}},
	"exchange of states failed": {"[ERR]", "Push/Pull with %s failed: %s", []string{"addr", "err"}},
}

// faultWordings are the lines for what a packet or a stream was dropped for.
var faultWordings = []struct {
	err            error
	packet, stream string
}{
	{wire.ErrLabel, "discarding packet with unacceptable label", "discarding stream with unacceptable label"},
	{wire.ErrDecrypt, "Decrypt packet failed", "failed to receive"},
	{wire.ErrChecksum, "Got invalid checksum for UDP packet", "failed to receive"},
}

func (h lines) Enabled(context.Context, slog.Level) bool { return true }

func (h lines) WithAttrs(attrs []slog.Attr) slog.Handler {
	own := append([]slog.Attr(nil), h.attrs...)
	for _, a := range attrs {
		if a.Key != "node" { // an application that has several gives each a logger
			own = append(own, a)
		}
	}
	return lines{h.log, own}
}

// WithGroup is never called by muster, whose attributes are flat.
func (h lines) WithGroup(string) slog.Handler { return h }

func (h lines) Handle(_ context.Context, r slog.Record) error {
	if elsewhere[r.Message] {
		return nil
	}
	if w, ok := wordings[r.Message]; ok {
		args := make([]any, len(w.attrs))
		for i, key := range w.attrs {
			args[i] = attrOf(&r, key)
		}
		return h.log.Output(2, w.level+" memberlist: "+fmt.Sprintf(w.text, args...))
	}
	return h.log.Output(2, h.plain(&r))
}

// fault returns the wording and the level for something that was dropped.
func fault(r *slog.Record) (text, level string) {
	text, level = r.Message, levelName(r.Level)
	err, ok := attrOf(r, "err").Any().(error)
	if !ok {
		return text, level
	}
	for _, w := range faultWordings {
		if !errors.Is(err, w.err) {
			continue
		}
		switch r.Message {
		case "packet dropped":
			return w.packet, "[ERR]"
		case "stream":
			return w.stream, "[ERR]"
		}
	}
	return text, level
}

func levelName(l slog.Level) string {
	switch {
	case l < slog.LevelInfo:
		return "[DEBUG]"
	case l < slog.LevelWarn:
		return "[INFO]"
	case l < slog.LevelError:
		return "[WARN]"
	}
	return "[ERR]"
}

// plain is the message, the error behind a colon, and the rest as key=value.
func (h lines) plain(r *slog.Record) string {
	var b strings.Builder
	text, level := fault(r)
	b.WriteString(level + " memberlist: " + text)
	if err := attrOf(r, "err"); !err.Equal(slog.Value{}) {
		b.WriteString(": " + err.String())
	}
	add := func(a slog.Attr) bool {
		switch v := a.Value.String(); {
		case a.Key == "err", a.Key == "suppressed" && v == "0":
		case a.Key == "addr":
			b.WriteString(" from=" + v)
		default:
			b.WriteString(" " + a.Key + "=" + v)
		}
		return true
	}
	for _, a := range h.attrs {
		add(a)
	}
	r.Attrs(add)
	return b.String()
}

func attrOf(r *slog.Record, key string) (value slog.Value) {
	r.Attrs(func(a slog.Attr) bool {
		if a.Key == key {
			value = a.Value
		}
		return a.Key != key
	})
	return value
}

package agent

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"time"

	"github.com/musterhq/muster/server/api"
)

// maxBody bounds a request. The largest is a user message in base64.
const maxBody = 8 << 20

// writePatience is how long a reader of a stream may block one write.
const writePatience = 10 * time.Second

// newServer bounds everything a client may be slow or excessive with. There is
// no WriteTimeout, because streams last; they set a deadline for each write.
func newServer(h http.Handler, loopback bool, log *slog.Logger) *http.Server {
	return &http.Server{
		Handler:           guard(h, loopback),
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       30 * time.Second,
		IdleTimeout:       60 * time.Second,
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
}

// fault makes the error that a handler answers with: status, hint, message.
func fault(status int, hint, format string, args ...any) *api.Error {
	return &api.Error{Message: fmt.Sprintf(format, args...), Hint: hint, Status: status}
}

// answer adapts a function that returns what to say to an http.Handler.
func answer(f func(*http.Request) (any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		v, err := f(r)
		if err != nil {
			writeError(w, err)
			return
		}
		writeJSON(w, http.StatusOK, v)
	}
}

func writeError(w http.ResponseWriter, err error) {
	var e *api.Error
	if !errors.As(err, &e) {
		e = fault(http.StatusInternalServerError, "", "%v", err)
	}
	writeJSON(w, e.Status, e)
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(append(body, '\n')) // the client went away: nobody to tell
}

// decode reads a request's JSON strictly: a field this agent does not know is
// an instruction it would not follow.
func decode[T any](r *http.Request) (T, error) {
	var v T
	dec := json.NewDecoder(r.Body)
	dec.DisallowUnknownFields()
	err := dec.Decode(&v)
	if err == nil && dec.More() {
		err = errors.New("more than one value")
	}
	var large *http.MaxBytesError
	switch {
	case err == nil:
		return v, nil
	case errors.As(err, &large):
		return v, fault(http.StatusRequestEntityTooLarge, "", "request exceeds %d bytes", large.Limit)
	case errors.Is(err, io.EOF):
		err = errors.New("empty")
	}
	return v, fault(http.StatusBadRequest, "", "request body: %v", err)
}

// lines writes one JSON value per line and flushes each, so that a reader sees
// it now. It is the body of the stream handlers.
type lines struct {
	w    http.ResponseWriter
	ctl  *http.ResponseController
	json *json.Encoder
}

// newLines sends the header at once: a reader then knows that it is subscribed.
func newLines(w http.ResponseWriter) (*lines, error) {
	l := &lines{w: w, ctl: http.NewResponseController(w), json: json.NewEncoder(w)}
	w.Header().Set("Content-Type", "application/x-ndjson")
	w.WriteHeader(http.StatusOK)
	return l, l.flush()
}

func (l *lines) write(v any) error {
	if err := l.ctl.SetWriteDeadline(time.Now().Add(writePatience)); err != nil {
		return err
	}
	if err := l.json.Encode(v); err != nil {
		return err
	}
	return l.flush()
}

func (l *lines) flush() error { return l.ctl.Flush() }

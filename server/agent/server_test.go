package agent

import (
	"bufio"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/musterhq/muster"
)

// TestStreamsOutliveTheReadTimeout: the bound on reading a request must not end
// the answer, however long that lasts.
func TestStreamsOutliveTheReadTimeout(t *testing.T) {
	const timeout = 20 * time.Millisecond
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		out, err := newLines(w)
		if err != nil {
			t.Error(err)
			return
		}
		select {
		case <-time.After(5 * timeout): // beyond the bound
		case <-r.Context().Done():
			t.Errorf("the stream ended early: %v", context.Cause(r.Context()))
		}
		if err := out.write("late"); err != nil {
			t.Error(err)
		}
	}))
	srv.Config.ReadTimeout = timeout
	srv.Start()
	defer srv.Close()
	resp, err := http.Get(srv.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }() // read to its end
	line, err := bufio.NewReader(resp.Body).ReadString('\n')
	if err != nil || line != "\"late\"\n" {
		t.Errorf("read %q, error %v", line, err)
	}
}

// TestServerIsBounded: no client may hold a connection for ever without asking
// for anything.
func TestServerIsBounded(t *testing.T) {
	s := newServer(http.NotFoundHandler(), true, slog.New(slog.DiscardHandler))
	if s.ReadHeaderTimeout == 0 || s.ReadTimeout == 0 || s.IdleTimeout == 0 || s.MaxHeaderBytes == 0 {
		t.Errorf("a bound is missing: %+v", s)
	}
}

// TestSlowReaderIsCutOff: what it would read next has a hole, so its stream
// must not look as if it ended well.
func TestSlowReaderIsCutOff(t *testing.T) {
	a := &Agent{messages: newInbox()}
	srv := httptest.NewServer(http.HandlerFunc(a.getMessages))
	defer srv.Close()
	resp, err := http.Get(srv.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }() // read until it broke
	// More than the sockets between them hold: the handler waits for its reader.
	a.messages.receive(muster.Message{Payload: make([]byte, 16<<20)})
	for range 2000 {
		a.messages.receive(muster.Message{})
	}
	if _, err := io.Copy(io.Discard, resp.Body); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("the stream ended with %v, want it broken off", err)
	}
}

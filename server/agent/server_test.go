package agent

import (
	"bufio"
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
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
	s := newServer(context.Background(), http.NotFoundHandler(), true, slog.New(slog.NewTextHandler(io.Discard, nil)))
	if s.ReadHeaderTimeout == 0 || s.ReadTimeout == 0 || s.IdleTimeout == 0 || s.MaxHeaderBytes == 0 {
		t.Errorf("a bound is missing: %+v", s)
	}
}

package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
)

// screen is what a command has written so far.
type screen struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *screen) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(b)
}

func (s *screen) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// find waits until the screen shows something.
func (s *screen) find(t *testing.T, what string) []string {
	t.Helper()
	expr := regexp.MustCompile(what)
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(10 * time.Millisecond) { // between looks
		if m := expr.FindStringSubmatch(s.String()); m != nil {
			return m
		}
		if time.Now().After(deadline) {
			t.Fatalf("no %q in\n%s", what, s.String())
		}
	}
}

// serving is a muster server in this process.
type serving struct {
	out, err screen
	stop     func() (code int)
}

func serve(t *testing.T, args ...string) *serving {
	t.Helper()
	s := &serving{}
	ctx, cancel := context.WithCancel(context.Background())
	code := make(chan int, 1)
	args = append([]string{"server", "--bind", "127.0.0.1", "--http-port", "-1", "--gossip-port", "-1"}, args...)
	go func() { code <- Main(ctx, args, Streams{In: strings.NewReader(""), Out: &s.out, Err: &s.err}) }()
	s.stop = sync.OnceValue(func() int {
		cancel()
		select {
		case c := <-code:
			return c
		case <-time.After(20 * time.Second):
			t.Error("the server does not end")
			return -1
		}
	})
	t.Cleanup(func() { s.stop() })
	return s
}

// The first user's password is shown once, and never to the log.
func TestFirstUserIsShownOnce(t *testing.T) {
	dir := t.TempDir()
	s := serve(t, "--data-dir", dir, "--log-level", "debug")
	at := s.out.find(t, `ready id=\S+ http=(\S+) `)[1]
	password := s.err.find(t, `(?m)^first user: nacos / (\S+) \(shown once\)$`)[1]
	if n := strings.Count(s.err.String()+s.out.String(), password); n != 1 {
		t.Errorf("the password is shown %d times:\n%s", n, s.err.String())
	}
	form := url.Values{"username": {"nacos"}, "password": {password}}
	a, err := http.PostForm("http://"+at+"/nacos/v1/auth/login", form)
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Body.Close(); err != nil || a.StatusCode != http.StatusOK {
		t.Errorf("logging in with it: %d, %v", a.StatusCode, err)
	}
	if code := s.stop(); code != ExitOK {
		t.Errorf("ended with %d", code)
	}
	again := serve(t, "--data-dir", dir, "--settle", "1ms")
	again.out.find(t, `ready`)
	again.err.find(t, `"msg":"ready"`)
	again.stop()
	if strings.Contains(again.err.String(), "first user") {
		t.Errorf("shown again:\n%s", again.err.String())
	}
}

// A log in JSON is read by people as well: names and times are text, and
// nothing is null.
func TestLogIsReadable(t *testing.T) {
	s := serve(t, "--data-dir", t.TempDir(), "--log-format", "json")
	gossip := s.out.find(t, `gossip=(\S+) `)[1]
	other := serve(t, "--data-dir", t.TempDir(), "--log-format", "json", "--join", gossip)
	other.out.find(t, `ready`)
	s.err.find(t, `"a server is there"`)
	other.stop()
	s.err.find(t, `"a server is gone","server":"[0-9a-f-]+","addr":"[0-9.:]+","how":"left"`)
	s.stop()
	if !strings.Contains(s.err.String(), `"founding a cluster"`) || !strings.Contains(other.err.String(), `"joined a cluster"`) {
		t.Errorf("the log lacks how the cluster began:\n%s%s", s.err.String(), other.err.String())
	}
	for line := range strings.Lines(s.err.String() + other.err.String()) {
		if !strings.HasPrefix(line, "{") {
			continue // of the first user
		}
		if err := readableLine(line); err != nil {
			t.Errorf("%v: %s", err, line)
		}
	}
}

// readableLine looks at a line of the log.
func readableLine(line string) error {
	var fields map[string]any
	if err := json.Unmarshal([]byte(line), &fields); err != nil {
		return err
	}
	for name, v := range fields {
		switch v := v.(type) {
		case nil, []any, map[string]any:
			return errors.New(name + " is no text")
		case float64:
			if v >= 1e6 {
				return errors.New(name + " is a number that nobody can read")
			}
		}
	}
	return nil
}

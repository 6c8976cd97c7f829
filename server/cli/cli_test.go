package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/musterhq/muster/server/api"
)

var update = flag.Bool("update", false, "rewrite the golden files; look at the difference before you keep it")

func TestMain(m *testing.M) {
	time.Local = time.UTC // golden files show times
	for _, v := range os.Environ() {
		if name, _, _ := strings.Cut(v, "="); strings.HasPrefix(name, "MUSTER_") {
			if err := os.Unsetenv(name); err != nil {
				panic(err)
			}
		}
	}
	os.Exit(m.Run())
}

// result is what a command line left behind.
type result struct {
	code     int
	out, err string
}

// command runs a command line in this process.
func command(t *testing.T, stdin string, args ...string) result {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	var out, err bytes.Buffer
	code := Main(ctx, args, Streams{In: strings.NewReader(stdin), Out: &out, Err: &err})
	return result{code, out.String(), err.String()}
}

// golden compares with a file in testdata, whose content is a promise.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name+".golden")
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs\n got:\n%s\nwant:\n%s", path, got, want)
	}
}

var (
	noon    = time.Date(2026, 11, 22, 12, 0, 0, 250e6, time.UTC)
	members = []api.Member{
		{Name: "db-1", Addr: "10.0.0.1:7946", State: "alive", Incarnation: 3, Meta: `{"role":"db"}`},
		{Name: "db-2", Addr: "10.0.0.2:7946", State: "suspect", Incarnation: 4000000000},
		{Name: "größe", Addr: "[2001:db8::1]:7946", State: "left", Incarnation: 1, Meta: "naïve"},
		{Name: "evil\x1b[2J", Addr: "10.0.0.9:7946", State: "dead", Meta: "\ufffd", MetaBytes: []byte{0xff, 0}},
	}
	events = []api.Event{
		{Time: noon, Kind: "joined", Member: members[0]},
		{Time: noon.Add(time.Second), Kind: "suspected", Member: members[1], From: "db-1"},
		{Time: noon.Add(2 * time.Second), Kind: "left", Member: members[3]},
	}
	messages = []api.Message{
		{Time: noon, From: "10.0.0.1:7946", Broadcast: true, Payload: []byte("reload")},
		{Time: noon, From: "10.0.0.2:41234", Reliable: true, Payload: []byte{1, 2, 0xff}},
		{Time: noon, From: "10.0.0.2:7946", Payload: []byte("two\nlines")},
	}
	stats = `{"members":{"alive":2,"dead":1},"packets_sent":18446744073709551615,"ratio":0.5,"probes":[1,2]}`
)

// standIn is an agent that answers with the examples above and remembers what
// it was asked.
type standIn struct {
	addr  string
	asked []string
}

func newStandIn(t *testing.T) *standIn {
	t.Helper()
	s := new(standIn)
	mux := http.NewServeMux()
	say := func(pattern string, v any) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			var body bytes.Buffer
			if _, err := body.ReadFrom(r.Body); err != nil {
				t.Error(err)
			}
			s.asked = append(s.asked, strings.TrimSpace(r.Method+" "+r.URL.String()+" "+body.String()))
			if err := json.NewEncoder(w).Encode(v); err != nil {
				t.Error(err)
			}
		})
	}
	lines := func(w http.ResponseWriter, values ...any) {
		for _, v := range values {
			if err := json.NewEncoder(w).Encode(v); err != nil {
				t.Error(err)
			}
		}
	}
	say("GET /v1/members", members)
	say("GET /v1/stats", json.RawMessage(stats))
	say("POST /v1/join", api.JoinResult{Joined: 1})
	say("POST /v1/keys", api.KeyList{Keys: []api.Key{{ID: "0011aabb", Primary: true}, {ID: "deadbeef"}}})
	for _, path := range []string{"leave", "meta", "broadcast", "send"} {
		say("POST /v1/"+path, api.Done{OK: true})
	}
	mux.HandleFunc("GET /v1/events", func(w http.ResponseWriter, _ *http.Request) {
		lines(w, events[0], events[1], events[2])
	})
	mux.HandleFunc("GET /v1/messages", func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Has("recent") {
			lines(w, messages)
			return
		}
		lines(w, messages[0], messages[1], messages[2])
	})
	srv := httptest.NewServer(mux)
	t.Cleanup(srv.Close)
	s.addr = srv.Listener.Addr().String()
	return s
}

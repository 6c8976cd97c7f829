package agent

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/musterhq/muster"
	"github.com/musterhq/muster/server/api"
	"github.com/musterhq/muster/wire"
)

var testKey = bytes.Repeat([]byte{7}, 32)

// options are for an agent on this machine with ports of its own.
func options(t *testing.T, name string, seeds ...string) Options {
	t.Helper()
	cfg := muster.Local()
	cfg.Name, cfg.Bind, cfg.Seeds = name, "127.0.0.1:0", seeds
	cfg.Logger = slog.New(slog.DiscardHandler)
	return Options{Config: cfg, API: "127.0.0.1:0"}
}

// running is an agent under test.
type running struct {
	*Agent
	*api.Client
	stop context.CancelFunc // asks it to leave
	end  chan error         // what Wait returned
}

func run(t *testing.T, opts Options) *running {
	t.Helper()
	a, err := Start(opts)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	r := &running{Agent: a, stop: stop, end: make(chan error, 1)}
	go func() { r.end <- a.Wait(ctx); close(r.end) }()
	t.Cleanup(func() { stop(); <-r.end })
	if r.Client, err = api.NewClient(a.APIAddr()); err != nil {
		t.Fatal(err)
	}
	return r
}

func (r *running) addr() string { return r.Node().Local().Addr.String() }

// eventually polls until check is content.
func eventually(t *testing.T, check func() error) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for {
		err := check()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Millisecond) // between looks, not for anything to happen
	}
}

// sees checks what r says of a member, through the API.
func (r *running) sees(name, state, meta string) error {
	members, err := r.Members(context.Background())
	if err != nil {
		return err
	}
	i := slices.IndexFunc(members, func(m api.Member) bool { return m.Name == name })
	if i < 0 {
		return fmt.Errorf("%s is not among %+v", name, members)
	}
	if m := members[i]; m.State != state || m.Meta != meta {
		return fmt.Errorf("%s is %s with meta %q, want %s with %q", name, m.State, m.Meta, state, meta)
	}
	return nil
}

// has checks that r received a message.
func (r *running) has(payload string, reliable bool) error {
	got, err := r.Recent(context.Background())
	if err != nil {
		return err
	}
	for _, m := range got {
		if string(m.Payload) == payload && m.Reliable == reliable {
			return nil
		}
	}
	return fmt.Errorf("%q (reliable %v) is not among %+v", payload, reliable, got)
}

func TestTwoAgents(t *testing.T) {
	ctx := context.Background()
	a := run(t, options(t, "a"))
	opts := options(t, "b", a.addr())
	opts.Config.Meta = []byte("from the start")
	b := run(t, opts)

	var kinds []string
	watched, begun := make(chan error, 1), make(chan struct{})
	go func() {
		watched <- a.Events(ctx, func(e api.Event) error {
			if e.Member.Name == "b" {
				if kinds = append(kinds, e.Kind+" "+e.Member.State+" "+e.Member.Meta); len(kinds) == 1 {
					close(begun)
				}
			}
			return nil
		})
	}()
	stream, heard := make(chan api.Message, 10), make(chan error, 1)
	go func() {
		heard <- b.Messages(ctx, func(m api.Message) error { stream <- m; return nil })
	}()
	eventually(t, func() error {
		return errors.Join(a.sees("b", "alive", "from the start"), b.sees("a", "alive", ""))
	})
	select {
	case <-begun: // only then does the stream tell of what changes
	case <-time.After(10 * time.Second):
		t.Fatal("the event stream does not begin")
	}
	if err := b.SetMeta(ctx, "changed"); err != nil {
		t.Error(err)
	}
	eventually(t, func() error { return a.sees("b", "alive", "changed") })

	if err := a.Send(ctx, "b", []byte("by stream"), true); err != nil {
		t.Error(err)
	}
	eventually(t, func() error { return b.has("by stream", true) })
	if err := a.Send(ctx, "b", []byte("by packet"), false); err != nil {
		t.Error(err)
	}
	if err := a.Broadcast(ctx, []byte("to all\xff")); err != nil {
		t.Error(err)
	}
	eventually(t, func() error { return errors.Join(b.has("by packet", false), b.has("to all\xff", false)) })

	if text, err := a.Stats(ctx); err != nil || len(text) < 10 {
		t.Errorf("stats are %q, error %v", text, err)
	}

	if err := b.Client.Leave(ctx); err != nil {
		t.Error(err)
	}
	if err := <-b.end; err != nil {
		t.Errorf("the agent that left ended with %v", err)
	}
	if err := <-heard; err != nil {
		t.Errorf("its message stream ended with %v, want a clean end", err)
	}
	if len(stream) != 3 {
		t.Errorf("its message stream carried %d messages, want 3", len(stream))
	}
	eventually(t, func() error { return a.sees("b", "left", "changed") })
	a.stop()
	if err := <-a.end; err != nil {
		t.Errorf("the agent that was stopped ended with %v", err)
	}
	if err := <-watched; err != nil {
		t.Errorf("its event stream ended with %v, want a clean end", err)
	}
	want := []string{"joined alive from the start", "updated alive changed", "left left changed"}
	if !slices.Equal(kinds, want) {
		t.Errorf("the event stream told %q, want %q", kinds, want)
	}
}

func TestJoinByRequest(t *testing.T) {
	a, b := run(t, options(t, "a")), run(t, options(t, "b"))
	result, err := a.Join(context.Background(), b.addr(), "127.0.0.1:1")
	if err != nil || result.Joined != 1 {
		t.Fatalf("joined %d, error %v; want 1 of 2", result.Joined, err)
	}
	eventually(t, func() error { return errors.Join(a.sees("b", "alive", ""), b.sees("a", "alive", "")) })

	var e *api.Error
	if _, err := a.Join(context.Background(), "127.0.0.1:1"); !errors.As(err, &e) || e.Hint == "" {
		t.Errorf("joining through nobody: %v, want an error with a hint", err)
	}
}

func TestKeyRotation(t *testing.T) {
	ctx := context.Background()
	opts := options(t, "a")
	ring, err := wire.NewKeyring([][]byte{testKey}, testKey)
	if err != nil {
		t.Fatal(err)
	}
	opts.Config.Keyring = ring
	a := run(t, opts)
	next := bytes.Repeat([]byte{9}, 16)
	oldID, nextID := keyID(testKey), keyID(next)
	for _, step := range []struct {
		op   string
		key  []byte
		want []api.Key
		fail int
	}{
		{op: "list", want: []api.Key{{ID: oldID, Primary: true}}},
		{op: "use", key: next, fail: http.StatusNotFound},
		{op: "add", key: []byte("short"), fail: http.StatusConflict},
		{op: "add", key: next, want: []api.Key{{ID: oldID, Primary: true}, {ID: nextID}}},
		{op: "use", key: next, want: []api.Key{{ID: nextID, Primary: true}, {ID: oldID}}},
		{op: "remove", key: next, fail: http.StatusConflict},
		{op: "remove", key: testKey, want: []api.Key{{ID: nextID, Primary: true}}},
		{op: "remove", key: testKey, fail: http.StatusNotFound},
		{op: "forge", fail: http.StatusBadRequest},
	} {
		got, err := a.Keys(ctx, step.op, step.key)
		var e *api.Error
		switch {
		case step.fail != 0:
			if !errors.As(err, &e) || e.Status != step.fail {
				t.Errorf("%s: error %v, want status %d", step.op, err, step.fail)
			}
		case err != nil || !slices.Equal(got, step.want):
			t.Errorf("%s: ring %v, error %v; want %v", step.op, got, err, step.want)
		}
	}

	plain := run(t, options(t, "plain"))
	var e *api.Error
	if _, err := plain.Keys(ctx, "add", next); !errors.As(err, &e) || e.Status != http.StatusConflict || e.Hint == "" {
		t.Errorf("a key for an agent without encryption: %v, want a conflict with a hint", err)
	}
}

func TestRequestsThatAreRefused(t *testing.T) {
	a := run(t, options(t, "a"))
	for _, tt := range []struct {
		method, path, body string
		code               int
		says               string
	}{
		{"POST", "/v1/meta", ``, 400, "empty"},
		{"POST", "/v1/meta", `{"meta":`, 400, "request body"},
		{"POST", "/v1/meta", `{"mata":"x"}`, 400, "mata"},
		{"POST", "/v1/meta", `{"meta":"x"}{}`, 400, "more than one"},
		{"POST", "/v1/meta", `{"meta":"` + strings.Repeat("x", muster.MetaMax+1) + `"}`, 413, "meta"},
		{"POST", "/v1/meta", `{"meta":"` + strings.Repeat("x", maxBody) + `"}`, 413, "exceeds"},
		{"POST", "/v1/join", `{"addrs":[]}`, 400, "empty"},
		{"POST", "/v1/send", `{"to":"nobody","payload":"x"}`, 404, "nobody"},
		{"POST", "/v1/send", `{"to":"nobody","payload":"x","reliable":true}`, 404, "nobody"},
		{"POST", "/v1/send", `{"to":"a","payload":"x","payload_base64":"eA=="}`, 400, "both"},
		{"POST", "/v1/broadcast", `{"payload_base64":"?"}`, 400, "base64"},
		{"POST", "/v1/keys", `{"op":"list"}`, 409, "without encryption"},
		{"POST", "/debug/cut", `{"addrs":[]}`, 404, "/debug/cut"},
		{"GET", "/v1/leave", ``, 404, "GET /v1/leave"},
		{"GET", "/", ``, 404, "GET /"},
	} {
		req, err := http.NewRequest(tt.method, "http://"+a.APIAddr()+tt.path, strings.NewReader(tt.body))
		if err != nil {
			t.Fatal(err)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(resp.Body)
		if err := errors.Join(err, resp.Body.Close()); err != nil {
			t.Fatal(err)
		}
		name := fmt.Sprintf("%s %s %.40s", tt.method, tt.path, tt.body)
		if resp.StatusCode != tt.code || !strings.Contains(string(text), `"error":`) || !strings.Contains(string(text), tt.says) {
			t.Errorf("%s: answered %d %s, want %d about %q", name, resp.StatusCode, text, tt.code, tt.says)
		}
	}
}

func TestCutByRequest(t *testing.T) {
	opts := options(t, "a")
	opts.DebugFaults = true
	a, b := run(t, opts), run(t, options(t, "b"))
	cut := func(body string) int {
		resp, err := http.Post("http://"+a.APIAddr()+"/debug/cut", "application/json", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		if err := resp.Body.Close(); err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode
	}
	if code := cut(`{"addrs":["not an address"]}`); code != 400 {
		t.Errorf("cutting nonsense answered %d", code)
	}
	if code := cut(`{"addrs":["` + b.addr() + `"]}`); code != 200 {
		t.Fatalf("cut answered %d", code)
	}
	if _, err := a.Join(context.Background(), b.addr()); err == nil {
		t.Error("joined across the cut")
	}
	if code := cut(`{"addrs":[]}`); code != 200 {
		t.Fatalf("heal answered %d", code)
	}
	if _, err := a.Join(context.Background(), b.addr()); err != nil {
		t.Errorf("join after the cut: %v", err)
	}
}

func TestStartLeavesNothingBehind(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }()
	// free finds a port that the failed start must have given back.
	free := func() string {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = l.Close() }()
		return l.Addr().String()
	}
	for _, faults := range []bool{false, true} {
		opts := options(t, "a")
		opts.DebugFaults = faults
		opts.API, opts.Config.Bind = taken.Addr().String(), free()
		checkBindError(t, opts, "--api", opts.Config.Bind)

		opts.API, opts.Config.Bind = free(), taken.Addr().String()
		checkBindError(t, opts, "--bind", opts.API)

		opts.Config.Bind = "127.0.0.1:0"
		opts.Config.Meta = make([]byte, muster.MetaMax+1)
		if _, err := Start(opts); !errors.Is(err, muster.ErrConfig) {
			t.Errorf("starting with too much metadata: %v, want ErrConfig", err)
		}
	}
}

func checkBindError(t *testing.T, opts Options, flag, mustBeFree string) {
	t.Helper()
	_, err := Start(opts)
	var bind *BindError
	if !errors.As(err, &bind) || !bind.InUse() || bind.Flag != flag {
		t.Errorf("error %v; want a BindError for %s", err, flag)
	}
	if bind != nil && (!strings.Contains(bind.Hint(), flag) || !strings.Contains(bind.Error(), "in use")) {
		t.Errorf("it says %q, hint %q", bind.Error(), bind.Hint())
	}
	l, err := net.Listen("tcp", mustBeFree)
	if err != nil {
		t.Errorf("the other address is still taken: %v", err)
		return
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
}

func TestSeedsThatComeLater(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	late := options(t, "late")
	late.Config.Bind = l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	early := run(t, options(t, "early", late.Config.Bind))
	eventually(t, func() error {
		if log := strings.Join(early.warnings.all(), "\n"); !strings.Contains(log, "no seed answers") {
			return fmt.Errorf("the log does not say that no seed answers: %q", log)
		}
		return nil
	})
	run(t, late)
	eventually(t, func() error { return early.sees("late", "alive", "") })
}

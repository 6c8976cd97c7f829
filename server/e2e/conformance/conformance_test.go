package main

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/musterhq/muster/server/e2e/conformance/protocol"
)

// TestMain makes this test binary a driver, too, if it is told so.
func TestMain(m *testing.M) {
	if os.Getenv("CONFORMANCE_FAKE") == "" {
		os.Exit(m.Run())
	}
	out := protocol.NewWriter(os.Stdout)
	err := protocol.Serve(os.Stdin, out, func(r protocol.Request) (any, error) { return fake(out, r) })
	if err != nil {
		os.Exit(1)
	}
}

// fake is a library that knows one instance, and one that tells when it is
// asked for.
func fake(out *protocol.Writer, r protocol.Request) (any, error) {
	known := []Instance{instance("10.0.0.1", 80)}
	switch r.Op {
	case "hello":
		return protocol.Hello{Client: "fake", Version: "1", Language: "go", Generation: 2}, nil
	case "connect":
		if r.Password == "wrong" {
			return nil, errors.New("who are you")
		}
		return nil, nil
	case "list":
		return protocol.List{Instances: known}, nil
	case "subscribe":
		return nil, out.Changed(r.Service, "DEFAULT_GROUP", known)
	case "status":
		os.Exit(3)
	}
	return nil, protocol.ErrUnsupported
}

type fakeDriver struct{}

func (fakeDriver) Name() string                        { return "fake" }
func (fakeDriver) Build(context.Context, string) error { return nil }
func (fakeDriver) Limits() map[string]string           { return map[string]string{"last": "it forgets"} }
func (fakeDriver) Command() *exec.Cmd {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "CONFORMANCE_FAKE=1")
	return cmd
}

func TestClient(t *testing.T) {
	k := &Kind{Driver: fakeDriver{}, Site: &Site{Size: 1}, dir: t.TempDir(), turns: make(chan struct{}, starting)}
	ctx := t.Context()
	c, err := k.dial(ctx, nil, login{})
	if err != nil {
		t.Fatal(err)
	}
	defer c.End()
	p := Place{Service: "s"}
	got, err := c.list(ctx, p)
	if err != nil || same(got, []Instance{instance("10.0.0.1", 80)}) != nil {
		t.Fatal(got, err)
	}
	w, err := c.subscribe(ctx, p)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.await(time.Second, got); err != nil {
		t.Fatal(err)
	}
	if err := c.register(ctx, p, got[0]); !errors.Is(err, errUnsupported) {
		t.Fatalf("register: %v", err)
	}
	if _, err := c.status(ctx); !errors.Is(err, errGone) {
		t.Fatalf("the driver has crashed: %v", err)
	}
	if _, err := k.dial(ctx, nil, login{password: "wrong"}); !errors.Is(err, errRefused) {
		t.Fatalf("connect: %v", err)
	}
}

// A case fails where the client does not see what it should, is not in the
// library where the library says so, and is ok otherwise.
func TestOutcomes(t *testing.T) {
	k := &Kind{Driver: fakeDriver{}, Site: &Site{Size: 1}, dir: t.TempDir(), turns: make(chan struct{}, starting)}
	attempt := func(name string, do func(*Case, *Client)) result {
		c := newCase(t.Context(), k, name)
		c.patience = 100 * time.Millisecond
		defer c.close()
		err := c.limit(name)
		if err == nil {
			err = c.attempt(func() { do(c, c.dial(nil, login{})) })
		}
		return c.result(err, time.Now())
	}
	known := instance("10.0.0.1", 80)
	for name, want := range map[string]struct {
		outcome, why string
		do           func(*Case, *Client)
	}{
		"ok":    {ok, "", func(c *Case, cl *Client) { c.lists(cl, c.place("s"), known) }},
		"wrong": {failed, "got [10.0.0.1:80], want [10.0.0.1:80 weight 2]", func(c *Case, cl *Client) { c.lists(cl, c.place("s"), weighing(known, 2)) }},
		"told": {failed, "told 1 times, last: got [10.0.0.1:80], want none", func(c *Case, cl *Client) {
			c.told(c.subscribe(cl, c.place("s")), "that there is none")
		}},
		"batch": {notInLibrary, "no such call", func(c *Case, cl *Client) { c.must(cl.batch(c.ctx, "batch", c.place("s"))) }},
		"last":  {notInLibrary, "it forgets", func(*Case, *Client) { t.Error("it was tried") }},
	} {
		got := attempt(name, want.do)
		if got.Outcome != want.outcome || !strings.Contains(got.Why, want.why) {
			t.Errorf("%s: %s", name, got)
		}
	}
}

func TestSame(t *testing.T) {
	a, b := instance("10.0.0.1", 80), instance("10.0.0.2", 80)
	if err := same([]Instance{a, b}, []Instance{b, a}); err != nil {
		t.Error(err)
	}
	for _, other := range []Instance{
		weighing(a, 2), in(a, "X"), healthy(a, false), disabled(a), lasting(a), saying(a, map[string]string{"k": ""}), instance("10.0.0.1", 81),
	} {
		if same([]Instance{other}, []Instance{a}) == nil {
			t.Errorf("%s is taken for %s", line(other, true), line(a, true))
		}
	}
	silent := lasting(a)
	silent.Ephemeral = nil
	if err := same([]Instance{silent}, []Instance{lasting(a)}); err != nil {
		t.Errorf("a library that does not show the kind: %v", err)
	}
}

func TestWatchWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWatch()
		go func() {
			time.Sleep(time.Minute)
			w.tell(nil)
			w.tell([]Instance{instance("10.0.0.1", 80)})
		}()
		if err := w.await(2*time.Minute, []Instance{instance("10.0.0.1", 80)}); err != nil {
			t.Fatal(err)
		}
		if err := w.await(time.Minute, nil); err == nil || w.Times() != 2 || len(w.Since(1)) != 1 {
			t.Fatal(err, w.Times())
		}
		w.tell([]Instance{instance("10.0.0.2", 80)})
		w.tell(nil) // older, and told later
		if err := w.await(0, []Instance{instance("10.0.0.2", 80)}); err != nil {
			t.Fatal(err)
		}
	})
}

func TestReport(t *testing.T) {
	r := report{
		Clients: []string{"a", "b"},
		Results: []result{
			{Scenario: "register", Client: "a", Servers: 1, Outcome: ok},
			{Scenario: "register", Client: "b", Servers: 1, Outcome: failed, Why: "because"},
			{Scenario: "batch", Client: "a", Servers: 1, Outcome: notInLibrary, Why: "no"},
			{Scenario: "batch", Client: "b", Servers: 1, Outcome: ok},
		},
		Absent: []absence{{"c", "could not have it: no tool"}},
	}
	if r.failures() != 1 {
		t.Error("failures", r.failures())
	}
	var b strings.Builder
	if err := r.table(&b); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"          a   b\n", "register  ok  FAILED\n", "batch     -   ok\n", "1 servers, b, register: because\n", "a, batch: no\n", "c: could not have it: no tool\n"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("%q is not in\n%s", want, &b)
		}
	}
}

package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/musterhq/muster/server/admin"
	"github.com/musterhq/muster/server/consensus"
	"github.com/musterhq/muster/server/registry"
)

// patience is for what happens at once unless something is broken.
const patience = 30 * time.Second

type running struct {
	*Server
	t    *testing.T
	stop func()
}

// run starts a server and waits until it is ready.
func run(t *testing.T, o Options) *running {
	t.Helper()
	r := launch(t, o)
	select {
	case <-r.Up():
	case <-time.After(patience):
		t.Fatalf("not ready: %v", r.Ready())
	}
	return r
}

// launch starts a server.
func launch(t *testing.T, o Options) *running {
	t.Helper()
	if o.DataDir == "" {
		o.DataDir = t.TempDir()
	}
	o.Bind, o.HTTPPort, o.GossipPort = "127.0.0.1", AnyPort, AnyPort
	if o.Logger == nil {
		o.Logger = slog.New(slog.NewTextHandler(testLog{t}, nil))
	}
	s, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	r := &running{Server: s, t: t}
	ended := false
	r.stop = func() {
		if ended {
			return
		}
		ended = true
		cancel()
		select {
		case err := <-done:
			if err != nil {
				t.Errorf("the server ended with: %v", err)
			}
		case <-time.After(patience):
			t.Error("the server does not end")
		}
	}
	t.Cleanup(r.stop)
	return r
}

// testLog is only shown if the test fails.
type testLog struct{ t *testing.T }

func (l testLog) Write(b []byte) (int, error) {
	defer func() { _ = recover() }() // the test is over: nobody is interested
	l.t.Log(strings.TrimSpace(string(b)))
	return len(b), nil
}

// do sends a request and returns the body of an answer with status 200.
func (r *running) do(method, path string) string {
	r.t.Helper()
	body, status := r.try(method, path)
	if status != http.StatusOK {
		r.t.Fatalf("%s %s: %d %s", method, path, status, body)
	}
	return body
}

func (r *running) try(method, path string) (string, int) {
	r.t.Helper()
	req, err := http.NewRequestWithContext(r.t.Context(), method, "http://"+r.Addrs().HTTP+path, nil)
	if err != nil {
		r.t.Fatal(err)
	}
	a, err := http.DefaultClient.Do(req)
	if err != nil {
		r.t.Fatal(err)
	}
	b, err := io.ReadAll(a.Body)
	if err = errors.Join(err, a.Body.Close()); err != nil {
		r.t.Fatal(err)
	}
	return string(b), a.StatusCode
}

func (r *running) instances(service string) int {
	r.t.Helper()
	return strings.Count(r.do("GET", "/nacos/v1/ns/instance/list?serviceName="+service), `"instanceId"`)
}

func await(t *testing.T, what string, f func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !f(); time.Sleep(10 * time.Millisecond) { // between looks
		if time.Now().After(deadline) {
			t.Fatalf("in vain: %s", what)
		}
	}
}

func TestStandalone(t *testing.T) {
	dir := t.TempDir()
	s := run(t, Options{DataDir: dir})
	id := s.ID()
	if s.do("POST", "/nacos/v1/ns/instance?serviceName=e&ip=10.0.0.1&port=80") != "ok" ||
		s.do("POST", "/nacos/v1/ns/instance?serviceName=p&ip=10.0.0.1&port=80&ephemeral=false") != "ok" {
		t.Fatal("not registered")
	}
	if s.instances("e") != 1 || s.instances("p") != 1 {
		t.Error("what was registered is not listed")
	}
	for _, path := range []string{"/livez", "/readyz", "/metrics", "/nacos/actuator/prometheus", "/nacos/v1/console/health/readiness"} {
		s.do("GET", path)
	}
	s.stop()

	s = run(t, Options{DataDir: dir, Settle: 50 * time.Millisecond})
	if s.ID() != id {
		t.Errorf("it was %s and is %s", id, s.ID())
	}
	if s.instances("p") != 1 {
		t.Error("a persistent instance is lost")
	}
	await(t, "it knows that nobody comes back", s.reg.Verified)
	if s.instances("e") != 0 {
		t.Error("an ephemeral instance outlived the server that it beat at")
	}
}

// trio starts a server and two that join it.
func trio(t *testing.T) []*running {
	t.Helper()
	a := run(t, Options{})
	all := []*running{a}
	for range 2 {
		all = append(all, launch(t, Options{Join: []string{a.Addrs().Gossip}}))
	}
	for _, s := range all {
		await(t, "ready with three servers", func() bool { return s.Ready() == nil && len(s.members.others()) == 2 })
		await(t, "knows that all are ready", func() bool { return len(*s.router.servers.Load()) == 3 })
	}
	return all
}

func TestHTTPClientBelongsToOneServer(t *testing.T) {
	all := trio(t)
	const n = 30
	for i := range n {
		path := fmt.Sprintf("/nacos/v1/ns/instance?serviceName=e&ip=10.0.0.%d&port=80", i)
		if body := all[i%3].do("POST", path); body != "ok" {
			t.Fatal(body)
		}
	}
	for _, s := range all {
		await(t, "all are listed", func() bool { return s.instances("e") == n })
	}
	for i := range n { // at another server than before
		beat := fmt.Sprintf("/nacos/v1/ns/instance/beat?serviceName=e&ip=10.0.0.%d&port=80", i)
		if body := all[(i+1)%3].do("PUT", beat); !strings.Contains(body, `"code":10200`) {
			t.Fatalf("beat: %s", body)
		}
	}
	own, forwarded := 0, uint64(0)
	for _, s := range all {
		st := s.reg.Stats()
		own += st.OwnInstances
		if st.OwnInstances == 0 || st.OwnInstances == n {
			t.Errorf("%s has %d of %d clients", s.ID(), st.OwnInstances, n)
		}
		forwarded += s.router.forwarded.Load()
	}
	if own != n || forwarded == 0 {
		t.Errorf("the servers have %d clients together, passed on %d requests", own, forwarded)
	}
	for i := range n {
		path := fmt.Sprintf("/nacos/v1/ns/instance?serviceName=e&ip=10.0.0.%d&port=80", i)
		all[(i+2)%3].do("DELETE", path)
	}
	for _, s := range all {
		await(t, "none is listed", func() bool { return s.instances("e") == 0 })
	}
	// What is wrong with a request is said in the words of the server that
	// answers it.
	for _, s := range all {
		if body, status := s.try("POST", "/nacos/v1/ns/instance?serviceName=e&ip=10.0.0.1&port=80&weight=-1"); status != http.StatusBadRequest {
			t.Errorf("a weight below zero: %d %s", status, body)
		}
	}
}

// A client that deregisters is gone, also if another server held it until the
// servers became more.
func TestDeregisterAfterResponsibilityMoved(t *testing.T) {
	a := run(t, Options{})
	const n = 20
	path := func(i int) string { return fmt.Sprintf("/nacos/v1/ns/instance?serviceName=e&ip=10.0.0.%d&port=80", i) }
	for i := range n {
		a.do("POST", path(i))
	}
	b := launch(t, Options{Join: []string{a.Addrs().Gossip}})
	for _, s := range []*running{a, b} {
		await(t, "two are ready", func() bool {
			return s.Ready() == nil && s.router.servers.Load() != nil && len(*s.router.servers.Load()) == 2
		})
	}
	await(t, "b knows all", func() bool { return b.instances("e") == n })
	for i := range n {
		b.do("DELETE", path(i))
	}
	for _, s := range []*running{a, b} {
		await(t, "none is listed", func() bool { return s.instances("e") == 0 })
	}
}

func TestShows(t *testing.T) {
	all := trio(t)
	all[1].do("POST", "/nacos/v1/ns/instance?serviceName=p&ip=10.0.0.1&port=80&ephemeral=false")
	all[2].do("POST", "/nacos/v1/ns/instance?serviceName=e&ip=10.0.0.1&port=80")
	await(t, "the last one knows", func() bool { return all[0].instances("e") == 1 && all[0].instances("p") == 1 })
	var members []admin.Member
	decode(t, all[0].do("GET", "/muster/v1/members"), &members)
	leaders := 0
	for _, m := range members {
		if m.Role == "leader" {
			leaders++
		}
		if m.State != "alive" || !m.Ready || m.Role == "" || m.HTTP == "" {
			t.Errorf("%+v", m)
		}
	}
	if len(members) != 3 || leaders != 1 {
		t.Errorf("%d members, %d leaders", len(members), leaders)
	}
	var raft admin.Raft
	decode(t, all[0].do("GET", "/muster/v1/raft"), &raft)
	if len(raft.Servers) != 3 || raft.Leader == "" || raft.Cluster == "" {
		t.Errorf("%+v", raft)
	}
	// Nacos' list of members tells of Raft as well.
	await(t, "what the others say of Raft is here", func() bool {
		nodes := all[0].do("GET", "/nacos/v2/core/cluster/node/list")
		return strings.Count(nodes, `"state":"LEADER"`) == 1 && strings.Count(nodes, `"state":"FOLLOWER"`) == 2
	})
	var clients []admin.Registrant
	decode(t, all[0].do("GET", "/muster/v1/clients?limit=1"), &clients)
	if len(clients) != 1 || clients[0].ID != "10.0.0.1:80#false" || clients[0].Kind != "persistent" {
		t.Errorf("%+v", clients)
	}
	decode(t, all[0].do("GET", "/muster/v1/clients?after=10.0.0.1:80%23false"), &clients)
	if len(clients) != 1 || clients[0].Kind != "http" || clients[0].Services != 1 {
		t.Errorf("%+v", clients)
	}
	var client admin.Registrant
	decode(t, all[0].do("GET", "/muster/v1/clients/10.0.0.1:80%23true"), &client)
	if len(client.Published) != 1 || client.Published[0].Service != "e" {
		t.Errorf("%+v", client)
	}
	if _, status := all[0].try("GET", "/muster/v1/clients/nobody"); status != http.StatusNotFound {
		t.Errorf("a client that is not there: %d", status)
	}
	if body, status := all[0].try("POST", "/nacos/v3/admin/core/ops/raft?command=transferLeader&value="+all[1].Addrs().HTTP); status != http.StatusOK {
		t.Errorf("transfer: %d %s", status, body)
	}
	await(t, "the leadership is handed on", func() bool { return all[0].raft.Status().Leader.ID == all[1].ID() })
	if body, status := all[0].try("POST", "/nacos/v3/admin/core/ops/raft?command=removePeer&value=nobody"); status != http.StatusNotFound {
		t.Errorf("removing nobody: %d %s", status, body)
	}
}

func decode(t *testing.T, body string, v any) {
	t.Helper()
	if err := json.Unmarshal([]byte(body), v); err != nil {
		t.Fatalf("%v: %s", err, body)
	}
}

func TestOperatorsNeedAToken(t *testing.T) {
	s := run(t, Options{AdminAuth: true, AdminPassword: "correct horse"})
	if body, status := s.try("GET", "/muster/v1/raft"); status != http.StatusForbidden {
		t.Errorf("without a token: %d %s", status, body)
	}
	c, err := admin.New(s.Addrs().HTTP, "")
	if err != nil {
		t.Fatal(err)
	}
	await(t, "the first user is there", func() bool { return len(s.auth.Users()) == 1 })
	if err := c.Login(t.Context(), "nacos", "correct horse"); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Raft(t.Context()); err != nil {
		t.Error(err)
	}
	if _, err := c.Services(t.Context(), "", "", "", 10); err != nil {
		t.Error(err)
	}
	s.do("GET", "/nacos/v1/ns/instance/list?serviceName=any") // clients do not
}

// What cannot start says why, what to do, and leaves nothing behind.
func TestDoesNotStart(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	held := run(t, Options{})
	moved := t.TempDir()
	if err := os.CopyFS(filepath.Join(moved, raftDir), os.DirFS(filepath.Join(held.opts.DataDir, raftDir))); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name string
		o    Options
		want any    // the type of the error
		hint string // part of it
	}{
		{"HTTP port", Options{HTTPPort: portOf(taken)}, new(*BindError), "--http-port"},
		{"gRPC port", Options{GRPCPort: portOf(taken)}, new(*BindError), "--grpc-port"},
		{"Raft port", Options{RaftPort: portOf(taken)}, new(*BindError), "--raft-port"},
		{"gossip port", Options{GossipPort: portOf(taken)}, new(*BindError), "--gossip-port"},
		{"not this machine", Options{Bind: "192.0.2.77"}, new(*BindError), "--bind"},
		{"a file", Options{DataDir: file}, new(*DataDirError), "directory"},
		{"in use", Options{DataDir: held.opts.DataDir}, new(*DataDirError), "another server runs"},
		{"another server's log", Options{DataDir: moved}, new(*DataDirError), "different servers"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			o := tt.o
			if o.Bind == "" {
				o.Bind = "127.0.0.1"
			}
			for _, p := range []*int{&o.HTTPPort, &o.GRPCPort, &o.RaftPort, &o.GossipPort} {
				if *p == 0 {
					*p = AnyPort
				}
			}
			if o.DataDir == "" {
				o.DataDir = t.TempDir()
			}
			_, err := New(o)
			if !errors.As(err, tt.want) {
				t.Fatalf("got %v", err)
			}
			if hint := hintOf(tt.want); !strings.Contains(hint, tt.hint) {
				t.Errorf("%v: hint %q", err, hint)
			}
			if _, ok := tt.want.(**DataDirError); ok {
				return
			}
			o.HTTPPort, o.GRPCPort, o.RaftPort, o.GossipPort, o.Bind = AnyPort, AnyPort, AnyPort, AnyPort, "127.0.0.1"
			s, err := New(o) // the directory is free again
			if err != nil {
				t.Fatal(err)
			}
			if err := s.close(); err != nil {
				t.Error(err)
			}
		})
	}
	if _, err := New(Options{Bind: "somewhere", GossipPort: 70000, BootstrapExpect: 3}); !errors.Is(err, ErrOptions) ||
		strings.Count(err.Error(), "\n") < 3 {
		t.Errorf("not all faults at once: %v", err)
	}
}

func hintOf(err any) string {
	switch e := err.(type) {
	case **BindError:
		return (*e).Hint()
	case **DataDirError:
		return (*e).Hint()
	}
	return ""
}

// A command that this version does not know stops the server.
func TestUnknownCommandEndsTheServer(t *testing.T) {
	dir := t.TempDir()
	s, err := New(Options{DataDir: dir, Bind: "127.0.0.1", HTTPPort: AnyPort, GossipPort: AnyPort})
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- s.Run(t.Context()) }()
	<-s.Up()
	_, _ = s.raft.Propose(t.Context(), []byte{99}) // what it answers does not matter: it ends
	select {
	case err := <-done:
		var v *VersionError
		if !errors.Is(err, registry.ErrCommand) || !errors.As(err, &v) || v.Hint() == "" {
			t.Errorf("ended with %v", err)
		}
	case <-time.After(patience):
		t.Fatal("it goes on")
	}
}

// Servers of two clusters stay two, though one is told to join the other.
func TestTwoClustersStayTwo(t *testing.T) {
	a := run(t, Options{})
	dir := t.TempDir()
	b := run(t, Options{DataDir: dir})
	b.stop()
	b = run(t, Options{DataDir: dir, Join: []string{a.Addrs().Gossip}, Settle: time.Millisecond})
	time.Sleep(time.Second) // in which they could meet
	if n := len(a.members.others()) + len(b.members.others()); n != 0 {
		t.Errorf("they see %d others", n)
	}
}

func TestLives(t *testing.T) {
	dir := t.TempDir()
	var last uint64
	for i, spoil := range []func(){
		func() {},
		func() {},
		func() { write(t, filepath.Join(dir, lifeFile), "torn") },
		func() { _ = os.Remove(filepath.Join(dir, lifeFile)) },
		func() {},
	} {
		spoil()
		for uint64(time.Now().UnixMilli()) <= last { // without the file the time counts lives
			time.Sleep(time.Millisecond)
		}
		d, err := openDataDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		if d.life <= last {
			t.Errorf("life %d after %d", d.life, last)
		}
		if d.fresh != (i == 0) {
			t.Errorf("start %d: fresh is %t", i, d.fresh)
		}
		last = d.life
		if i == 0 {
			if err := os.Mkdir(filepath.Join(dir, raftDir), 0o755); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := openDataDir(dir); !errors.Is(err, consensus.ErrLocked) {
			t.Errorf("opened twice: %v", err)
		}
		if err := errors.Join(d.note(uint64(1000+i), false), d.close()); err != nil {
			t.Fatal(err)
		}
	}
}

// Nobody is waited for after a start of a server that ended, alone, with nobody
// to come back; all others wait.
func TestNobodyToComeBack(t *testing.T) {
	dir := t.TempDir()
	start := func() *running { return run(t, Options{DataDir: dir, Settle: time.Hour}) }
	const instance = "/nacos/v1/ns/instance?serviceName=e&ip=10.0.0.1&port=80"
	s := start()
	s.do("POST", instance)
	s.do("DELETE", instance)
	s.do("POST", "/nacos/v1/ns/instance?serviceName=p&ip=10.0.0.1&port=80&ephemeral=false") // Raft keeps it
	s.stop()
	s = start()
	if !s.reg.Verified() {
		t.Fatal("whom does it wait for?")
	}
	s.do("POST", instance)
	s.stop()
	s = start()
	if s.reg.Verified() {
		t.Fatal("it does not wait for the client that it had")
	}
	s.stop() // nobody has come back: that is no reason not to wait the next time
	if s = start(); s.reg.Verified() {
		t.Fatal("it has given up the client that it had")
	}
}

func write(t *testing.T, file, text string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// When Run has returned nothing of the server is left.
func TestNothingStaysBehind(t *testing.T) {
	all := trio(t)
	all[0].do("POST", "/nacos/v1/ns/instance?serviceName=e&ip=10.0.0.1&port=80")
	for _, s := range all {
		s.stop()
	}
	http.DefaultClient.CloseIdleConnections()
	buf := make([]byte, 1<<20)
	await(t, "no goroutine of the servers is left", func() bool {
		stacks := strings.Split(string(buf[:runtime.Stack(buf, true)]), "\n\n")
		for _, s := range stacks[1:] { // the first is this one
			if strings.Contains(s, "musterhq/muster") && !strings.Contains(s, "testing.tRunner") {
				return false
			}
		}
		return true
	})
}

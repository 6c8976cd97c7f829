package app

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/musterhq/muster"
	"github.com/musterhq/muster/server/consensus"
	"github.com/musterhq/muster/server/registry"
)

// A server is not ready, and answers no lists, before each of its peers has said
// what it knows.
func TestNotReadyBeforePeersHaveAnswered(t *testing.T) {
	a := run(t, Options{})
	a.do("POST", "/nacos/v1/ns/instance?serviceName=e&ip=10.0.0.1&port=80")
	mute := muteServer(t, a)
	await(t, "a sees it", func() bool { return len(a.members.others()) == 1 })
	b := launch(t, Options{Join: []string{a.Addrs().Gossip}})
	await(t, "b asks", func() bool { return b.phase.get() == errAsking })
	time.Sleep(500 * time.Millisecond) // in which it would become ready
	if body, status := b.try("GET", "/readyz"); status != http.StatusServiceUnavailable || !strings.Contains(body, errAsking.Error()) {
		t.Errorf("/readyz is %d %s", status, body)
	}
	if body, status := b.try("GET", "/readyz?verbose"); status != http.StatusServiceUnavailable || !strings.Contains(body, "raft: ok") {
		t.Errorf("/readyz?verbose is %d %s", status, body)
	}
	if _, status := b.try("GET", "/nacos/v1/console/health/readiness"); status == http.StatusOK {
		t.Error("ready by Nacos' path")
	}
	if body, status := b.try("GET", "/nacos/v1/ns/instance/list?serviceName=e"); status != http.StatusServiceUnavailable {
		t.Errorf("a list was given: %d %s", status, body)
	}
	if _, status := b.try("GET", "/livez"); status != http.StatusOK {
		t.Error("it lives, and says it does not")
	}
	if err := mute.Leave(t.Context()); err != nil {
		t.Fatal(err)
	}
	await(t, "b is ready", func() bool { return b.Ready() == nil })
	if b.instances("e") != 1 {
		t.Error("ready without what its peer knows")
	}
}

// muteServer is a member that says it is a server, and answers nothing.
func muteServer(t *testing.T, beside *running) *muster.Node {
	t.Helper()
	cfg := muster.LAN()
	cfg.Name, cfg.Bind, cfg.Seeds = "mute", "127.0.0.1:0", []string{beside.Addrs().Gossip}
	var err error
	if cfg.Meta, err = (info{Server: 1, HTTP: 1, GRPC: 1, Raft: 1, Life: 1, Ready: true, Cluster: *beside.cluster.Load()}).encode(); err != nil {
		t.Fatal(err)
	}
	n, err := muster.Start(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = n.Close() })
	return n
}

// A server is not ready before there is a cluster, and says what it waits for.
func TestNotReadyBeforeRaft(t *testing.T) {
	first := launch(t, Options{Join: []string{"127.0.0.1:1"}, BootstrapExpect: 2})
	time.Sleep(500 * time.Millisecond) // in which it would become ready
	if body, status := first.try("GET", "/readyz"); status != http.StatusServiceUnavailable || !strings.Contains(body, errAgreed.Error()) {
		t.Errorf("/readyz is %d %s", status, body)
	}
	if hint := first.waitingHint(); !strings.Contains(hint, "--bootstrap-expect 2") {
		t.Errorf("it waits for: %s", hint)
	}
	second := launch(t, Options{Join: []string{first.Addrs().Gossip}, BootstrapExpect: 2})
	for _, s := range []*running{first, second} {
		await(t, "both are ready", func() bool { return s.Ready() == nil })
	}
	second.stop()
	// One of two is no majority: what needs one is refused, in time.
	await(t, "the one that is left is not ready", func() bool { return first.Ready() != nil })
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if err := first.reg.Linearizable(ctx); err == nil {
		t.Error("a linearizable read without a majority")
	}
	if _, err := first.raft.Propose(ctx, nil); !errors.Is(err, consensus.ErrNotProposed) {
		t.Errorf("a write without a majority: %v", err)
	}
}

// What peers hold is complete when a server says for the first time that it is
// ready.
func TestReadyIsComplete(t *testing.T) {
	a := run(t, Options{})
	const n, agreed = 3000, 100
	for i := range n {
		id := registry.ClientID(fmt.Sprintf("1_10.0.%d.%d_1", i/250, i%250))
		if err := a.reg.Connect(id, registry.ClientInfo{}); err != nil {
			t.Fatal(err)
		}
		err := a.reg.Register(id, registry.Key("", "", "e"), []registry.Instance{{
			IP: fmt.Sprintf("10.0.%d.%d", i/250, i%250), Port: 80, Weight: 1, Healthy: true, Enabled: true, Ephemeral: true,
		}})
		if err != nil {
			t.Fatal(err)
		}
	}
	for i := range agreed {
		a.do("POST", fmt.Sprintf("/nacos/v1/ns/instance?serviceName=p&ip=10.0.0.%d&port=80&ephemeral=false", i))
	}
	b := run(t, Options{Join: []string{a.Addrs().Gossip}})
	if e, p := len(b.reg.View(registry.Key("", "", "e")).Hosts), len(b.reg.View(registry.Key("", "", "p")).Hosts); e != n || p != agreed {
		t.Errorf("ready with %d of %d clients' instances, %d of %d agreed ones", e, n, p, agreed)
	}
}

// A server that is started again lists at once what it held before, as the
// others do: its clients are on their way back.
func TestListsOfTheLifeBefore(t *testing.T) {
	dir := t.TempDir()
	a := run(t, Options{})
	b := launch(t, Options{Join: []string{a.Addrs().Gossip}, DataDir: dir})
	await(t, "two servers are ready", func() bool { return b.Ready() == nil && len(a.members.others()) == 1 })
	const n = 9
	for i := range n {
		id, ip := registry.ClientID(fmt.Sprintf("1_10.0.0.%d_1", i)), fmt.Sprintf("10.0.0.%d", i)
		err := b.reg.Connect(id, registry.ClientInfo{})
		if err == nil {
			err = b.reg.Register(id, registry.Key("", "", "e"), []registry.Instance{{IP: ip, Port: 80, Weight: 1, Healthy: true, Enabled: true, Ephemeral: true}})
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	await(t, "the other lists them", func() bool { return a.instances("e") == n })
	b.stop()
	b = run(t, Options{Join: []string{a.Addrs().Gossip}, DataDir: dir})
	if b.reg.Verified() || len(b.reg.View(registry.Key("", "", "e")).Hosts) != 0 {
		t.Fatal("it has nothing to wait for")
	}
	if got := b.instances("e"); got != n {
		t.Errorf("it lists %d of %d", got, n)
	}
	if got := strings.Count(b.do("GET", "/nacos/v3/client/ns/instance/list?serviceName=e"), `"instanceId"`); got != n {
		t.Errorf("by version 3 it lists %d of %d", got, n)
	}
}

// logged keeps what a server logs.
type logged struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logged) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(b)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// A server with the directory of one cluster that is told to join another stays
// what it is, and says what can be done.
func TestDirectoryOfAnotherCluster(t *testing.T) {
	dir := t.TempDir()
	one := launch(t, Options{DataDir: dir, BootstrapExpect: 2, Join: []string{"127.0.0.1:1"}})
	two := launch(t, Options{BootstrapExpect: 2, Join: []string{one.Addrs().Gossip}})
	await(t, "both are ready", func() bool { return one.Ready() == nil && two.Ready() == nil })
	one.do("POST", "/nacos/v1/ns/instance?serviceName=p&ip=10.0.0.1&port=80&ephemeral=false")
	one.stop()
	two.stop()
	var log logged
	other := run(t, Options{})
	lost := launch(t, Options{DataDir: dir, Join: []string{other.Addrs().Gossip}, Logger: slog.New(slog.NewTextHandler(&log, nil))})
	await(t, "it says so", func() bool { return strings.Contains(log.String(), "met a server of another cluster") })
	await(t, "and what to do", func() bool { return strings.Contains(lost.waitingHint(), "muster raft forget --data-dir "+dir) })
	if lost.Ready() == nil || len(other.members.others()) != 0 {
		t.Error("it has become one of the others")
	}
	if n := len(lost.reg.View(registry.Key("", "", "p")).Hosts); n != 0 && lost.Ready() == nil {
		t.Errorf("lists %d", n)
	}
}

// The first user's password goes to whom it is for, once, by one server.
func TestFirstUserIsToldOnce(t *testing.T) {
	var mu sync.Mutex
	told := make(map[string]string)
	var log logged
	o := func(join ...string) Options {
		return Options{
			BootstrapExpect: 3, Join: append(join, "127.0.0.1:1"), Logger: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})),
			FirstUser: func(name, password string) {
				mu.Lock()
				defer mu.Unlock()
				told[password] = name
			},
		}
	}
	a := launch(t, o())
	all := []*running{a, launch(t, o(a.Addrs().Gossip)), launch(t, o(a.Addrs().Gossip))}
	for _, s := range all {
		await(t, "all are ready", func() bool { return s.Ready() == nil })
	}
	count := func() int {
		mu.Lock()
		defer mu.Unlock()
		return len(told)
	}
	await(t, "somebody is told", func() bool { return count() > 0 })
	time.Sleep(300 * time.Millisecond) // in which the other two would tell as well
	if count() != 1 {
		t.Errorf("%d passwords", count())
	}
	for password, name := range told {
		if name != "nacos" || strings.Contains(log.String(), password) {
			t.Errorf("user %q; in the log: %t", name, strings.Contains(log.String(), password))
		}
		a, err := http.PostForm("http://"+all[2].Addrs().HTTP+"/nacos/v1/auth/login", map[string][]string{"username": {name}, "password": {password}})
		if err != nil {
			t.Fatal(err)
		}
		_ = a.Body.Close()
		if a.StatusCode != http.StatusOK {
			t.Errorf("logging in: %d", a.StatusCode)
		}
	}
}

// A server that is told to end says that it is not ready before it stops to
// answer, and its lists do not become empty for those who still ask.
func TestLeavingKeepsLists(t *testing.T) {
	all := trio(t)
	s := all[2]
	for i := range 9 {
		s.do("POST", fmt.Sprintf("/nacos/v1/ns/instance?serviceName=e&ip=10.0.0.%d&port=80", i))
	}
	for _, x := range all {
		await(t, "all are listed", func() bool { return x.instances("e") == 9 })
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		s.stop()
	}()
	await(t, "the others know that it goes", func() bool { return len(all[0].members.others()) == 1 })
	<-ended
	for _, x := range all[:2] {
		await(t, "the others have its clients, and are as they were", func() bool { return x.Ready() == nil && x.instances("e") == 9 })
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := all[0].reg.Linearizable(ctx); err != nil {
		t.Errorf("the two that are left do not agree: %v", err)
	}
}

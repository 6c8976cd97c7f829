package e2e

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/musterhq/muster/server/e2e/fleet"
	"github.com/musterhq/muster/server/e2e/proc"
)

func TestMain(m *testing.M) {
	fleet.Child() // does not return in a provider's process
	code := m.Run()
	if built != "" {
		_ = os.RemoveAll(built) // it is in a directory that is cleaned in any case
	}
	os.Exit(code)
}

var built string // the directory of binary

// binary builds the server once for all tests.
var binary = sync.OnceValues(func() (_ string, err error) {
	if built, err = os.MkdirTemp("", "muster-e2e"); err != nil {
		return "", err
	}
	return proc.Build(context.Background(), "..", built)
})

// servers starts a cluster of processes.
func servers(t *testing.T, size int) *proc.Cluster {
	t.Helper()
	return serversIn(t, size, nil)
}

func serversIn(t *testing.T, size int, lab *proc.Lab) *proc.Cluster {
	t.Helper()
	if testing.Short() {
		t.Skip("takes its time")
	}
	bin, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	c, err := proc.NewCluster(bin, t.TempDir(), size, lab)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	t.Cleanup(func() {
		if !t.Failed() {
			return
		}
		for _, s := range c.Servers {
			if b, err := os.ReadFile(s.LogFile()); err == nil {
				t.Logf("--- log of %s\n%s", s.Name, b)
			}
		}
	})
	if err := c.Start(within(t, 30*time.Second)); err != nil {
		t.Fatal(err)
	}
	return c
}

func within(t *testing.T, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

// sail starts providers and watchers, spread over the servers, and waits until
// all see all.
func sail(t *testing.T, c *proc.Cluster, providers, watchers int) *fleet.Fleet {
	t.Helper()
	dir, err := os.MkdirTemp("", "muster-fleet") // not t.TempDir: the clients write there after their end
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	f := fleet.New(c.Servers, dir)
	t.Cleanup(f.Close)
	t.Cleanup(func() { t.Logf("timeline:\n%s", f.Timeline()) })
	for i := range watchers {
		if _, err := f.Watch(i); err != nil {
			t.Fatal(err)
		}
	}
	for i := range providers {
		if _, err := f.Provide(i, i); err != nil {
			t.Fatal(err)
		}
	}
	f.Tap()
	agree(t, f, 10*time.Second)
	f.Note("%d providers, %d watchers: all see all", providers, watchers)
	return f
}

// agree waits until the watchers have exactly who lives.
func agree(t *testing.T, f *fleet.Fleet, d time.Duration) {
	t.Helper()
	for deadline := time.Now().Add(d); ; time.Sleep(20 * time.Millisecond) { // between looks
		ok, why := f.Agree()
		if ok {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("after %v: %s", d, why)
		}
	}
}

// flawless fails the test if a watcher has lacked who lives for longer than
// allowed, had one that was dead for longer than deadGoneIn, or was told an empty
// list, and if lastRefTime went back anywhere.
func flawless(t *testing.T, f *fleet.Fleet, allowed time.Duration) {
	t.Helper()
	complain := func(what string, gaps []fleet.Gap) {
		t.Helper()
		for _, g := range gaps[:min(10, len(gaps))] {
			t.Errorf("at %v %s: %v", f.Since(g.At), what, g)
		}
		if len(gaps) > 10 {
			t.Errorf("and %d more", len(gaps)-10)
		}
	}
	complain("one that lives is missing", f.Gaps(allowed))
	if allowed <= glimpse {
		complain("one that lives has vanished", f.Vanished())
	}
	complain("one that is dead is listed", f.Overstays(deadGoneIn))
	if n := f.Empty(); n > 0 {
		t.Errorf("%d empty lists", n)
	}
	for _, fault := range f.Faults() {
		t.Error(fault)
	}
	t.Logf("\n%s", f.Tapped())
}

// deadGoneIn is within what time the instances of a client that died are gone.
const deadGoneIn = 35 * time.Second

// glimpse is how long a list may lack an instance that has just come up, on a
// machine that has much else to do. One that was in the list before, and lives,
// must not be missed for any time.
const glimpse = 3 * time.Second

func TestKillEachServerInTurn(t *testing.T) {
	c := servers(t, 3)
	f := sail(t, c, 12, 6)
	for i, s := range c.Servers {
		f.Note("kill -9 %s, which holds %d connections", s.Name, connections(t, s))
		s.Kill()
		f.End(i)                     // with it, so that it must not be taken for one that moves
		time.Sleep(20 * time.Second) // past detection and the grace period: what is to be missing is missing by then
		agree(t, f, 15*time.Second)
		f.Note("all see who lives")
		f.Note("start %s", s.Name)
		if err := s.Start(); err != nil {
			t.Fatal(err)
		}
		if err := s.AwaitReady(within(t, 20*time.Second)); err != nil {
			t.Fatal(err)
		}
		f.Note("%s is ready", s.Name)
		agree(t, f, 10*time.Second)
	}
	flawless(t, f, glimpse)
}

func TestRollingRestart(t *testing.T) {
	c := servers(t, 3)
	f := sail(t, c, 12, 6)
	for _, s := range c.Servers {
		f.Note("SIGTERM to %s, which holds %d connections", s.Name, connections(t, s))
		code, err := s.Stop(within(t, 20*time.Second))
		if err != nil || code != 0 {
			t.Fatalf("%s ended with %d, %v", s.Name, code, err)
		}
		f.Note("%s has ended", s.Name)
		if err := s.Start(); err != nil {
			t.Fatal(err)
		}
		if err := s.AwaitReady(within(t, 20*time.Second)); err != nil {
			t.Fatal(err)
		}
		f.Note("%s is ready", s.Name)
		whole(t, s, 12)
	}
	time.Sleep(15 * time.Second) // past the grace period: what is to be missing is missing by then
	agree(t, f, 10*time.Second)
	flawless(t, f, glimpse)
}

// whole asks a server for a while that has just come back: it lists all
// instances, though their clients are not all back.
func whole(t *testing.T, s *proc.Server, want int) {
	t.Helper()
	for end := time.Now().Add(3 * time.Second); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		body, status, err := s.Get(within(t, 5*time.Second), "/nacos/v1/ns/instance/list?serviceName="+fleet.Service)
		if n := strings.Count(body, `"instanceId"`); err != nil || status != http.StatusOK || n != want {
			t.Fatalf("%s lists %d of %d: %d %v %s", s.Name, n, want, status, err, body)
		}
	}
}

func TestFullRestart(t *testing.T) {
	c := servers(t, 3)
	f := sail(t, c, 12, 6)
	for _, s := range c.Servers {
		f.Note("kill -9 %s, which holds %d connections", s.Name, connections(t, s))
		s.Kill()
	}
	time.Sleep(5 * time.Second) // so that clients are at different points of their backing off
	gone, err := f.Provide(100, 0)
	if err == nil {
		t.Fatalf("%s has registered, and there is no server", gone.Addr)
	}
	f.Note("start all")
	if err := c.Start(within(t, 30*time.Second)); err != nil {
		t.Fatal(err)
	}
	f.Note("all are ready")
	time.Sleep(20 * time.Second) // past the time in which nothing is pushed
	agree(t, f, 10*time.Second)
	flawless(t, f, glimpse)
}

// Clients that die without a word: their processes are killed or stand still,
// also while the server dies that would notice.
func TestProvidersDie(t *testing.T) {
	c := servers(t, 3)
	f := sail(t, c, 6, 6)
	var own [8]*fleet.Provider
	for i := range own {
		var err error
		if own[i], err = f.ProvideProcess(100+i, i, i >= 6); err != nil {
			t.Fatal(err)
		}
	}
	agree(t, f, 10*time.Second)
	f.Note("6 providers of 2.x and 2 of 1.x in processes of their own")
	begin := time.Now()
	f.Kill(own[0])
	f.Kill(own[6])
	if err := f.Freeze(own[1]); err != nil {
		t.Fatal(err)
	}
	f.Note("kill -9 %s, which holds %d connections", c.Servers[2].Name, connections(t, c.Servers[2]))
	c.Servers[2].Kill()
	for _, p := range []*fleet.Provider{own[2], own[5], own[7]} { // 2 and 5 began at that server
		f.Kill(p)
	}
	agree(t, f, time.Until(begin.Add(deadGoneIn)))
	f.Note("none that is dead is listed after %v", time.Since(begin).Round(time.Millisecond))
	if err := c.Servers[2].Start(); err != nil {
		t.Fatal(err)
	}
	if err := c.Servers[2].AwaitReady(within(t, 20*time.Second)); err != nil {
		t.Fatal(err)
	}
	agree(t, f, 10*time.Second)
	flawless(t, f, glimpse)
}

// connections counts the clients that a server holds.
func connections(t *testing.T, s *proc.Server) int {
	t.Helper()
	body, _, err := s.Get(within(t, 5*time.Second), "/nacos/v2/core/loader/current")
	if err != nil {
		t.Fatal(err)
	}
	return strings.Count(body, `"metaInfo"`)
}

// laboratory makes a network whose cables can be pulled.
func laboratory(t *testing.T, size int) *proc.Lab {
	t.Helper()
	lab, err := proc.NewLab(size)
	if err != nil {
		t.Skip(err)
	}
	t.Cleanup(lab.Close)
	return lab
}

// A server that the others do not see is the one that keeps what it has, and
// has its clients move to where they are seen.
func TestCutFromTheOtherServers(t *testing.T) {
	lab := laboratory(t, 3)
	c := serversIn(t, 3, lab)
	f := sail(t, c, 12, 6)
	for i, s := range c.Servers[:2] {
		f.Note("%s, which holds %d connections, is cut from the other servers", s.Name, connections(t, s))
		if err := lab.CutFromOthers(i); err != nil {
			t.Fatal(err)
		}
		moved(t, f, s)
		time.Sleep(20 * time.Second)
		late, err := f.Provide(50+i, i+1)
		if err != nil {
			t.Fatal(err)
		}
		f.Note("%s registers, %s holds %d connections", late.Addr, s.Name, connections(t, s))
		time.Sleep(30 * time.Second)
		f.Note("healed; %s holds %d connections", s.Name, connections(t, s))
		if err := lab.Heal(i); err != nil {
			t.Fatal(err)
		}
		agree(t, f, 20*time.Second)
		f.Note("all see all")
	}
	flawless(t, f, glimpse)
}

// moveWithin is how soon the clients of a server that is cut off must be asked
// to move: the others give them up a grace period of 8 s after they have found
// the server dead, which takes them 5 s.
const moveWithin = 10 * time.Second

// moved waits until a server holds none but the test's own taps, which stay
// where they are: one at each server, and the one that roams.
func moved(t *testing.T, f *fleet.Fleet, s *proc.Server) {
	t.Helper()
	begin := time.Now()
	for deadline := begin.Add(moveWithin); connections(t, s) > 2; time.Sleep(20 * time.Millisecond) { // between looks
		if time.Now().After(deadline) {
			t.Fatalf("%s still holds %d connections after %v", s.Name, connections(t, s), moveWithin)
		}
	}
	f.Note("its clients have moved after %v", time.Since(begin).Round(time.Millisecond))
}

// A server whose cable is pulled loses its clients, too.
func TestUnplugged(t *testing.T) {
	lab := laboratory(t, 3)
	c := serversIn(t, 3, lab)
	f := sail(t, c, 12, 6)
	s := c.Servers[0]
	f.Note("the cable of %s, which holds %d connections, is pulled", s.Name, connections(t, s))
	if err := lab.Unplug(0); err != nil {
		t.Fatal(err)
	}
	time.Sleep(60 * time.Second)
	f.Note("and put back")
	if err := lab.Plug(0); err != nil {
		t.Fatal(err)
	}
	agree(t, f, 30*time.Second)
	f.Note("all see all; %s holds %d connections", s.Name, connections(t, s))
	flawless(t, f, glimpse)
}

// A server that stands still, and goes on, has missed everything, and believes
// for a moment that nothing has happened.
func TestStandsStill(t *testing.T) {
	c := servers(t, 3)
	f := sail(t, c, 12, 6)
	for i, s := range c.Servers[:2] {
		f.Note("%s, which holds %d connections, stands still", s.Name, connections(t, s))
		if err := s.Signal(syscall.SIGSTOP); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Second)
		late, err := f.Provide(50+i, i+1)
		if err != nil {
			t.Fatal(err)
		}
		f.End(i) // it may have been that server's
		time.Sleep(15 * time.Second)
		f.Note("%s has registered; %s goes on", late.Addr, s.Name)
		if err := s.Signal(syscall.SIGCONT); err != nil {
			t.Fatal(err)
		}
		agree(t, f, 20*time.Second)
		f.Note("all see all")
	}
	time.Sleep(10 * time.Second) // past the grace period: what is to be missing is missing by then
	agree(t, f, 10*time.Second)
	// To its clients such a server looks like a slow one: they ask it every 5 s, and
	// give it 10 s for the answer, while after 5 s it is dead to the others, and
	// after 8 s more its clients are.
	flawless(t, f, 5*time.Second)
}

// Clients of 1.x have no connection that breaks, and beat wherever they please.
func TestHTTPClientsKeepTheirPlace(t *testing.T) {
	c := servers(t, 3)
	f := sail(t, c, 2, 3)
	for i := range 9 {
		if _, err := f.ProvideByHTTP(i); err != nil {
			t.Fatal(err)
		}
	}
	agree(t, f, 10*time.Second)
	f.Note("9 clients of 1.x")
	time.Sleep(20 * time.Second) // some beats, at each server
	for _, s := range c.Servers {
		f.Note("kill -9 %s, which has %s", s.Name, routed(t, s))
		s.Kill()
		time.Sleep(20 * time.Second)
		if err := s.Start(); err != nil {
			t.Fatal(err)
		}
		if err := s.AwaitReady(within(t, 20*time.Second)); err != nil {
			t.Fatal(err)
		}
		f.Note("%s is ready", s.Name)
		time.Sleep(20 * time.Second) // its clients come back to it
	}
	for _, s := range c.Servers {
		f.Note("at the end %s has %s", s.Name, routed(t, s))
	}
	agree(t, f, 10*time.Second)
	flawless(t, f, glimpse)
}

// routed is what a server's counters say of HTTP clients.
func routed(t *testing.T, s *proc.Server) string {
	t.Helper()
	body, _, err := s.Get(within(t, 5*time.Second), "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for line := range strings.Lines(body) {
		for _, name := range []string{"muster_route_", `muster_registry_clients{kind="http"}`} {
			if strings.HasPrefix(line, name) {
				out = append(out, strings.TrimPrefix(strings.TrimSpace(line), "muster_"))
			}
		}
	}
	return strings.Join(out, ", ")
}

// A server is its directory: it comes back under another address, killed or
// stopped, and so does one after the other, until no address is as it was.
func TestAddressesChange(t *testing.T) {
	c := servers(t, 3)
	ctx := within(t, 2*time.Minute)
	register := func(s *proc.Server, ip string) {
		t.Helper()
		if body, status, err := s.Do(ctx, http.MethodPost, "/nacos/v1/ns/instance?serviceName=kept&ephemeral=false&port=80&ip="+ip); err != nil || status != 200 {
			t.Fatalf("%s: %d %s %v", s.Name, status, body, err)
		}
	}
	for i, s := range c.Servers {
		register(s, fmt.Sprintf("10.3.0.%d", i))
		if i == 0 {
			s.Kill()
		} else if _, err := s.Stop(ctx); err != nil {
			t.Fatal(err)
		}
		if err := s.Readdress(); err != nil {
			t.Fatal(err)
		}
		if err := s.Start(); err != nil {
			t.Fatal(err)
		}
		if err := s.AwaitReady(within(t, 30*time.Second)); err != nil {
			t.Fatal(err)
		}
		t.Logf("%s is ready under another address after %v", s.Name, s.Ready)
	}
	for i, s := range c.Servers {
		register(s, fmt.Sprintf("10.3.1.%d", i))
	}
	for _, s := range c.Servers {
		lists(t, s, 6)
		raft, _, err := s.Get(ctx, "/muster/v1/raft")
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range c.Servers {
			if !strings.Contains(raft, fmt.Sprintf(`"127.0.0.1:%d"`, o.Raft)) {
				t.Errorf("%s does not know where %s is: %s", s.Name, o.Name, raft)
			}
		}
	}
}

// What an operator does when two of three servers are lost for good.
func TestRecover(t *testing.T) {
	c := servers(t, 3)
	ctx := within(t, 2*time.Minute)
	for i, s := range c.Servers {
		path := fmt.Sprintf("/nacos/v1/ns/instance?serviceName=kept&ephemeral=false&port=80&ip=10.3.0.%d", i)
		if body, status, err := s.Do(ctx, http.MethodPost, path); err != nil || status != 200 {
			t.Fatalf("%s: %d %s %v", s.Name, status, body, err)
		}
	}
	for _, s := range c.Servers {
		s.Kill()
	}
	left, back := c.Servers[0], c.Servers[1] // of the third not even the disk is left
	if err := left.Muster(ctx, "raft", "recover", "--data-dir", left.DataDir()); err != nil {
		t.Fatal(err)
	}
	left.Join()
	if err := left.Start(); err != nil {
		t.Fatal(err)
	}
	if err := left.AwaitReady(within(t, 30*time.Second)); err != nil {
		t.Fatal(err)
	}
	if err := back.Muster(ctx, "raft", "forget", "--data-dir", back.DataDir()); err != nil {
		t.Fatal(err)
	}
	back.Join(left)
	if err := back.Start(); err != nil {
		t.Fatal(err)
	}
	if err := back.AwaitReady(within(t, 30*time.Second)); err != nil {
		t.Fatal(err)
	}
	path := "/nacos/v1/ns/instance?serviceName=kept&ephemeral=false&port=80&ip=10.3.0.9"
	if body, status, err := back.Do(ctx, http.MethodPost, path); err != nil || status != 200 {
		t.Fatalf("writing: %d %s %v", status, body, err)
	}
	for _, s := range []*proc.Server{left, back} {
		lists(t, s, 4)
	}
}

// lists waits until a server lists as many instances of the service kept: a
// write is read at once where it was written, and soon elsewhere.
func lists(t *testing.T, s *proc.Server, want int) {
	t.Helper()
	for deadline := time.Now().Add(5 * time.Second); ; time.Sleep(10 * time.Millisecond) { // between looks
		body, _, err := s.Get(within(t, 5*time.Second), "/nacos/v1/ns/instance/list?serviceName=kept")
		if err != nil {
			t.Fatal(err)
		}
		n := strings.Count(body, `"instanceId"`)
		if n == want {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s lists %d of %d: %s", s.Name, n, want, body)
		}
	}
}

package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/musterhq/muster/server/e2e/proc"
)

// number is a setting of the environment.
func number(name string, otherwise int) int {
	if n, err := strconv.Atoi(os.Getenv(name)); err == nil {
		return n
	}
	return otherwise
}

// writers is how many clients there are, over all servers.
const writers = 8

// Eight clients write persistent data by HTTP, and read it with
// linearizable=true, each now at this server and now at that, while the leader
// is killed, stopped and cut off, and followers are killed. At the end all is
// killed at once, started, and read at each server. The history must be one that
// a single copy could have produced. MUSTER_LINEARIZE_SECONDS makes it longer,
// MUSTER_SEED repeats the choices.
func TestLinearizable(t *testing.T) {
	lab, err := proc.NewLab(3)
	if err != nil {
		t.Logf("nobody is cut off: %v", err)
		lab = nil
	} else {
		t.Cleanup(lab.Close)
	}
	c := serversIn(t, 3, lab)
	seed := uint64(number("MUSTER_SEED", int(time.Now().UnixNano()&0xffffff)))
	t.Logf("MUSTER_SEED=%d", seed)
	h := newHistory()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var work sync.WaitGroup
	for id := range writers {
		w := &writer{id: id, h: h, c: c, rng: rand.New(rand.NewPCG(seed, uint64(id)))}
		work.Go(func() { w.run(ctx) })
	}
	duration := time.Duration(number("MUSTER_LINEARIZE_SECONDS", 30)) * time.Second
	trouble := &harasser{t: t, c: c, lab: lab, h: h, rng: rand.New(rand.NewPCG(seed, 99)), did: make(map[string]int)}
	trouble.until(time.Now().Add(duration))
	stop()
	work.Wait()
	for _, s := range c.Servers {
		s.Kill()
	}
	if err := c.Start(within(t, 60*time.Second)); err != nil {
		t.Fatal(err)
	}
	readAll(t, c, h)
	t.Logf("in %v: %d writes acknowledged, %d of unknown outcome, %d certainly not done, %d reads; the longest time without an acknowledged write %v; faults: %v",
		duration, h.writes.Load(), h.unknown.Load(), h.refused.Load(), h.reads.Load(), h.gap.Round(time.Millisecond), trouble.did)
	if h.writes.Load() < 10*int64(duration.Seconds()) {
		t.Error("hardly any write succeeded")
	}
	h.check(t)
}

// A writer is one client.
type writer struct {
	id  int
	h   *history
	c   *proc.Cluster
	rng *rand.Rand
	n   int
}

// The registers in use change every few seconds, which keeps the history of each
// short enough to be checked: the instances of a service, and its metadata.
const (
	epoch     = 5 * time.Second
	instances = 4
)

func service(n int) string { return fmt.Sprintf("linear-%d", n) }

func (h *history) epoch() int { return int(time.Since(h.began) / epoch) }

func ipOf(i int) string { return fmt.Sprintf("10.9.0.%d", i+1) }

// patience is how long a client waits for an answer.
const patience = 4 * time.Second

func (w *writer) run(ctx context.Context) {
	for ctx.Err() == nil {
		w.n++
		s := w.c.Servers[w.rng.IntN(len(w.c.Servers))]
		name := service(w.h.epoch())
		switch w.rng.IntN(8) {
		case 0, 1:
			// A request is not given up at the end: its outcome would be unknown.
			readService(context.WithoutCancel(ctx), s, w.h, w.id, name)
		case 2:
			w.write(s, operation{name + "/service", true, fmt.Sprintf("%d.%d", w.id, w.n)}, http.MethodPut, "/nacos/v1/ns/service",
				url.Values{"serviceName": {name}, "metadata": {fmt.Sprintf(`{"v":"%d.%d"}`, w.id, w.n)}})
		case 3:
			ip := ipOf(w.rng.IntN(instances))
			w.write(s, operation{name + "/" + ip, true, ""}, http.MethodDelete, "/nacos/v1/ns/instance", instance(name, ip))
		default:
			ip, v := ipOf(w.rng.IntN(instances)), fmt.Sprintf("%d.%d", w.id, w.n)
			q := instance(name, ip)
			q.Set("metadata", `{"v":"`+v+`"}`)
			w.write(s, operation{name + "/" + ip, true, v}, http.MethodPost, "/nacos/v1/ns/instance", q)
		}
		time.Sleep(time.Duration(w.rng.IntN(4)) * time.Millisecond) // so that clients are not in step
	}
}

func instance(service, ip string) url.Values {
	return url.Values{"serviceName": {service}, "ip": {ip}, "port": {"80"}, "ephemeral": {"false"}}
}

// write sends one write and notes what became of it, unless it certainly was not
// done.
func (w *writer) write(s *proc.Server, o operation, method, path string, q url.Values) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	begin := time.Now()
	body, status, err := s.Do(ctx, method, path+"?"+q.Encode())
	switch {
	case err == nil && status == http.StatusOK:
		w.h.wrote(w.id, begin, o, true)
	case notDone(body, status, err):
		w.h.refused.Add(1)
		time.Sleep(20 * time.Millisecond) // a server that is not there refuses at once
	default:
		w.h.wrote(w.id, begin, o, false)
	}
}

// notDone reports whether a failed write certainly has no effect: nobody took the
// connection, it was wrong, or the server says so.
func notDone(body string, status int, err error) bool {
	if err != nil {
		var op *net.OpError
		return errors.As(err, &op) && op.Op == "dial"
	}
	return status/100 == 4 || status == http.StatusServiceUnavailable || strings.Contains(body, "not proposed")
}

// readService reads all registers of a service.
func readService(ctx context.Context, s *proc.Server, h *history, client int, name string) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	begin := time.Now()
	if values, err := instancesOf(ctx, s, name); err == nil {
		h.read(client, begin, values)
	}
	begin = time.Now()
	if v, err := metadataOf(ctx, s, name); err == nil {
		h.read(client, begin, map[string]string{name + "/service": v})
	}
}

var errStatus = errors.New("status")

func get(ctx context.Context, s *proc.Server, path string, v any) (status int, err error) {
	body, status, err := s.Get(ctx, path)
	if err != nil {
		return 0, err
	}
	if status != http.StatusOK {
		return status, fmt.Errorf("%w %d: %s", errStatus, status, body)
	}
	return status, json.Unmarshal([]byte(body), v)
}

type holder struct {
	IP       string
	Metadata struct{ V string }
}

func instancesOf(ctx context.Context, s *proc.Server, name string) (map[string]string, error) {
	var list struct{ Hosts []holder }
	if _, err := get(ctx, s, "/nacos/v1/ns/instance/list?linearizable=true&serviceName="+name, &list); err != nil {
		return nil, err
	}
	values := make(map[string]string)
	for i := range instances {
		values[name+"/"+ipOf(i)] = ""
	}
	for _, i := range list.Hosts {
		values[name+"/"+i.IP] = i.Metadata.V
	}
	return values, nil
}

// metadataOf reads the metadata of a service, which may not be there yet.
func metadataOf(ctx context.Context, s *proc.Server, name string) (string, error) {
	var service holder
	status, err := get(ctx, s, "/nacos/v1/ns/service?linearizable=true&serviceName="+name, &service)
	if status/100 == 4 {
		return "", nil
	}
	return service.Metadata.V, err
}

// readAll reads every register that was ever used, at every server.
func readAll(t *testing.T, c *proc.Cluster, h *history) {
	t.Helper()
	for e := range h.epoch() + 1 {
		for i, s := range c.Servers {
			before := h.reads.Load()
			readService(within(t, patience), s, h, 100+i, service(e))
			if h.reads.Load() != before+2 {
				t.Errorf("%s: could not read %s", s.Name, service(e))
			}
		}
	}
}

// A harasser does harm.
type harasser struct {
	t   *testing.T
	c   *proc.Cluster
	lab *proc.Lab
	h   *history
	rng *rand.Rand
	did map[string]int
}

// until does harm until that time, always bringing back all servers.
func (x *harasser) until(end time.Time) {
	kinds := []string{"kill leader", "stop leader", "kill follower", "kill one and stop the leader", "cut leader"}
	if x.lab == nil {
		kinds = kinds[:4]
	}
	for time.Now().Before(end) {
		time.Sleep(time.Duration(500+x.rng.IntN(1500)) * time.Millisecond)
		leader, err := x.c.Leader(within(x.t, 5*time.Second))
		if err != nil {
			continue
		}
		i := 0
		for x.c.Servers[i] != leader {
			i++
		}
		what := kinds[x.rng.IntN(len(kinds))]
		x.did[what]++
		x.do(what, i, time.Duration(300+x.rng.IntN(2000))*time.Millisecond)
		for _, s := range x.c.Servers {
			if err := s.AwaitReadyz(within(x.t, 30*time.Second)); err != nil {
				x.t.Fatalf("after %q: %v", what, err)
			}
		}
	}
}

// do does one kind of harm. leader is a server's number.
func (x *harasser) do(what string, leader int, pause time.Duration) {
	other := (leader + 1 + x.rng.IntN(2)) % 3
	try := func(err error) {
		x.t.Helper()
		if err != nil {
			x.t.Fatalf("%s: %v", what, err)
		}
	}
	l := x.c.Servers[leader]
	switch what {
	case "kill leader", "kill follower":
		s := l
		if what == "kill follower" {
			s = x.c.Servers[other]
		}
		s.Kill()
		time.Sleep(pause / 2)
		try(s.Start())
	case "stop leader":
		try(l.Signal(syscall.SIGSTOP))
		time.Sleep(pause + time.Second) // long enough for another leader
		// Questions that wait for it when it wakes up and believes that it leads.
		asked := x.readWhileStopped(l)
		try(l.Signal(syscall.SIGCONT))
		asked.Wait()
	case "kill one and stop the leader":
		// No majority for a while: nothing may succeed.
		try(l.Signal(syscall.SIGSTOP))
		x.c.Servers[other].Kill()
		time.Sleep(pause / 2)
		try(l.Signal(syscall.SIGCONT))
		try(x.c.Servers[other].Start())
	case "cut leader":
		try(x.lab.CutFromOthers(leader))
		time.Sleep(pause + time.Second)
		try(x.lab.Heal(leader))
	}
}

// readWhileStopped has many reads of the present registers begin at a stopped
// server.
func (x *harasser) readWhileStopped(s *proc.Server) *sync.WaitGroup {
	var wg sync.WaitGroup
	for i := range 6 {
		wg.Go(func() { readService(context.Background(), s, x.h, 200+i, service(x.h.epoch())) })
	}
	time.Sleep(20 * time.Millisecond) // in which they are sent
	return &wg
}

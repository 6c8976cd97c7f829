// Package fleet is clients of a cluster: real ones, of nacos-sdk-go v2, that
// register instances and watch a service, and write down what they see. What
// they must see is checked at the end against what was done.
package fleet

import (
	"fmt"
	"io"
	"os"
	"slices"
	"sort"
	"strings"
	"sync"
	"time"

	"github.com/nacos-group/nacos-sdk-go/v2/clients"
	"github.com/nacos-group/nacos-sdk-go/v2/clients/naming_client"
	"github.com/nacos-group/nacos-sdk-go/v2/common/constant"
	"github.com/nacos-group/nacos-sdk-go/v2/model"
	"github.com/nacos-group/nacos-sdk-go/v2/vo"

	"github.com/musterhq/muster/server/e2e/proc"
)

// Service is what providers register in, and watchers watch.
const Service = "fleet"

// A Fleet is clients, and what has happened.
type Fleet struct {
	servers []*proc.Server
	addrs   []address // of these
	dir     string
	began   time.Time
	live    io.Writer // gets the timeline as it happens; nil: nobody does

	mu        sync.Mutex
	events    []event
	providers map[string]*Provider // by address
	watchers  []*Watcher
	taps      []*Tap
}

type event struct {
	at   time.Time
	text string
}

// New makes a fleet of clients that know all servers. dir is for their logs.
func New(servers []*proc.Server, dir string) *Fleet {
	f := &Fleet{servers: servers, dir: dir, began: time.Now(), providers: make(map[string]*Provider)}
	for _, s := range servers {
		f.addrs = append(f.addrs, address{s.IP, s.HTTP, s.GRPC})
	}
	return f
}

// Show has the timeline written as it happens.
func (f *Fleet) Show(w io.Writer) { f.live = w }

// Note writes something down.
func (f *Fleet) Note(format string, args ...any) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.note(format, args...)
}

func (f *Fleet) note(format string, args ...any) {
	e := event{time.Now(), fmt.Sprintf(format, args...)}
	f.events = append(f.events, e)
	if f.live != nil {
		_, _ = io.WriteString(f.live, f.line(e)) // it is shown, and kept in any case
	}
}

func (f *Fleet) line(e event) string {
	return fmt.Sprintf("%8.3fs  %s\n", e.at.Sub(f.began).Seconds(), e.text)
}

// Timeline is what has happened, a line for each event.
func (f *Fleet) Timeline() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	events := slices.Clone(f.events)
	sort.SliceStable(events, func(i, j int) bool { return events[i].at.Before(events[j].at) })
	var b strings.Builder
	for _, e := range events {
		b.WriteString(f.line(e))
	}
	return b.String()
}

// client makes a client that begins with one of the servers and knows all.
func (f *Fleet) client(first int) (naming_client.INamingClient, error) {
	dir, err := os.MkdirTemp(f.dir, "client")
	if err != nil {
		return nil, err
	}
	var servers []constant.ServerConfig
	for i := range f.addrs {
		s := f.addrs[(first+i)%len(f.addrs)]
		servers = append(servers, constant.ServerConfig{
			IpAddr: s.IP, Port: uint64(s.HTTP), GrpcPort: uint64(s.GRPC), ContextPath: "/nacos", Scheme: "http",
		})
	}
	return clients.NewNamingClient(vo.NacosClientParam{
		ClientConfig: &constant.ClientConfig{
			TimeoutMs: 3000, NotLoadCacheAtStart: true, LogDir: dir, CacheDir: dir, LogLevel: "warn",
			UpdateCacheWhenEmpty: true, DisableUseSnapShot: true,
		},
		ServerConfigs: servers,
	})
}

// A Provider is a client that has registered one instance.
type Provider struct {
	Addr string

	close   func()
	process *os.Process // if it is in one of its own
	born    time.Time   // when its registration was acknowledged
	died    time.Time   // zero: it lives
}

// Provide starts a client that registers an instance.
func (f *Fleet) Provide(n, first int) (*Provider, error) {
	c, err := f.client(first)
	if err != nil {
		return nil, err
	}
	ip := addr(n)
	ok, err := c.RegisterInstance(vo.RegisterInstanceParam{
		Ip: ip, Port: 8080, ServiceName: Service, Weight: 1, Enable: true, Healthy: true, Ephemeral: true,
	})
	if err != nil || !ok {
		c.CloseClient()
		return nil, fmt.Errorf("registering %s: %t, %w", ip, ok, err)
	}
	p := &Provider{Addr: ip, close: c.CloseClient, born: time.Now()}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.providers[p.Addr] = p
	return p, nil
}

// End closes the client of the nth provider: its instance is to go.
func (f *Fleet) End(n int) {
	f.mu.Lock()
	p := f.providers[addr(n)]
	f.mu.Unlock()
	f.ends(p, "ends")
	p.close()
}

func addr(n int) string { return fmt.Sprintf("10.1.%d.%d", n/250, n%250+1) }

// A Watcher is a client that has subscribed.
type Watcher struct {
	f      *Fleet
	name   string
	client naming_client.INamingClient

	mu    sync.Mutex
	since time.Time
	now   []string
	empty int
	lists int
	// missing are the times during which a live instance was not in the list
	// that the application was told, by address.
	missing  map[string]time.Time
	gaps     []Gap
	vanished []Gap // those that had been in the list before
	// stays are the dead instances that are still in the list, and since when
	// they are dead.
	stays     map[string]time.Time
	overstays []Gap
	had       map[string]bool // what has been in the list
}

// A Gap is a time in which a watcher's list lacked an instance that lives, or
// had one that is dead.
type Gap struct {
	Watcher, Addr string
	At            time.Time
	Took          time.Duration
}

// Watch starts a client that subscribes.
func (f *Fleet) Watch(first int) (*Watcher, error) {
	c, err := f.client(first)
	if err != nil {
		return nil, err
	}
	f.mu.Lock()
	w := &Watcher{f: f, name: fmt.Sprintf("w%d", len(f.watchers)+1), client: c, since: time.Now(), missing: make(map[string]time.Time), stays: make(map[string]time.Time), had: make(map[string]bool)}
	f.watchers = append(f.watchers, w)
	f.mu.Unlock()
	return w, c.Subscribe(&vo.SubscribeParam{ServiceName: Service, SubscribeCallback: w.told})
}

// told is the application's callback.
func (w *Watcher) told(list []model.Instance, err error) {
	var ips []string
	if err == nil {
		for _, i := range list {
			ips = append(ips, i.Ip)
		}
	}
	slices.Sort(ips)
	w.mu.Lock()
	w.lists++
	before := len(w.now)
	w.now = ips
	if len(ips) == 0 && before > 0 {
		w.empty++
	}
	w.mu.Unlock()
	w.f.mu.Lock()
	if before != len(ips) {
		w.f.note("%s is told of %d instances", w.name, len(ips))
	}
	w.f.mu.Unlock()
	w.Look(time.Now())
}

// Look compares what the watcher was last told with who lives.
func (w *Watcher) Look(now time.Time) {
	w.f.mu.Lock()
	defer w.f.mu.Unlock()
	w.mu.Lock()
	defer w.mu.Unlock()
	for addr, p := range w.f.providers {
		_, there := slices.BinarySearch(w.now, addr)
		since, missed := w.missing[addr]
		lives := p.died.IsZero() && now.After(p.born)
		switch {
		case lives && !there && !missed:
			w.missing[addr] = now
		case missed && (there || !lives):
			delete(w.missing, addr)
			g := Gap{w.name, addr, since, now.Sub(since)}
			w.gaps = append(w.gaps, g)
			if lives && w.had[addr] {
				w.vanished = append(w.vanished, g)
			}
		}
		if there {
			w.had[addr] = true
		}
		w.lookForDead(addr, p, there, now)
	}
}

// lookForDead notes how long a dead instance stays in the list. The caller holds
// both mutexes.
func (w *Watcher) lookForDead(addr string, p *Provider, there bool, now time.Time) {
	since, stays := w.stays[addr]
	switch dead := !p.died.IsZero(); {
	case dead && there && !stays:
		w.stays[addr] = p.died
	case stays && (!there || !dead):
		delete(w.stays, addr)
		w.overstays = append(w.overstays, Gap{w.name, addr, since, now.Sub(since)})
	}
}

// Overstays returns the times in which watchers still had instances that were
// dead, until now, at least as long as given.
func (f *Fleet) Overstays(least time.Duration) []Gap {
	return f.gather(least, func(w *Watcher) ([]Gap, map[string]time.Time) { return w.overstays, w.stays })
}

// Gaps returns the times in which watchers lacked instances that live, until
// now, at least as long as given.
func (f *Fleet) Gaps(least time.Duration) []Gap {
	return f.gather(least, func(w *Watcher) ([]Gap, map[string]time.Time) { return w.gaps, w.missing })
}

// Vanished returns the times, of any length, in which watchers lacked instances
// that live and that they had had before.
func (f *Fleet) Vanished() []Gap {
	return f.gather(0, func(w *Watcher) ([]Gap, map[string]time.Time) { return w.vanished, nil })
}

// gather returns what the watchers have noted, and what has not ended yet, in
// the order of time.
func (f *Fleet) gather(least time.Duration, of func(*Watcher) (ended []Gap, open map[string]time.Time)) []Gap {
	f.mu.Lock()
	watchers := slices.Clone(f.watchers)
	f.mu.Unlock()
	var out []Gap
	now := time.Now()
	for _, w := range watchers {
		w.Look(now)
		w.mu.Lock()
		ended, open := of(w)
		for _, g := range ended {
			if g.Took >= least {
				out = append(out, g)
			}
		}
		for addr, since := range open {
			if now.Sub(since) >= least {
				out = append(out, Gap{w.name, addr, since, now.Sub(since)})
			}
		}
		w.mu.Unlock()
	}
	sort.Slice(out, func(i, j int) bool { return out[i].At.Before(out[j].At) })
	return out
}

// String is a line of the timeline.
func (g Gap) String() string {
	return fmt.Sprintf("%s: %s for %v", g.Watcher, g.Addr, g.Took.Round(time.Millisecond))
}

// Since returns when something happened on the timeline.
func (f *Fleet) Since(t time.Time) time.Duration { return t.Sub(f.began).Round(time.Millisecond) }

// Empty counts the empty lists that watchers were told after one that was not.
func (f *Fleet) Empty() (n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, w := range f.watchers {
		w.mu.Lock()
		n += w.empty
		w.mu.Unlock()
	}
	return n
}

// Agree reports whether all watchers have exactly who lives, and who does not.
func (f *Fleet) Agree() (bool, string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var want []string
	for addr, p := range f.providers {
		if p.died.IsZero() {
			want = append(want, addr)
		}
	}
	slices.Sort(want)
	for _, w := range f.watchers {
		w.mu.Lock()
		now := slices.Clone(w.now)
		w.mu.Unlock()
		if !slices.Equal(now, want) {
			return false, fmt.Sprintf("%s has %d instances %v, %d live", w.name, len(now), difference(now, want), len(want))
		}
	}
	for _, t := range f.taps {
		if !f.reaches(t) {
			continue
		}
		if now := t.has(); !slices.Equal(now, want) {
			return false, fmt.Sprintf("%s has %d instances %v, %d live", t.name, len(now), difference(now, want), len(want))
		}
	}
	return true, ""
}

// reaches reports whether a tap can know who lives: one at a server that does not
// run knows what it knew.
func (f *Fleet) reaches(t *Tap) bool {
	return slices.ContainsFunc(t.servers, (*proc.Server).Running)
}

func difference(a, b []string) []string {
	var out []string
	for _, x := range a {
		if !slices.Contains(b, x) {
			out = append(out, "+"+x)
		}
	}
	for _, x := range b {
		if !slices.Contains(a, x) {
			out = append(out, "-"+x)
		}
	}
	return out
}

// Close ends all clients.
func (f *Fleet) Close() {
	f.mu.Lock()
	providers, watchers, taps := f.providers, f.watchers, f.taps
	f.mu.Unlock()
	for _, t := range taps {
		t.stop()
	}
	for _, p := range providers {
		if p.died.IsZero() || p.process != nil {
			p.close()
		}
	}
	for _, w := range watchers {
		w.client.CloseClient()
	}
}

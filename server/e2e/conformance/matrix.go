package main

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/musterhq/muster/server/e2e/proc"
)

// The matrix' names in the table.
const (
	sameName = "same list" // a client of this kind lists what all others do
	seenName = "seen"      // what a client of this kind writes is read by all others
)

// An onlooker is a client that knows one server only.
type onlooker struct {
	*Case
	server *proc.Server
	client *Client
	self   Instance
	err    error
}

func (o *onlooker) String() string { return o.Driver.Name() + " at " + o.server.Name }

// A matrix has a client of each kind at each server.
type matrix struct {
	ctx   context.Context
	site  *Site
	kinds []*Kind
	all   []*onlooker
	gone  map[*onlooker]error // those that could not be started
}

// newMatrix starts the clients.
func newMatrix(ctx context.Context, site *Site, kinds []*Kind) *matrix {
	m := &matrix{ctx: ctx, site: site, kinds: kinds, gone: make(map[*onlooker]error)}
	for k, kind := range kinds {
		for n, server := range site.Open.Servers {
			m.all = append(m.all, &onlooker{
				Case: newCase(ctx, kind, sameName), server: server, self: instance(fmt.Sprintf("10.9.%d.%d", k, n), 8080),
			})
		}
	}
	m.each(m.all, func(o *onlooker) { o.client = o.dial([]*proc.Server{o.server}, login{}) })
	for _, o := range m.all {
		m.gone[o] = o.err
	}
	return m
}

// each does something with some clients at once, and keeps the first error of
// each.
func (m *matrix) each(some []*onlooker, do func(*onlooker)) {
	var wg sync.WaitGroup
	for _, o := range some {
		if o.err == nil {
			wg.Go(func() { o.err = o.attempt(func() { do(o) }) })
		}
	}
	wg.Wait()
}

func (m *matrix) close() {
	var wg sync.WaitGroup
	for _, o := range m.all {
		wg.Go(o.close)
	}
	wg.Wait()
}

// same has every client register an instance in one service, and list and be
// told those of all.
func (m *matrix) same(say func(result)) (out []result) {
	began := time.Now()
	p := Place{Service: "matrix.same"}
	var want []Instance
	for _, o := range m.all {
		if o.err == nil {
			want = append(want, o.self)
		}
	}
	watches := m.watch(p)
	m.each(m.all, func(o *onlooker) { o.register(o.client, p, o.self) })
	m.each(m.all, func(o *onlooker) {
		o.lists(o.client, p, want...)
		o.told(watches[o], "the same", want...)
	})
	for _, k := range m.kinds {
		r := m.row(sameName, k, began, func(o *onlooker) bool { return o.Kind == k })
		say(r)
		out = append(out, r)
	}
	return out
}

// watch has every client subscribe to a service.
func (m *matrix) watch(p Place) map[*onlooker]*Watch {
	var mu sync.Mutex
	watches := make(map[*onlooker]*Watch)
	m.each(m.all, func(o *onlooker) {
		w := o.subscribe(o.client, p)
		mu.Lock()
		defer mu.Unlock()
		watches[o] = w
	})
	return watches
}

// row is the result of one kind: what went wrong with some of the clients.
func (m *matrix) row(name string, k *Kind, began time.Time, of func(*onlooker) bool) result {
	var wrong []string
	for _, o := range m.all {
		if o.err != nil && of(o) {
			wrong = append(wrong, o.String()+": "+o.err.Error())
		}
	}
	var err error
	if len(wrong) > 0 {
		err = fmt.Errorf("%s", strings.Join(wrong, "; "))
	}
	return newCase(m.ctx, k, name).result(err, began)
}

// seen has the clients of each kind in turn write, and those of all kinds at
// all servers read it.
func (m *matrix) seen(say func(result)) (out []result) {
	for _, k := range m.kinds {
		began := time.Now()
		for o, err := range m.gone {
			o.err = err // what went wrong with one kind's writes is no word about the next
		}
		m.writes(k)
		r := m.row(seenName, k, began, func(*onlooker) bool { return true })
		say(r)
		out = append(out, r)
	}
	return out
}

func (m *matrix) writes(k *Kind) {
	p := Place{Service: "matrix.by." + k.Driver.Name()}
	var writers []*onlooker
	var first, second []Instance
	for _, o := range m.all {
		if o.Kind == k {
			writers = append(writers, o)
			first = append(first, o.self)
			second = append(second, weighing(o.self, 3))
		}
	}
	watches := m.watch(p)
	for _, want := range [][]Instance{first, second} {
		m.each(writers, func(o *onlooker) {
			i := o.self
			i.Weight = want[0].Weight
			o.register(o.client, p, i)
		})
		m.each(m.all, func(o *onlooker) {
			o.told(watches[o], "what "+k.Driver.Name()+" wrote", want...)
			o.lists(o.client, p, want...)
		})
	}
	if len(writers) < 2 {
		return // a list that becomes empty is a scenario of its own
	}
	m.each(writers[:1], func(o *onlooker) { o.deregister(o.client, p, second[0]) })
	m.each(m.all, func(o *onlooker) { o.told(watches[o], "what "+k.Driver.Name()+" took back", second[1:]...) })
}

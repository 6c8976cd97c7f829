package registry

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// Elsewhere asks another server what it lists of a service: what its
// [Registry.AppendList] made.
type Elsewhere func(ctx context.Context, key ServiceKey) ([]byte, error)

// UseElsewhere sets who is asked while this server's own lists are not complete.
// It must be called before anything else is.
func (r *Registry) UseElsewhere(f Elsewhere) { r.elsewhere.ask = f }

// elsewhere keeps what others answered for a moment: after a start of this
// server all of its clients may ask at once.
type elsewhere struct {
	ask     Elsewhere
	mu      sync.Mutex
	answers map[ServiceKey]*answer
}

// freshFor is how long an answer serves others who ask for the same.
const freshFor = 50 * time.Millisecond

// An answer is what became of a view with what others list.
type answer struct {
	of   *View         // what was listed here
	done chan struct{} // closed when the rest is set
	view *View
	err  error
}

// Complete returns a service as it is now, with all its instances. While
// clients of before this server's start may be on their way back to it, another
// server that still lists them is asked; if there is none, the error wraps
// [ErrNotReady]. Who is answered with [Registry.View] all the same must be one
// who only takes it if it has no list: all others would lose what is missing.
func (r *Registry) Complete(ctx context.Context, key ServiceKey) (*View, error) {
	v := r.View(key)
	if !v.Unverified {
		return v, nil
	}
	a, mine := r.elsewhere.answer(v)
	if mine {
		a.view, a.err = r.completed(context.WithoutCancel(ctx), v)
		close(a.done)
		time.AfterFunc(freshFor, func() { r.elsewhere.forget(a) })
	}
	select {
	case <-a.done:
		return a.view, a.err
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// answer returns the answer to what is asked for, and whether it is for the
// caller to give.
func (e *elsewhere) answer(of *View) (a *answer, mine bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if a = e.answers[of.Service]; a != nil && a.serves(of) {
		return a, false
	}
	a = &answer{of: of, done: make(chan struct{})}
	if e.answers == nil {
		e.answers = make(map[ServiceKey]*answer)
	}
	e.answers[of.Service] = a
	return a, true
}

// serves reports whether an answer is one for a view that is listed here now: that
// of a service which is not here is another each time.
func (a *answer) serves(v *View) bool {
	return a.of == v || len(a.of.Hosts) == 0 && len(v.Hosts) == 0 && a.of.Declaration == v.Declaration
}

func (e *elsewhere) forget(a *answer) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.answers[a.of.Service] == a {
		delete(e.answers, a.of.Service)
	}
}

func (r *Registry) completed(ctx context.Context, v *View) (*View, error) {
	b, err := r.elsewhere.ask(ctx, v.Service)
	if err == nil {
		var list Publication
		if list, err = r.decodePublication(b, r.limits.Instances); err == nil {
			return r.joined(v, list), nil
		}
	}
	r.log.Debug("no other server has the list", "service", v.Service.String(), "err", err)
	return nil, &remoteError{kind: ErrNotReady, text: "server is STARTING now, please try again later! Clients of before may not all be back."}
}

// joined is a view with what else another server lists. Whatever else is told
// here from now on is newer than that: clients take no other list of the same
// revision.
func (r *Registry) joined(v *View, list Publication) *View {
	out := &View{Service: v.Service, Kind: v.Kind, Declaration: v.Declaration, reg: r}
	out.Hosts = append(make([]*Instance, 0, max(len(v.Hosts), len(list.Instances))), v.Hosts...)
	here := make(map[InstanceKey]bool, len(v.Hosts))
	for _, h := range v.Hosts {
		here[h.Key()] = true
	}
	for i := range list.Instances {
		if theirs := &list.Instances[i]; !here[theirs.Key()] {
			out.Hosts = append(out.Hosts, theirs)
		}
	}
	r.ObserveClock(list.Stamp + 1)
	out.Revision = max(v.Revision, min(list.Stamp, r.clock.now())) // a clock may be beyond belief
	if s := r.index.lookup(v.Service); s != nil {
		s.Renew(out.Revision)
	}
	return out
}

var errIncomplete = errors.New("this server does not know either")

// AppendList appends what this server lists of a service, for another server
// that asks. An error says that it does not know all of it.
func (r *Registry) AppendList(b []byte, key ServiceKey) ([]byte, error) {
	if err := key.Validate(); err != nil {
		return nil, err
	}
	v := r.View(key)
	if v.Unverified {
		return nil, fmt.Errorf("%s: %w", key, errIncomplete)
	}
	list := Publication{Stamp: v.Revision, Instances: make([]Instance, len(v.Hosts))}
	for i, h := range v.Hosts {
		list.Instances[i] = *h
	}
	return list.Append(b), nil
}

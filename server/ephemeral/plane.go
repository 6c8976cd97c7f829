package ephemeral

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/musterhq/muster"
	"github.com/musterhq/muster/server/registry"
)

// Options make a Plane.
type Options struct {
	Node     *muster.Node
	Registry *registry.Registry
	// Life is higher than in any earlier life of this server. It is told to the
	// others in each record and, by [Plane.ServerUp], with this server's
	// metadata.
	Life uint64
	// Fresh: this server has had no life before, or none that a client is to come
	// back from.
	Fresh bool
	// Settle is how long clients may take to come back after all servers were
	// gone.
	Settle time.Duration
	// Minority reports whether this server sees so few of its cluster that it
	// is likelier to be the one that is cut off. Nil: it never is.
	Minority func() bool
	Logger   *slog.Logger
}

// Plane is a server's part in the spreading.
type Plane struct {
	node     *muster.Node
	records  muster.Records
	reg      *registry.Registry
	self     string
	life     uint64
	opts     Options
	log      *slog.Logger
	writes   atomic.Uint64
	frozen   atomic.Bool
	counts   counters
	unhandle func()

	mu     sync.Mutex // guards what follows, and keeps events in one order
	owners map[string]*owner
	marks  map[string]chan struct{} // of Sync: closed when the mark has come
}

// New makes a plane, and tells the others of this server's life. [Plane.Run]
// makes it work.
func New(o Options) (*Plane, error) {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Minority == nil {
		o.Minority = func() bool { return false }
	}
	if o.Life == 0 {
		return nil, errors.New("ephemeral: a life is numbered from 1")
	}
	p := &Plane{
		node: o.Node, records: o.Node.Records(), reg: o.Registry, self: o.Node.Local().Name,
		life: o.Life, opts: o, log: o.Logger,
		owners: make(map[string]*owner), marks: make(map[string]chan struct{}),
	}
	if err := p.records.Set(keyLife, appendLife(o.Life), 0); err != nil {
		return nil, fmt.Errorf("ephemeral: %w", err)
	}
	p.unhandle = o.Node.Handle(topicMark, p.answerMark)
	return p, nil
}

// Run takes in what the other servers say until ctx ends.
func (p *Plane) Run(ctx context.Context) {
	defer p.unhandle()
	for e := range p.records.Watch(ctx, "") {
		if e.Owner == p.self {
			continue
		}
		p.mu.Lock()
		switch {
		case e.Key == keyLife:
			p.lifeChanged(&e)
		case strings.HasPrefix(e.Key, string(keyPublication)):
			p.publicationChanged(&e)
		case strings.HasPrefix(e.Key, string(keyMark)) && !e.Deleted:
			p.marked(e.Owner, e.Key)
		}
		p.mu.Unlock()
	}
}

// Freeze makes what clients have registered outlive their connections: this
// server goes, and they are to come up at another one.
func (p *Plane) Freeze() { p.frozen.Store(true) }

// counters count since the start.
type counters struct {
	puts, removes, applied, removed, rejected atomic.Uint64
}

// Stats are the plane's counters.
type Stats struct {
	Puts, Removes    uint64 // of this server's clients
	Applied, Removed uint64 // of other servers'
	Rejected         uint64 // what other servers said and could not be used
	Owners           int    // other servers known
	OwnersHeld       int    // that are gone, and not taken for dead since this server is cut off
}

// Stats returns the counters.
func (p *Plane) Stats() Stats {
	s := Stats{
		Puts: p.counts.puts.Load(), Removes: p.counts.removes.Load(), Applied: p.counts.applied.Load(),
		Removed: p.counts.removed.Load(), Rejected: p.counts.rejected.Load(),
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	s.Owners = len(p.owners)
	for _, o := range p.owners {
		if o.state == held {
			s.OwnersHeld++
		}
	}
	return s
}

package registry

import (
	"context"
	"errors"
	"hash/maphash"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

// Ephemeral spreads what the clients of this server have registered. All of
// its methods return at once and do not keep what they are given; an error
// means that nothing was kept, and is what the client is told.
type Ephemeral interface {
	Put(client ClientID, service ServiceKey, p Publication) error
	Remove(client ClientID, service ServiceKey) error
	// DropClient is Remove for all that a client has registered, at once.
	DropClient(client ClientID, services []ServiceKey) error
}

// Persistent agrees with the other servers on commands. Propose returns what
// [Registry.Apply] made of the command, once it is kept and applied here too;
// or an error, after which the command may or may not be applied later, as
// the error says.
type Persistent interface {
	Propose(ctx context.Context, command []byte) (result []byte, err error)
	// Linearizable returns once all that was agreed on before the call is
	// applied here.
	Linearizable(ctx context.Context) error
}

// An Observer is told of changes, soon after them and in no certain order
// between services. Its methods are called from within the registry: they
// must return at once, and may read but not write.
type Observer interface {
	Changed(*Service)   // its list, or its settings, are another
	Added(ServiceKey)   // it is listed from now on
	Removed(ServiceKey) // it is listed no more
}

// Options make a registry. What is left out has a default.
type Options struct {
	Self       string // this server's name among the others
	Ephemeral  Ephemeral
	Persistent Persistent
	Limits     Limits
	// Grace is how long the clients of a server that is gone stay listed, from
	// when its death is noticed.
	Grace time.Duration
	// Unnoticed is about how long a death is not noticed. The clients of a server
	// that left or was started again stay listed for that much longer than Grace:
	// its end was known at once, and they find out no sooner.
	Unnoticed time.Duration
	// EmptyAfter is how long a service without instances stays listed.
	EmptyAfter time.Duration
	// Labels gives the value of a label of an address, for label selectors.
	// Nil: there are no labels, and such a selector selects all.
	Labels func(ip, label string) string
	// Leader reports whether this server does what one server does for all.
	Leader func() bool
	Logger *slog.Logger
}

// Registry is the index. Its methods may be called by anybody at any time.
type Registry struct {
	self       string
	limits     Limits
	grace      time.Duration
	unnoticed  time.Duration
	emptyAfter time.Duration
	labels     func(ip, label string) string
	leader     func() bool
	log        *slog.Logger
	ephemeral  Ephemeral
	persistent Persistent
	withdraw   func(server string, id ClientID, key ServiceKey) error
	elsewhere  elsewhere
	observer   Observer

	clock     clock
	index     index
	own       clients
	ownersMu  sync.Mutex
	owners    map[string]*owner
	encoded   encoded
	instances atomic.Int64
	fsm       fsm
	switches  switches
	beats     wheel
	phase     phase

	snowflakes snowflakes
}

// New makes a registry. It answers from the start, but says of everything
// that it is not verified, until [Registry.Ready]. [Registry.Run] keeps it.
func New(o Options) *Registry {
	if o.Grace == 0 {
		o.Grace = 6 * time.Second
	}
	if o.EmptyAfter == 0 {
		o.EmptyAfter = time.Minute
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Leader == nil {
		o.Leader = func() bool { return true }
	}
	r := &Registry{
		self: o.Self, limits: o.Limits.withDefaults(), grace: o.Grace, unnoticed: o.Unnoticed, emptyAfter: o.EmptyAfter,
		labels: o.Labels, leader: o.Leader, log: o.Logger, ephemeral: o.Ephemeral, persistent: o.Persistent,
		observer: nobody{}, elsewhere: elsewhere{ask: nowhere}, owners: make(map[string]*owner),
	}
	r.encoded.limit = r.limits.Encoded
	r.own.all = make(map[ClientID]*Client)
	r.index.seed = maphash.MakeSeed()
	for i := range r.index.shards {
		r.index.shards[i].services = make(map[ServiceKey]*Service)
	}
	r.fsm.init()
	r.switches.init()
	r.beats.init(time.Now())
	r.snowflakes.init(o.Self)
	return r
}

// Use sets the planes that were not there yet when the registry was made, for
// they need it to be made. It must be called before anything else is.
func (r *Registry) Use(e Ephemeral, p Persistent) { r.ephemeral, r.persistent = e, p }

// Observe sets who is told of changes. It must be called before any.
func (r *Registry) Observe(o Observer) { r.observer = o }

// Limits returns the bounds in force.
func (r *Registry) Limits() Limits { return r.limits }

// Self returns this server's name.
func (r *Registry) Self() string { return r.self }

// Linearizable returns once all that was agreed on before the call can be
// read here.
func (r *Registry) Linearizable(ctx context.Context) error { return r.persistent.Linearizable(ctx) }

// tell tells the observer of a change, and of the service's appearance.
func (r *Registry) tell(s *Service, first bool) {
	if first {
		r.observer.Added(s.key)
	}
	r.observer.Changed(s)
}

func nowhere(context.Context, ServiceKey) ([]byte, error) {
	return nil, errors.New("there is no other server")
}

type nobody struct{}

func (nobody) Changed(*Service)   {}
func (nobody) Added(ServiceKey)   {}
func (nobody) Removed(ServiceKey) {}

// Limits of how late the housekeeping is.
const (
	beatTick  = 500 * time.Millisecond
	sweepTick = 5 * time.Second
)

// Run keeps the registry until ctx ends: beats that stop, servers that stay
// away, services that stay empty.
func (r *Registry) Run(ctx context.Context) {
	tick := time.NewTicker(beatTick)
	defer tick.Stop()
	swept := time.Now()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			r.advancePhase(now)
			r.expireBeats(now)
			r.sweepOwners(now)
			if now.Sub(swept) >= sweepTick {
				swept = now
				r.sweepServices(now)
				if r.leader() {
					r.sweepOverlays(ctx)
				}
			}
		}
	}
}

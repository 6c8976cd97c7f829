package memberlist

import (
	"context"
	"log"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/musterhq/muster"
)

// Memberlist is a node of a cluster, begun by Create. All methods may be called
// at any time, also by delegates.
type Memberlist struct {
	conf    *Config
	log     *log.Logger
	node    *muster.Node
	net     muster.NamedTransport
	teller  *teller
	started chan struct{} // closed once node is set, or never will be

	// hidden tells that the application's own NotifyAlive refuses this node:
	// the application then does not see it among the members.
	hidden atomic.Bool
	// replaced has the metadata of nodes whose process another has replaced,
	// until that is told; only tellEvent uses it.
	replaced map[string][]byte

	down    sync.Once
	downErr error
	ctx     context.Context // ends with Shutdown
	stop    context.CancelFunc
	mu      sync.Mutex // guards work against a late spawn
	work    sync.WaitGroup
}

// LocalNode returns a copy of what the others are told of this node.
func (m *Memberlist) LocalNode() *Node {
	local := m.node.Local()
	return newNode(&local)
}

// Members returns copies of the nodes that are alive or suspect, this one
// included unless it has left. After Shutdown they are those last known.
func (m *Memberlist) Members() []*Node { return newNodes(m.present()) }

// NumMembers counts the nodes that Members returns.
func (m *Memberlist) NumMembers() (alive int) { return len(m.present()) }

func (m *Memberlist) present() []muster.Member {
	members := m.node.Members()
	if !m.hidden.Load() {
		return members
	}
	return slices.DeleteFunc(members, func(o muster.Member) bool { return o.Name == m.conf.Name })
}

// ProtocolVersion returns the version that this node speaks.
func (m *Memberlist) ProtocolVersion() uint8 { return m.conf.ProtocolVersion }

// GetHealthScore returns how late and how lonely this node finds itself to be,
// from 0, healthy, to Config.AwarenessMaxMultiplier-1 (Lifeguard).
func (m *Memberlist) GetHealthScore() int { return m.node.Stats().HealthScore }

// Shutdown stops the node and its transport, without telling anybody: the others
// will find it dead. Leave before to go in order. Any further call does nothing.
func (m *Memberlist) Shutdown() error {
	m.down.Do(func() {
		m.teller.close() // or muster waits for room there
		m.mu.Lock()
		m.stop()
		m.mu.Unlock()
		m.downErr = m.node.Close()
		m.work.Wait()
	})
	return m.downErr
}

// spawn runs f in a goroutine that Shutdown waits for, unless it has begun.
func (m *Memberlist) spawn(f func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.ctx.Err() == nil {
		m.work.Go(f)
	}
}

// settle waits until the application has been told what has happened so far,
// but not for ever: what a delegate holds up must not hold up this node. If a
// delegate is the caller, it hears of it later.
func (m *Memberlist) settle() {
	if insideDelegate() {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), m.conf.streamTimeout())
	defer cancel()
	if m.flush(ctx) {
		m.teller.flush(ctx)
	}
}

// flush waits until the teller has got all that has happened so far, and says
// whether it has.
func (m *Memberlist) flush(ctx context.Context) bool {
	rounds := 1
	if m.conf.Alive != nil {
		rounds = 2 // the first for NotifyAlive, the second for what follows from it
	}
	for range rounds {
		if m.node.Flush(ctx) != nil {
			return false // time is up
		}
	}
	return true
}

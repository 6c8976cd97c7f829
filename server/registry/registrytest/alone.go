// Package registrytest gives a registry the two planes it needs, within one
// process: nobody else to tell, and nobody else to agree with. Nothing is kept
// on disk.
package registrytest

import (
	"context"
	"sync"

	"github.com/musterhq/muster/server/registry"
)

// New makes a registry that is alone, and ready.
func New(o registry.Options) *registry.Registry {
	if o.Self == "" {
		o.Self = "self"
	}
	r := registry.New(o)
	r.Use(Alone{}, &Direct{Registry: r})
	return r
}

// Alone is an Ephemeral with no other servers.
type Alone struct{}

// Put keeps nothing.
func (Alone) Put(registry.ClientID, registry.ServiceKey, registry.Publication) error { return nil }

// Remove keeps nothing.
func (Alone) Remove(registry.ClientID, registry.ServiceKey) error { return nil }

// DropClient keeps nothing.
func (Alone) DropClient(registry.ClientID, []registry.ServiceKey) error { return nil }

// Direct is a Persistent that applies at once.
type Direct struct {
	Registry *registry.Registry

	mu    sync.Mutex
	index uint64
}

// Propose applies the command.
func (d *Direct) Propose(ctx context.Context, command []byte) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.index++
	res := d.Registry.Apply(d.index, command)
	return res, registry.ReadError(res)
}

// Linearizable has nobody to ask.
func (d *Direct) Linearizable(ctx context.Context) error { return ctx.Err() }

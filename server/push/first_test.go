package push

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/musterhq/muster/server/registry"
)

// revisions notes the revision of each list that a client is sent.
type revisions struct {
	*client
	mu   sync.Mutex
	seen []uint64
}

func (r *revisions) Render(v *registry.View, q registry.Query) []byte {
	r.mu.Lock()
	r.seen = append(r.seen, v.Revision)
	r.mu.Unlock()
	return r.client.Render(v, q)
}

// A client that comes from another server may have a list of just now. What it
// is pushed here is later, also if a change of before is pushed first.
func TestFirstListIsLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, registry.Options{}, 0)
		w.register(demo, 1)
		time.Sleep(20 * time.Millisecond) // it is due in 5 ms
		had := w.reg.Clock()
		c := &revisions{client: &client{ack: true}}
		c.client.to = w.e.NewReceiver(c)
		t.Cleanup(c.client.to.Close)
		w.subscribe(c.client, demo)
		time.Sleep(time.Second)
		synctest.Wait()
		c.mu.Lock()
		defer c.mu.Unlock()
		if len(c.seen) == 0 {
			t.Fatal("nothing was pushed")
		}
		for _, rev := range c.seen {
			if rev < had {
				t.Errorf("pushed revision %d to a client that may have %d", rev, had)
			}
		}
	})
}

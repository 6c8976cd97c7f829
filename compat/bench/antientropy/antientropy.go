// Package antientropy has two members of one system exchange their states, and
// counts what that takes: between two of memberlist a push/pull, between two of
// muster a sync.
package antientropy

import (
	"fmt"
	"time"

	"github.com/musterhq/muster/compat/bench/fake"
)

// Cost is what an exchange took.
type Cost struct {
	Bytes  uint64        // both ways, as streams carry them
	Rounds int           // requests
	Took   time.Duration // of both sides, one after the other where the system allows
}

// Exchange measures one between two members that both know n others, d of
// which the one that is asked knows to have announced something newer.
func Exchange(system string, n, d int) (Cost, error) {
	switch system {
	case "memberlist":
		return memberlistExchange(n, d)
	case "muster":
		return musterExchange(n, d)
	}
	return Cost{}, fmt.Errorf("no anti-entropy of %q", system)
}

// views are what the two know. What is newer is an incarnation and a metadata
// of 16 bytes.
func views(n, d int) (old, newer []fake.State) {
	old, newer = fake.States(n), fake.States(n)
	for i := range d {
		s := &newer[i*(n/d)]
		s.Incarnation++
		s.Meta = []byte("version=1.2.4-rc")
	}
	return old, newer
}

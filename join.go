package muster

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"time"

	"github.com/musterhq/muster/swim"
)

// seeds are the addresses that the configuration names.
type seeds struct {
	mu    sync.Mutex
	hosts []hostPort
}

func (s *seeds) init(names []string, port uint16) {
	for _, name := range names {
		if h, err := splitAddr(name, port); err == nil { // Validate has checked them
			s.hosts = append(s.hosts, h)
		}
	}
}

// parallelJoins bounds how many addresses one Join tries at a time.
const parallelJoins = 8

// Join exchanges states with the given members, host names being resolved now,
// and returns how many it reached. The error, joined from all that went wrong,
// is nil if at least one was reached, or if all of them are this node itself.
func (n *Node) Join(ctx context.Context, to ...string) (int, error) {
	var targets []netip.AddrPort
	var faults []error
	for _, s := range to {
		h, err := splitAddr(s, n.defaultPort())
		if err == nil {
			var addrs []netip.AddrPort
			addrs, err = h.resolve(ctx)
			targets = append(targets, addrs...)
		}
		if err != nil {
			faults = append(faults, fmt.Errorf("join: %w", err))
		}
	}
	reached, errs := n.joinAll(ctx, n.others(targets))
	if reached > 0 {
		return reached, nil
	}
	return 0, errors.Join(append(faults, errs...)...)
}

// others leaves out this node's own address, which lists of seeds often hold.
func (n *Node) others(all []netip.AddrPort) []netip.AddrPort {
	kept := make([]netip.AddrPort, 0, len(all))
	for _, a := range all {
		if a != n.addr && a != n.transport.Addr() {
			kept = append(kept, a)
		}
	}
	return kept
}

func (n *Node) joinAll(ctx context.Context, targets []netip.AddrPort) (reached int, faults []error) {
	var mu sync.Mutex
	var wg sync.WaitGroup
	slots := make(chan struct{}, parallelJoins)
	for _, to := range targets {
		slots <- struct{}{}
		wg.Go(func() {
			err := n.JoinAddr(ctx, to, "")
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				reached++
			} else {
				faults = append(faults, fmt.Errorf("join %v: %w", to, err))
			}
			<-slots
		})
	}
	wg.Wait()
	return reached, faults
}

// JoinAddr exchanges states with one member. name, which may be empty, is for a
// NamedTransport.
func (n *Node) JoinAddr(ctx context.Context, to netip.AddrPort, name string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	done := make(chan swim.Done, 1)
	var id uint64
	if err := n.do(func(now time.Time) {
		id = n.core.JoinNamed(now, to, name)
		n.waits[id] = done
	}); err != nil {
		return err
	}
	d, err := n.await(ctx, id, done)
	if err != nil {
		return err
	}
	return d.Err
}

// Ping asks the member of that name for a sign of life, once, and returns how
// long it took; to may be zero for a member that is known. The outcome does not
// change what is known of the member. swim.ErrNoAnswer tells that none came
// within ProbeTimeout.
func (n *Node) Ping(ctx context.Context, name string, to netip.AddrPort) (time.Duration, error) {
	if !to.IsValid() {
		m, ok := n.Member(name)
		if !ok {
			return 0, fmt.Errorf("ping %q: %w", name, ErrUnknown)
		}
		to = m.Addr
	}
	done := make(chan swim.Done, 1)
	var id uint64
	var err error
	if e := n.do(func(now time.Time) {
		if id, err = n.core.Ping(now, name, to); err == nil {
			n.waits[id] = done
		}
	}); e != nil {
		err = e
	}
	if err != nil {
		return 0, fmt.Errorf("ping %q: %w", name, err)
	}
	d, err := n.await(ctx, id, done)
	if err == nil {
		err = d.Err
	}
	if err != nil {
		return 0, fmt.Errorf("ping %q: %w", name, err)
	}
	return d.RTT, nil
}

// await waits for what the core was asked to do as id.
func (n *Node) await(ctx context.Context, id uint64, done <-chan swim.Done) (swim.Done, error) {
	select {
	case d := <-done:
		return d, nil
	case <-n.ctx.Done():
		return swim.Done{}, ErrClosed
	case <-ctx.Done():
	}
	n.mu.Lock()
	delete(n.waits, id)
	n.mu.Unlock()
	return swim.Done{}, ctx.Err()
}

// Flush returns once the application has been told everything that the node
// knew when Flush was called: callbacks have returned. It must not be called
// from a callback.
func (n *Node) Flush(ctx context.Context) error {
	const rounds = 3 // an answer may lead to another question, as a merge does
	for before, round := uint64(0), 0; round < rounds; round++ {
		done, answered := n.calls.flush()
		if done == nil || round > 0 && answered == before {
			return nil // nothing has come of answers since the last round
		}
		before = answered
		select {
		case <-done:
		case <-n.ctx.Done():
			return ErrClosed
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// Announced returns once what this node last said of itself (its start, its
// metadata) has been sent to as many members as it is sent to, or there are
// none. The others pass it on from there.
func (n *Node) Announced(ctx context.Context) error {
	tick := time.NewTicker(max(n.cfg.GossipInterval/4, time.Millisecond))
	defer tick.Stop()
	for {
		var done bool
		if err := n.do(func(time.Time) { done = n.core.Announced() }); err != nil || done {
			return err
		}
		select {
		case <-tick.C:
		case <-n.ctx.Done():
			return ErrClosed
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// joinSeeds tries the configured seeds until one answers. From then on the core
// keeps them as candidates for a reconnect.
func (n *Node) joinSeeds() {
	wait := time.Second
	for first := true; n.ctx.Err() == nil; first = false {
		addrs := n.refreshSeeds(n.ctx)
		ctx, cancel := context.WithTimeout(n.ctx, n.cfg.StreamTimeout)
		reached, faults := n.joinAll(ctx, addrs)
		cancel()
		if reached > 0 || len(addrs) == 0 && n.seedsAreSelf(faults) {
			return
		}
		if first && n.ctx.Err() == nil {
			n.log.Warn("no seed answers yet, trying on", "seeds", n.cfg.Seeds, "err", errors.Join(faults...))
		}
		n.pause(wait)
		wait = min(2*wait, max(n.cfg.ReconnectInterval, time.Second))
	}
}

// seedsAreSelf tells a node that is its own only seed from one whose seeds
// cannot be resolved.
func (n *Node) seedsAreSelf(faults []error) bool {
	n.seeds.mu.Lock()
	defer n.seeds.mu.Unlock()
	return len(faults) == 0 && len(n.seeds.hosts) > 0 && n.seeds.resolved()
}

// refreshSeeds resolves the seeds anew and tells the core.
func (n *Node) refreshSeeds(ctx context.Context) []netip.AddrPort {
	n.seeds.mu.Lock()
	defer n.seeds.mu.Unlock()
	if len(n.seeds.hosts) == 0 {
		return nil
	}
	var addrs []netip.AddrPort
	for i := range n.seeds.hosts {
		h := &n.seeds.hosts[i]
		found, err := h.resolve(ctx)
		if h.failed = err != nil; err != nil {
			n.log.Debug("seed does not resolve", "seed", h.host, "err", err)
		}
		addrs = append(addrs, found...)
	}
	addrs = n.others(addrs)
	if err := n.do(func(time.Time) { n.core.SetSeeds(addrs) }); err != nil {
		return nil
	}
	return addrs
}

func (s *seeds) resolved() bool {
	for _, h := range s.hosts {
		if h.failed {
			return false
		}
	}
	return true
}

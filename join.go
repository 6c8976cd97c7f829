package muster

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"time"
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
			err := n.joinOne(ctx, to)
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

func (n *Node) joinOne(ctx context.Context, to netip.AddrPort) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	done := make(chan error, 1)
	if err := n.do(func(now time.Time) { n.joins[n.core.Join(now, to)] = done }); err != nil {
		return err
	}
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	case <-n.ctx.Done():
		return ErrClosed
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

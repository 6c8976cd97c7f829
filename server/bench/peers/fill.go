package peers

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
)

// fillers is how many clients fill a system.
const fillers = 48

// fill has fillers do an op with all numbers below count.
func fill(ctx context.Context, count uint64, dial Dialer) error {
	hangUp, err := Each(ctx, fillers, count, dial)
	if err != nil {
		return err
	}
	return hangUp()
}

// Each has clients do an op with all numbers below count, each once. The
// clients stay until the function that is returned is called.
func Each(ctx context.Context, clients int, count uint64, dial Dialer) (hangUp func() error, err error) {
	var (
		open []Client
		next atomic.Uint64
		wg   sync.WaitGroup
		mu   sync.Mutex
		errs []error
	)
	hangUp = func() error {
		var errs []error
		for _, c := range open {
			errs = append(errs, c.Close())
		}
		return errors.Join(errs...)
	}
	for i := range clients {
		c, err := dial(ctx, i, clients)
		if err != nil {
			return nil, errors.Join(err, hangUp())
		}
		open = append(open, c)
	}
	for _, c := range open {
		wg.Go(func() {
			for n := next.Add(1) - 1; n < count && ctx.Err() == nil; n = next.Add(1) - 1 {
				if err := c.Do(n); err != nil {
					mu.Lock()
					errs = append(errs, fmt.Errorf("number %d: %w", n, err))
					mu.Unlock()
					return
				}
			}
		})
	}
	wg.Wait()
	if err := errors.Join(append(errs, ctx.Err())...); err != nil {
		return nil, errors.Join(err, hangUp())
	}
	return hangUp, nil
}

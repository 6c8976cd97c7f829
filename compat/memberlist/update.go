package memberlist

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/musterhq/muster"
)

// UpdateNode asks the Delegate for new metadata and tells the others. It
// returns when it has sent the news as often as it is going to, or an error
// when that takes longer than timeout, if there is one; then, too, the news goes
// on spreading.
func (m *Memberlist) UpdateNode(timeout time.Duration) error {
	meta := m.nodeMeta()
	if err := m.introduce(m.net.Addr(), meta); err != nil {
		return fmt.Errorf("update: refused by this node's own NotifyAlive: %w", err)
	}
	m.unhide()
	if err := m.node.SetMeta(meta); err != nil {
		return fmt.Errorf("update: %w", err)
	}
	m.settle()
	ctx, cancel := within(timeout)
	defer cancel()
	err := m.node.Announced(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("timeout waiting for update broadcast: %w", err)
	}
	return err
}

// unhide shows this node among the members, once its own NotifyAlive agrees.
func (m *Memberlist) unhide() {
	if m.hidden.CompareAndSwap(true, false) {
		m.teller.add(note{event: &muster.Event{Kind: muster.MemberJoined, Member: m.node.Local()}})
	}
}

// Leave tells the others that this node goes, which goes on answering until
// Shutdown; a Join undoes it. It returns once several of them have confirmed
// that they know, or an error when that takes longer than timeout, if there is
// one. Any further call does nothing.
func (m *Memberlist) Leave(timeout time.Duration) error {
	ctx, cancel := within(timeout)
	defer cancel()
	err := m.node.Leave(ctx)
	m.settle()
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("timeout waiting for leave broadcast: %w", err)
	case isClosed(err):
		return fmt.Errorf("leave after shutdown: %w", err)
	}
	return err
}

// within returns a context that ends after d, or never if there is none.
func within(d time.Duration) (context.Context, context.CancelFunc) {
	if d <= 0 {
		return context.WithCancel(context.Background())
	}
	return context.WithTimeout(context.Background(), d)
}

func isClosed(err error) bool { return errors.Is(err, errClosed) }

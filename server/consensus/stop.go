package consensus

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// fail stops the node's part in the cluster after something it cannot go on
// with. The node stays open to say so.
func (n *Node) fail(err error) {
	n.faultMu.Lock()
	if n.fault != nil || n.closing.Load() {
		n.faultMu.Unlock()
		return
	}
	n.fault = fmt.Errorf("%w: %w", ErrStopped, err)
	err = n.fault
	n.faultMu.Unlock()
	n.log.Error("this server takes no further part in the cluster", "server", n.opts.ID, "err", err)
	n.cancel(err)
	close(n.stopped)
	go n.haltEngine() // not waited for: this may run on a goroutine of the engine
}

// failRunning is fail once the engine runs.
func (n *Node) failRunning(err error) {
	if n.logs.running.Load() {
		n.fail(err)
	}
}

// haltEngine ends the engine and waits for it.
func (n *Node) haltEngine() {
	n.halted.Do(func() {
		defer close(n.idle)
		// It always succeeds: the transport's port is not its own.
		_ = n.trans.raft.Load().Shutdown().Error()
	})
	<-n.idle
}

// Err returns why the node stopped itself or that it was closed; nil while it is
// at work.
func (n *Node) Err() error {
	n.faultMu.Lock()
	defer n.faultMu.Unlock()
	if n.fault != nil {
		return n.fault
	}
	if n.closing.Load() {
		return ErrClosed
	}
	return nil
}

// Stopped is closed when the node has stopped itself; Err says why.
func (n *Node) Stopped() <-chan struct{} { return n.stopped }

// Close ends this server's part until it is opened again. A leader hands its
// leadership on first. What was proposed here and is under way gets an answer;
// nothing acknowledged depends on Close.
func (n *Node) Close() error {
	if r := n.trans.raft.Load(); !n.closing.Load() && n.leads(r) && len(r.GetConfiguration().Configuration().Servers) > 1 {
		ctx, cancel := context.WithTimeout(n.ctx, 4*n.opts.Heartbeat)
		if err := n.TransferLeadership(ctx, ""); err != nil {
			n.log.Debug("handing the leadership on", "err", err)
		}
		cancel()
	}
	return n.shut(n.opts.RPCTimeout)
}

// shut ends everything; what is under way gets that long to end by itself.
func (n *Node) shut(patience time.Duration) error {
	if n.closing.Swap(true) {
		return ErrClosed
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	n.submit.close(ctx)
	n.cancel(ErrClosed)
	go n.haltEngine() // it ends while the connections do
	err := n.mux.close()
	n.haltEngine()
	n.wg.Wait()
	if merr := n.dir.setMark(n.machine.progress.at(), true); merr != nil {
		err = errors.Join(err, merr)
	}
	return errors.Join(err, n.storage.close(), n.dir.close())
}

package consensus

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"

	"github.com/hashicorp/raft"
)

// cachedEntries is how many of the newest entries are kept in memory for
// followers: at most maxBatchBytes each.
const cachedEntries = 128

// Node is one server of the cluster.
type Node struct {
	opts Options
	log  *slog.Logger
	dir  *dataDir
	*storage
	machine *machine
	members *members
	mux     *mux
	trans   *transport
	client  *peerClient
	author  *author
	submit  *submitter
	reads   *reads
	leaders *leaders

	counters  counters
	proposals latency
	readiness readiness
	leaving   atomic.Bool

	promiseMu sync.Mutex
	promised  promised

	ctx    context.Context // ends when the node closes or stops itself
	cancel context.CancelCauseFunc
	wg     sync.WaitGroup // the node's own goroutines

	faultMu sync.Mutex
	fault   error
	stopped chan struct{} // closed when the node stopped itself
	closing atomic.Bool
	halted  sync.Once
	idle    chan struct{} // closed when the engine has ended

	saidMu sync.Mutex
	said   map[string]string
}

// Open starts a node on its directory. fsm must be new: it is filled from the
// snapshot and the log. The node does nothing useful until SetMembers tells it
// about the others, or it is alone.
func Open(opts Options, fsm FSM) (_ *Node, err error) {
	opts = opts.withDefaults()
	if err := opts.Validate(); err != nil {
		if opts.Stream != nil {
			err = errors.Join(err, opts.Stream.Close())
		}
		return nil, err
	}
	n := &Node{
		opts: opts, log: opts.Logger,
		machine: newMachine(fsm),
		members: newMembers(Server{ID: opts.ID, Addr: opts.Advertise}),
		author:  newAuthor(opts.MaxInFlight),
		leaders: newLeaders(),
		stopped: make(chan struct{}),
		idle:    make(chan struct{}),
		said:    make(map[string]string),
	}
	n.readiness.set(errStarting)
	n.ctx, n.cancel = context.WithCancelCause(context.Background())
	if err := n.start(); err != nil {
		n.cancel(ErrClosed)
		return nil, fmt.Errorf("consensus: %w", err)
	}
	return n, nil
}

// start opens the disk first, then the port, then the engine.
func (n *Node) start() (err error) {
	var undo []func() error
	defer func() {
		if err != nil {
			for i := range undo {
				err = errors.Join(err, undo[len(undo)-1-i]())
			}
		}
	}()
	closePort := n.opts.Stream.Close
	undo = append(undo, func() error { return closePort() })
	if n.dir, err = openDataDir(n.opts.Dir, n.opts.ID); err != nil {
		return err
	}
	undo = append(undo, n.dir.close)
	if n.storage, err = openStorage(n.opts, n.dir); err != nil {
		return err
	}
	undo = append(undo, n.storage.close)

	n.mux = newMux(n.opts.Stream, n.opts.ID, n.opts.Advertise, n.dir, n.log)
	n.mux.adopt, n.mux.peers = n.adopt, n.servePeer
	n.mux.idle = func() bool { return n.Err() != nil }
	n.mux.leads = func() bool {
		r := n.trans.raft.Load()
		return r != nil && r.State() == raft.Leader
	}
	n.trans = newTransport(n.mux, n.members, n.opts.RPCTimeout, n.log, n.hlog)
	n.client = newPeerClient(n.mux, n.trans.where)
	n.submit = newSubmitter(n.trans.raft.Load, n.opts.RPCTimeout)
	n.reads = &reads{round: n.readIndex, spawn: n.mux.spawn}
	closePort = func() error { return errors.Join(n.trans.Close(), n.mux.close()) }

	r, err := n.startEngine()
	if err != nil {
		return err
	}
	n.arm(r)
	return nil
}

// startEngine turns the panics with which the engine answers a disk that fails
// while it starts into errors.
func (n *Node) startEngine() (r *raft.Raft, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%w: starting the engine: %v", ErrDisk, p)
		}
	}()
	cache, err := raft.NewLogCache(cachedEntries, n.logs)
	if err != nil {
		return nil, err
	}
	// What fails while the engine starts is an error of Open.
	n.logs.fail = n.failRunning
	n.machine.fail = n.failRunning
	n.machine.committed = n.noteCommit
	r, err = raft.NewRaft(engineConfig(n.opts, n.hlog), n.machine, cache, n.stable, n.snaps, n.trans)
	if err == nil {
		n.trans.raft.Store(r)
		n.logs.running.Store(true)
	}
	return r, err
}

// arm starts the node's own goroutines.
func (n *Node) arm(r *raft.Raft) {
	n.mux.spawn(n.mux.serve)
	for _, f := range []func(*raft.Raft){n.followLeaders, n.watchLeader, n.reconcile, n.watchReady, n.keepSmall, n.found, n.standAlone} {
		n.wg.Add(1)
		go func() {
			defer n.wg.Done()
			f(r)
		}()
	}
	n.wg.Add(1)
	go func() {
		defer n.wg.Done()
		n.submit.run(n.ctx)
	}()
}

// standAlone spares the only voter of a cluster the wait for a leader.
func (n *Node) standAlone(r *raft.Raft) {
	servers := r.GetConfiguration().Configuration().Servers
	voters := 0
	for _, s := range servers {
		if s.Suffrage == raft.Voter {
			voters++
			if string(s.ID) != n.opts.ID {
				return
			}
		}
	}
	if voters == 1 {
		n.standNow(r)
	}
}

// once logs something that stays so, when it changes.
func (n *Node) once(msg string, args ...any) {
	now := fmt.Sprint(args...)
	n.saidMu.Lock()
	was, ok := n.said[msg]
	n.said[msg] = now
	n.saidMu.Unlock()
	if !ok || was != now {
		n.log.Info(msg, args...)
	}
}

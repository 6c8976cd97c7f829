package muster

import (
	"errors"
	"fmt"
	"math"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/musterhq/muster/record"
	"github.com/musterhq/muster/swim"
	"github.com/musterhq/muster/wire"
)

// plane drives the record core as the node drives that of the membership: by
// whoever has something for it, under a lock of its own, which may be taken
// with Node.mu held and not the other way round. There is no core before
// somebody, here or elsewhere, has a record: an idle cluster pays nothing.
type plane struct {
	n    *Node
	used atomic.Bool // there is a core
	held atomic.Bool // it takes in no messages, as too many wait for the application

	mu       sync.Mutex
	core     *record.Core
	timer    *time.Timer
	armed    time.Time
	sealed   []byte
	watchers []*recordWatcher
	waits    map[uint64]*Publication
	room     chan struct{} // closed when messages have been acknowledged
	closed   bool
}

func (p *plane) init(n *Node) {
	p.n, p.waits = n, make(map[uint64]*Publication)
	p.timer = time.NewTimer(math.MaxInt64)
	p.room = make(chan struct{})
}

// start makes the core, if there is none yet.
func (p *plane) start() error {
	if p.used.Load() {
		return nil
	}
	n := p.n
	n.mu.Lock()
	defer n.mu.Unlock()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.core != nil {
		return nil
	}
	if p.closed {
		return ErrClosed
	}
	if n.cfg.NoRecords {
		return ErrNoRecords
	}
	core, err := record.New(time.Now(), n.cfg.records(n.codec.Overhead(), n.core.Local().ID))
	if err != nil {
		return fmt.Errorf("records: %w", err)
	}
	p.core = core
	for m := range n.core.Members {
		p.noticed(time.Now(), &m)
	}
	p.finish()
	p.used.Store(true)
	return nil
}

// records completes the configuration of the record plane.
func (c *Config) records(overhead int, seed uint64) record.Config {
	r := c.Records
	r.Name, r.Seed = c.Name, seed
	if r.Generation == 0 {
		r.Generation = uint64(time.Now().UnixNano())
	}
	r.PacketSize = min(c.PacketSize, udpMax) - overhead
	return r
}

// noticed takes in what is known of a member, with the lock held.
func (p *plane) noticed(now time.Time, m *Member) {
	switch {
	case m.Name == p.n.cfg.Name:
	case m.State > Suspect:
		p.core.PeerDown(now, m.Name)
	case m.Caps&wire.CapRecord != 0:
		p.core.PeerUp(now, m.Name, m.Addr)
	}
}

// members takes events of the membership in, with Node.mu held.
func (p *plane) members(events []swim.Event) {
	if !p.used.Load() || len(events) == 0 {
		return
	}
	p.turn(func(now time.Time) {
		for i := range events {
			switch e := &events[i]; e.Kind {
			case swim.EventForgotten:
				p.core.Forget(now, e.Member.Name)
			case swim.EventJoin, swim.EventUpdate, swim.EventLeave, swim.EventCaps, swim.EventRecover:
				p.noticed(now, &e.Member)
			}
		}
	})
}

// do starts the plane if need be, and gives f its core.
func (p *plane) do(f func(now time.Time)) error {
	if p.n.ctx.Err() != nil {
		return ErrClosed
	}
	if err := p.start(); err != nil {
		return err
	}
	if after := p.turn(f); after != nil {
		after()
	}
	return nil
}

// turn hands the core to f, does what is due, and acts on the outcome. What it
// returns is to be called without any lock held, unless the caller holds
// Node.mu: then nothing must come of it but what a later turn repeats.
func (p *plane) turn(f func(now time.Time)) (after func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.core == nil || p.closed {
		return nil
	}
	now := time.Now()
	if f != nil {
		f(now)
	}
	if d, ok := p.core.Deadline(); ok && !d.After(now) {
		p.core.Tick(now)
	}
	return p.finish()
}

// finish does what the core wants done and sets the timer.
func (p *plane) finish() (after func()) {
	rd := p.core.Ready()
	for i := range rd.Packets {
		p.write(&rd.Packets[i])
	}
	for _, s := range rd.Streams {
		p.n.work.Go(func() { p.exchange(s) })
	}
	detached := p.publish(rd.Events)
	for i := range rd.Messages {
		p.n.published(&rd.Messages[i])
	}
	p.ended(rd.Done, nil)
	p.ended(rd.Expired, ErrExpired)
	if d, ok := p.core.Deadline(); ok && !d.Equal(p.armed) {
		p.armed = d
		p.timer.Reset(time.Until(d))
	}
	if len(rd.Messages) > 0 {
		p.hold()
	}
	if len(detached) == 0 {
		return nil
	}
	return func() {
		for _, owner := range detached {
			p.n.metaArrived(owner)
		}
	}
}

// hold stops the core from taking in published messages while many wait for the
// application. They stay with their publishers, who in the end have to wait.
func (p *plane) hold() {
	if !p.n.calls.crowded() || p.held.Swap(true) {
		return
	}
	p.core.Hold(time.Now(), true)
	if !p.n.calls.crowded() && p.held.Swap(false) { // they were gone before it was said
		p.core.Hold(time.Now(), false)
		p.timer.Reset(0)
	}
}

// release is called when the application has caught up.
func (p *plane) release() {
	if !p.held.Load() || !p.held.Swap(false) {
		return
	}
	if after := p.turn(func(now time.Time) { p.core.Hold(now, false) }); after != nil {
		after()
	}
}

func (p *plane) tick() {
	if after := p.turn(nil); after != nil {
		after()
	}
}

func (p *plane) write(rp *record.Packet) {
	c := &p.n.counts
	b, err := p.n.codec.Seal(p.sealed[:0], rp.Data, true)
	p.sealed = b
	if err == nil {
		err = p.n.transport.WritePacketTo(b, rp.To, rp.Name)
	}
	if err != nil {
		c.sendErrors.Add(1) // what is lost is repaired
		return
	}
	c.packetsSent.Add(1)
	c.bytesSent.Add(uint64(len(b)))
}

// packet takes in one of type TypeRecord.
func (p *plane) packet(from netip.AddrPort, msg []byte) {
	var err error
	if e := p.do(func(now time.Time) { err = p.core.Step(now, from, msg) }); e != nil {
		return // closed
	}
	if errors.Is(err, record.ErrMalformed) { // anything else is in the Stats, and repaired
		p.n.complain("record dropped", from, err)
	}
}

// serve answers a request of type TypeRecordStream.
func (p *plane) serve(from netip.AddrPort, msg []byte) (reply []byte, err error) {
	if e := p.do(func(now time.Time) { reply, err = p.core.Serve(now, from, msg) }); e != nil {
		return nil, e
	}
	return reply, err
}

// exchange does one stream that the core asked for.
func (p *plane) exchange(s record.Stream) {
	p.n.converse(s.To, s.Name, s.Deadline, s.Request, func(reply []byte, err error) (next []byte) {
		if e := p.do(func(now time.Time) { next = p.core.StreamDone(now, s.ID, reply, err) }); e != nil {
			return nil // closed meanwhile
		}
		return next
	})
}

func (p *plane) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	p.timer.Stop()
	for seq, w := range p.waits {
		delete(p.waits, seq)
		w.end(ErrClosed)
	}
	for _, w := range p.watchers {
		w.close()
	}
}

// publish hands changes to who watches, and returns the owners of metadata that
// has changed.
func (p *plane) publish(events []record.Event) (detached []string) {
	for i := range events {
		e := &events[i]
		if strings.HasPrefix(e.Key, reserved) {
			if e.Key == metaKey && e.Owner != p.n.cfg.Name {
				detached = append(detached, e.Owner)
			}
			continue
		}
		for _, w := range p.watchers {
			w.push(e)
		}
	}
	return detached
}

// ErrNoRecords is returned by a node that Config.NoRecords keeps out of them.
var ErrNoRecords = errors.New("records are switched off at this node")

// reserved begins the keys that are muster's own.
const reserved = "\x00"

// errReserved is returned for such a key. Nothing has changed.
var errReserved = errors.New("keys that begin with a zero byte are muster's own")

package muster

import (
	"sync"
	"time"

	"github.com/musterhq/muster/swim"
)

// call is one thing to tell the application.
type call struct {
	event   *Event
	ping    *swim.Event
	accused *swim.Event
	ask     *swim.Ask
	state   *swim.UserState
	flush   chan struct{} // closed when everything before has been told
	message Message       // if none of the above
}

// dispatcher calls the application, one call at a time, in order, from one
// goroutine, which starts with the first and ends when there has been none for
// a while. What waits is bounded: events are folded, messages beyond the bound are dropped if they
// came by packet, or wait with their stream.
type dispatcher struct {
	node *Node

	mu       sync.Mutex
	work     chan struct{} // wakes the goroutine
	queue    []call
	spare    []call // the goroutine's, swapped with queue
	events   int
	foldAt   int
	messages int
	bytes    int
	waiting  []held // messages that came over streams, until there is room
	states   int    // bytes of user states
	most     int    // messages that may wait
	answered uint64 // questions
	running  bool
	closed   bool
}

const (
	messagesMax = 4096
	messageRoom = 32 << 20  // bytes
	statesRoom  = 128 << 20 // bytes
)

func (d *dispatcher) init(n *Node) {
	d.node, d.foldAt = n, eventQueueMax
	if d.most = n.cfg.MessageQueue; d.most == 0 {
		d.most = messagesMax
	}
	d.work = make(chan struct{}, 1)
}

func (d *dispatcher) close() {
	d.mu.Lock()
	d.closed, d.queue, d.waiting = true, nil, nil
	d.mu.Unlock()
	d.signal()
}

// push queues a call with the lock held.
func (d *dispatcher) push(c call) {
	if d.closed {
		return
	}
	d.queue = append(d.queue, c)
	if !d.running {
		d.running = true
		go d.run()
	}
	d.signal()
}

func (d *dispatcher) publish(events []Event) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for i := range events {
		d.push(call{event: &events[i]})
	}
	if d.events += len(events); d.events > d.foldAt {
		d.fold()
	}
}

// fold shortens the events that wait, in their order among themselves.
func (d *dispatcher) fold() {
	var events []Event
	rest := d.queue[:0:0]
	for _, c := range d.queue {
		if c.event != nil {
			events = append(events, *c.event)
		} else {
			rest = append(rest, c)
		}
	}
	folded := foldEvents(events)
	d.queue = make([]call, 0, len(folded)+len(rest))
	for i := range folded {
		d.queue = append(d.queue, call{event: &folded[i]})
	}
	d.queue = append(d.queue, rest...)
	d.events, d.foldAt = len(folded), max(eventQueueMax, 2*len(folded))
}

func (d *dispatcher) pinged(e swim.Event) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.queue) < d.most { // one more round-trip time is no loss
		d.push(call{ping: &e})
	}
}

func (d *dispatcher) accused(e swim.Event) {
	if d.node.cfg.OnAccused == nil {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.queue) < d.most {
		d.push(call{accused: &e})
	}
}

// state queues the other side's user state. What does not fit is dropped, and
// comes again with the next exchange.
func (d *dispatcher) state(s swim.UserState) {
	if d.node.cfg.MergeState == nil {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.states > 0 && d.states+len(s.Data) > statesRoom {
		d.node.counts.messagesDropped.Add(1)
		return
	}
	d.states += len(s.Data)
	d.push(call{state: &s})
}

// flush returns a channel that is closed when all that waits has been told, nil
// if nothing does or ever will.
func (d *dispatcher) flush() (done chan struct{}, answered uint64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed || !d.running {
		return nil, d.answered
	}
	done = make(chan struct{})
	d.push(call{flush: done})
	return done, d.answered
}

func (d *dispatcher) ask(a swim.Ask) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.push(call{ask: &a})
}

// message queues one that came by packet, or counts it as dropped.
func (d *dispatcher) message(m Message) {
	if !d.node.wanted("") {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.full(len(m.Payload)) {
		d.node.counts.messagesDropped.Add(1)
		return
	}
	d.accept(m)
}

// full says whether size more bytes would be too much; one message always fits.
func (d *dispatcher) full(size int) bool {
	return d.messages >= d.most || d.messages > 0 && d.bytes+size > messageRoom
}

func (d *dispatcher) accept(m Message) {
	d.messages++
	d.bytes += len(m.Payload)
	d.push(call{message: m})
}

func (d *dispatcher) signal() {
	select {
	case d.work <- struct{}{}:
	default: // it will look anyway
	}
}

const (
	callsKeep = 32          // calls whose memory is kept between batches
	linger    = time.Second // how long the goroutine waits for more
)

// run calls the application until there has been nothing to say for a while.
func (d *dispatcher) run() {
	idle := time.NewTimer(linger)
	defer idle.Stop()
	for waited := false; ; {
		batch, end := d.take(waited)
		if end {
			return
		}
		waited = false
		if len(batch) == 0 {
			idle.Reset(linger)
			select {
			case <-d.work:
			case <-idle.C:
				waited = true
			}
			continue
		}
		for i := range batch {
			if d.node.ctx.Err() != nil {
				return
			}
			d.call(&batch[i])
		}
		d.give(batch)
	}
}

// take returns the calls that wait; end tells the goroutine to go, because the
// node is closed or there were none for long enough.
func (d *dispatcher) take(waited bool) (batch []call, end bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed || waited && len(d.queue) == 0 {
		d.running = false
		return nil, true
	}
	if len(d.queue) > 0 {
		batch, d.queue, d.spare = d.queue, d.spare, nil
		d.events, d.foldAt = 0, eventQueueMax
	}
	return batch, false
}

// give takes a batch's memory back, unless a burst made it large.
func (d *dispatcher) give(batch []call) {
	if cap(batch) > callsKeep {
		return
	}
	clear(batch)
	d.mu.Lock()
	d.spare = batch[:0]
	d.mu.Unlock()
}

func (d *dispatcher) call(c *call) {
	cfg := &d.node.cfg
	switch {
	case c.event != nil:
		cfg.OnEvent(*c.event)
	case c.ping != nil:
		cfg.OnPing(c.ping.Member, c.ping.RTT, c.ping.Payload)
	case c.accused != nil:
		cfg.OnAccused(c.accused.From, c.accused.As)
	case c.state != nil:
		d.mu.Lock()
		d.states -= len(c.state.Data)
		d.mu.Unlock()
		cfg.MergeState(c.state.Data, c.state.Join)
	case c.flush != nil:
		close(c.flush)
	case c.ask != nil:
		d.answer(c.ask)
	default:
		d.makeRoom(len(c.message.Payload))
		d.node.inform(c.message)
	}
}

// answer puts a question of the core to the application.
func (d *dispatcher) answer(a *swim.Ask) {
	d.mu.Lock()
	d.answered++
	d.mu.Unlock()
	cfg := &d.node.cfg
	var veto error
	switch a.Kind {
	case swim.AskAlive:
		veto = cfg.VetAlive(a.Members[0])
	case swim.AskMerge:
		veto = cfg.VetMerge(a.Members)
	case swim.AskBroadcasts:
		d.collect(a)
		return
	case swim.AskTargets:
		d.selectTargets(a)
		return
	}
	n := d.node
	if err := n.do(func(now time.Time) { n.core.Answer(now, a.ID, veto) }); err != nil {
		return // closed: nobody waits for the answer
	}
}

// collect asks for the application's broadcasts, for one target after the other
// until there are none. memberlist asks so too, and TransmitLimitedQueue counts
// one transmission for each time.
func (d *dispatcher) collect(a *swim.Ask) {
	var msgs [][][]byte
	for len(msgs) < a.Targets {
		m := d.node.cfg.Broadcasts(a.Limit)
		if len(m) == 0 {
			break
		}
		msgs = append(msgs, m)
	}
	n := d.node
	if err := n.do(func(now time.Time) { n.core.AnswerBroadcasts(now, a.ID, msgs) }); err != nil {
		return // closed: nobody waits for the answer
	}
}

func (d *dispatcher) selectTargets(a *swim.Ask) {
	selected, preferred := d.node.cfg.SelectTargets(a.Members)
	names, first := make([]string, 0, len(selected)), ""
	for i := range selected {
		names = append(names, selected[i].Name)
	}
	if preferred != nil {
		first = preferred.Name
	}
	n := d.node
	if err := n.do(func(now time.Time) { n.core.AnswerTargets(now, a.ID, names, first) }); err != nil {
		return // closed: nobody waits for the answer
	}
}

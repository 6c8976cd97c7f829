package muster

import "slices"

// held is a message that came over a stream and waits until there is room for
// it among those that wait for the application.
type held struct {
	Message
	taken *taken        // of a link; others have
	kept  chan struct{} // to be closed
}

// offer queues a message that came over a stream. When there is no room, or
// others wait for it already, it waits; its link or channel is told later. It
// tells whether the message is kept now.
func (d *dispatcher) offer(h held) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed || h.taken != nil && h.taken.link.retired {
		return false
	}
	if len(d.waiting) == 0 && !d.full(len(h.Payload)) {
		d.accept(h.Message)
		return true
	}
	d.waiting = append(d.waiting, h)
	return false
}

// force queues a message whether there is room or not.
func (d *dispatcher) force(m Message) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.accept(m)
}

// crowded says whether so many messages wait that no more should come.
func (d *dispatcher) crowded() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.messages > d.most/2 || d.bytes > messageRoom/2
}

// makeRoom takes a message of that size off the count, and keeps those that
// wait and now have room.
func (d *dispatcher) makeRoom(size int) {
	d.mu.Lock()
	d.messages--
	d.bytes -= size
	var kept []held
	for len(d.waiting) > 0 && !d.full(len(d.waiting[0].Payload)) {
		kept = append(kept, d.waiting[0])
		d.accept(d.waiting[0].Message)
		d.waiting = slices.Delete(d.waiting, 0, 1)
	}
	caughtUp := d.messages <= d.most/4
	d.mu.Unlock()
	if caughtUp {
		d.node.plane.release()
	}
	for _, h := range kept {
		if h.taken != nil {
			d.node.acknowledge(h.taken)
		} else {
			close(h.kept)
		}
	}
}

// withdraw forgets a message that waits.
func (d *dispatcher) withdraw(t *taken) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.waiting = slices.DeleteFunc(d.waiting, func(h held) bool { return h.taken == t })
}

// retire forgets what waits of a link, and takes nothing more of it.
func (d *dispatcher) retire(l *servedLink) {
	d.mu.Lock()
	defer d.mu.Unlock()
	l.retired = true
	d.waiting = slices.DeleteFunc(d.waiting, func(h held) bool { return h.taken != nil && h.taken.link == l })
}

// load returns how many messages wait for the application.
func (d *dispatcher) load() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.messages + len(d.waiting)
}

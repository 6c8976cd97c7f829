package muster

// enqueue drops the oldest packets of a peer to make room for the newest: they
// are the ones that are no longer news.
func (o *outgoing) enqueue(p *outPeer, b []byte) {
	size := frameHead + len(b)
	if o.waiting+size > totalQueue {
		o.t.counts.dropped.Add(1)
		return
	}
	for len(p.queue) > 0 && len(p.queue)+size > peerQueue {
		n := frameAt(p.queue)
		p.queue = p.queue[n:]
		o.waiting -= n
		o.t.counts.dropped.Add(1)
	}
	p.queue = appendFrame(p.queue, b)
	o.waiting += size
}

// drop empties a queue.
func (o *outgoing) drop(p *outPeer) {
	o.waiting -= len(p.queue)
	o.t.lost(p.queue)
	p.queue = nil
}

// lost counts packets that will not arrive.
func (t *TCPTransport) lost(frames []byte) {
	for len(frames) > 0 {
		frames = frames[frameAt(frames):]
		t.counts.dropped.Add(1)
	}
}

package muster

import (
	"net/netip"
	"sync/atomic"
	"time"
)

// TCPStats are the counters and gauges of a TCPTransport.
type TCPStats struct {
	StreamsOut      int    `json:"streams_out"`      // that packets leave by
	StreamsIn       int    `json:"streams_in"`       // that packets come by
	PacketsDropped  uint64 `json:"packets_dropped"`  // could not be sent soon
	StreamsOpened   uint64 `json:"streams_opened"`   // for packets
	OpenFailed      uint64 `json:"open_failed"`      // of these, or found out to be of no use
	StreamsEvicted  uint64 `json:"streams_evicted"`  // closed to keep within the bounds
	GreetingsFailed uint64 `json:"greetings_failed"` // came in and were refused, mostly by TLS
	CertsLoaded     uint64 `json:"certs_loaded"`     // TLS: new certificates taken into use
	CertsRefused    uint64 `json:"certs_refused"`    // TLS: new files that were of no use; the old ones serve on
	Revoked         uint64 `json:"revoked"`          // TLS: streams closed as their peer's CA was taken away

	CertExpires time.Time `json:"cert_expires,omitzero"` // TLS: the end of this member's certificate
}

type tcpCounters struct {
	dropped, opened, openFailed, evicted, greetingsFailed atomic.Uint64
	loaded, refused, revoked                              atomic.Uint64
}

// Stats returns the transport's counters.
func (t *TCPTransport) Stats() TCPStats {
	c := &t.counts
	var expires time.Time
	if t.secure != nil {
		expires = t.secure.id.Load().leaf.NotAfter
	}
	return TCPStats{
		CertExpires: expires,
		StreamsOut:  t.out.len(), StreamsIn: t.incoming.len(),
		PacketsDropped: c.dropped.Load(), StreamsOpened: c.opened.Load(), OpenFailed: c.openFailed.Load(),
		StreamsEvicted: c.evicted.Load(), GreetingsFailed: c.greetingsFailed.Load(),
		CertsLoaded: c.loaded.Load(), CertsRefused: c.refused.Load(), Revoked: c.revoked.Load(),
	}
}

// len counts the streams that are open.
func (o *outgoing) len() (n int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, p := range o.peers {
		if p.conn != nil {
			n++
		}
	}
	return n
}

// pace bounds how often something is logged.
type pace struct {
	last       atomic.Int64 // unix nanoseconds
	suppressed atomic.Uint64
}

// complain logs what others can cause, so at most a few times a second.
func (t *TCPTransport) complain(what string, peer netip.AddrPort, err error) {
	const gap = 200 * time.Millisecond
	now, last := time.Now().UnixNano(), t.pace.last.Load()
	if now-last < int64(gap) || !t.pace.last.CompareAndSwap(last, now) {
		t.pace.suppressed.Add(1)
		return
	}
	t.log.Warn(what, "peer", peer, "err", err, "suppressed", t.pace.suppressed.Swap(0))
}

package muster

import (
	"fmt"
	"log/slog"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/musterhq/muster/swim"
)

// counters are written by any goroutine.
type counters struct {
	packetsSent, packetsReceived   atomic.Uint64
	bytesSent, bytesReceived       atomic.Uint64
	sendErrors, malformed          atomic.Uint64
	streamErrors, streamsRefused   atomic.Uint64
	messagesSent, messagesReceived atomic.Uint64
	messagesDropped, logged        atomic.Uint64
	requestsSent, requestsServed   atomic.Uint64
	requestsRefused                atomic.Uint64
	lastComplaint                  atomic.Int64
}

// Stats are a node's counters since its start, and gauges.
type Stats struct {
	swim.Stats

	PacketsSent      uint64 `json:"packets_sent"`
	PacketsReceived  uint64 `json:"packets_received"`
	BytesSent        uint64 `json:"bytes_sent"` // of UDP payload
	BytesReceived    uint64 `json:"bytes_received"`
	SendErrors       uint64 `json:"send_errors"`
	PacketsMalformed uint64 `json:"packets_malformed"` // could not be opened
	StreamErrors     uint64 `json:"stream_errors"`
	StreamsRefused   uint64 `json:"streams_refused"`
	MessagesSent     uint64 `json:"messages_sent"` // by Send
	MessagesReceived uint64 `json:"messages_received"`
	MessagesDropped  uint64 `json:"messages_dropped"` // the application could not keep up
	RequestsSent     uint64 `json:"requests_sent"`    // and answered
	RequestsServed   uint64 `json:"requests_served"`
	RequestsRefused  uint64 `json:"requests_refused"` // and messages: there was no room

	MessageStreams  int `json:"message_streams"`  // open, to and from peers
	CallsInFlight   int `json:"calls_in_flight"`  // sends and requests without an answer yet
	RequestsRunning int `json:"requests_running"` // in handlers
	RequestsWaiting int `json:"requests_waiting"` // for a handler
	MessagesWaiting int `json:"messages_waiting"` // for the application
}

// Stats returns the counters and gauges. After Close those of the protocol are
// zero.
func (n *Node) Stats() Stats {
	c := &n.counts
	s := Stats{
		PacketsSent: c.packetsSent.Load(), PacketsReceived: c.packetsReceived.Load(),
		BytesSent: c.bytesSent.Load(), BytesReceived: c.bytesReceived.Load(),
		SendErrors: c.sendErrors.Load(), PacketsMalformed: c.malformed.Load(),
		StreamErrors: c.streamErrors.Load(), StreamsRefused: c.streamsRefused.Load(),
		MessagesSent: c.messagesSent.Load(), MessagesReceived: c.messagesReceived.Load(), MessagesDropped: c.messagesDropped.Load(),
	}
	s.RequestsSent, s.RequestsServed, s.RequestsRefused = c.requestsSent.Load(), c.requestsServed.Load(), c.requestsRefused.Load()
	s.MessageStreams, s.CallsInFlight = n.streams.open()
	s.MessageStreams += n.served.open()
	s.RequestsRunning, s.RequestsWaiting = n.handlers.load()
	s.MessagesWaiting = n.calls.load()
	if err := n.do(func(time.Time) { s.Stats = n.core.Stats() }); err != nil {
		s.Stats = swim.Stats{} // the core is gone with the node
	}
	return s
}

// complain logs what came from the network and was of no use, at most a few
// times a second: an attacker must not fill the disk. Stats count them all.
func (n *Node) complain(what string, from netip.AddrPort, err error) {
	const pace = 200 * time.Millisecond
	now := time.Now().UnixNano()
	last := n.counts.lastComplaint.Load()
	if now-last < int64(pace) || !n.counts.lastComplaint.CompareAndSwap(last, now) {
		n.counts.logged.Add(1)
		return
	}
	n.log.Warn(what, "addr", from, "err", err, "suppressed", n.counts.logged.Swap(0))
}

// note logs what an operator wants to see of an event.
func (n *Node) note(e *Event) {
	m := e.Member
	level := slog.LevelDebug
	if e.Kind == MemberSuspected || e.Kind.Gone() {
		level = slog.LevelInfo
	}
	if e.Kind != MemberConflict && !n.log.Enabled(n.ctx, level) {
		return
	}
	switch e.Kind {
	case MemberConflict:
		n.complain("another address claims the name of a member", m.Addr, fmt.Errorf("%w: %q", swim.ErrConflict, m.Name))
	case MemberSuspected:
		n.log.Info("member suspected", "member", m.Name, "addr", m.Addr, "by", e.From)
	case MemberLeft, MemberFailed:
		n.log.Info("member "+e.Kind.String(), "member", m.Name, "addr", m.Addr, "by", e.From, "confirmations", e.Confirmations)
	default:
		n.log.Debug("member "+e.Kind.String(), "member", m.Name, "addr", m.Addr, "incarnation", m.Incarnation)
	}
}

// remark logs what concerns how members are watched, not who is one.
func (n *Node) remark(e *swim.Event) {
	m := &e.Member
	switch e.Kind {
	case swim.EventAccused:
		n.log.Info("refuting", "of", e.As.String(), "by", e.From)
	case swim.EventSilent:
		n.log.Debug("no direct answer, asking others", "member", m.Name, "addr", m.Addr)
	case swim.EventStreamOnly:
		n.log.Warn("member answers over a stream but not by packets", "member", m.Name, "addr", m.Addr, "hint", "is UDP let through both ways?")
	}
}

package muster

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"time"

	"github.com/musterhq/muster/swim"
	"github.com/musterhq/muster/wire"
)

const (
	// inboundMax bounds the streams served at a time; memberlist's bound for
	// push/pulls, of which thousands at once once exhausted a server's memory.
	inboundMax = 128
	// keptMax bounds the streams that muster peers keep open.
	keptMax = 1024
	// idleStream is how long a peer may keep a stream open for its next message.
	idleStream = time.Minute
)

var errTooManyStreams = errors.New("too many streams at a time")

// acceptStreams serves each stream in a goroutine of its own.
func (n *Node) acceptStreams() {
	for {
		conn, err := n.transport.Accept()
		switch {
		case n.ctx.Err() != nil || errors.Is(err, net.ErrClosed):
			if err == nil {
				n.hangUp(conn)
			}
			return
		case err != nil:
			n.complain("accepting streams", netip.AddrPort{}, err)
			n.pause(errorPause)
			continue
		}
		select {
		case n.inbound <- struct{}{}:
			n.work.Go(func() { n.serve(conn) })
		default:
			n.counts.streamsRefused.Add(1)
			n.complain("stream refused", remote(conn), errTooManyStreams)
			n.hangUp(conn)
		}
	}
}

// hangUp closes a stream. What its peer has not read by then it will ask for
// again; there is nothing to do about an error.
func (n *Node) hangUp(conn net.Conn) {
	if err := conn.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
		n.log.Debug("closing a stream", "from", remote(conn), "err", err)
	}
}

func remote(conn net.Conn) netip.AddrPort {
	if a, err := netip.ParseAddrPort(conn.RemoteAddr().String()); err == nil {
		return netip.AddrPortFrom(a.Addr().Unmap(), a.Port())
	}
	return netip.AddrPort{}
}

// serve answers what comes in over one stream: one request from a memberlist
// peer, messages and requests for as long as it likes from a muster peer.
func (n *Node) serve(conn net.Conn) {
	defer context.AfterFunc(n.ctx, func() { n.hangUp(conn) })()
	from := remote(conn)
	r := bufio.NewReader(conn)
	s := served{n: n, conn: conn, r: r, from: from, slot: true}
	defer s.release()
	defer s.close()
	err := s.deadline(n.cfg.StreamTimeout)
	if err == nil {
		err = n.codec.ReadLabel(r)
	}
	for err == nil && n.ctx.Err() == nil {
		err = s.next()
	}
	if err != nil && err != io.EOF && n.ctx.Err() == nil {
		n.counts.streamErrors.Add(1)
		n.complain("stream", from, err)
	}
}

// close hangs up, unless something else serves the stream now.
func (s *served) close() {
	if !s.moved {
		s.n.hangUp(s.conn)
	}
}

// served is one incoming stream.
type served struct {
	n        *Node
	conn     net.Conn
	r        *bufio.Reader
	from     netip.AddrPort
	out      []byte // buffer, used again
	slot     bool   // counted in Node.inbound
	rounds   int    // of a sync
	received uint32 // user messages
	moved    bool   // it carries a link
}

func (s *served) deadline(d time.Duration) error { return s.conn.SetDeadline(time.Now().Add(d)) }

// next serves one message; io.EOF ends the stream without complaint.
func (s *served) next() error {
	msg, err := s.n.codec.ReadStreamMessage(s.r, wire.MaxStreamMessage)
	if err != nil {
		if errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) || s.received > 0 {
			return io.EOF // also when a peer was slow to hang up
		}
		return errors.Join(err, s.refuse(err))
	}
	switch wire.Type(msg[0]) {
	case wire.TypeUser:
		return s.user(msg)
	case wire.TypeMessage:
		return s.messages(msg)
	case wire.TypeRecordStream:
		return s.records(msg)
	}
	var reply []byte
	if e := s.n.do(func(now time.Time) { reply, err = s.n.core.Serve(now, s.from, msg) }); e != nil {
		return io.EOF
	}
	if reply == nil {
		return ignoreToEOF(err)
	}
	if wire.Type(reply[0]) == wire.TypePushPull {
		var h wire.PushPullHeader
		if e := h.Decode(msg[1:]); e == nil { // the core has understood it before
			reply, e = s.n.withLocalState(reply, h.Join)
			err = errors.Join(err, e)
		}
	}
	if err := s.write(reply); err != nil {
		return err
	}
	if err == nil && wire.Type(msg[0]) == wire.TypeSync && s.rounds < swim.SyncRounds {
		s.rounds++
		return nil // until the peer is done, or the time is over
	}
	return ignoreToEOF(err)
}

// records answers a request for records. The peer may have another one.
func (s *served) records(msg []byte) error {
	reply, err := s.n.plane.serve(s.from, msg)
	if err != nil {
		return err
	}
	if reply == nil {
		return io.EOF
	}
	if err := s.write(reply); err != nil {
		return err
	}
	return s.deadline(s.n.cfg.StreamTimeout)
}

// ignoreToEOF ends a stream quietly unless there is something to complain about.
func ignoreToEOF(err error) error {
	if err == nil || errors.Is(err, swim.ErrIgnored) {
		return io.EOF
	}
	return err
}

func (s *served) write(msg []byte) error {
	b, err := s.n.stream(s.out[:0], msg)
	if err != nil {
		return err
	}
	if s.out = b; cap(b) > packetMax {
		s.out = nil
	}
	_, err = s.conn.Write(b)
	return err
}

// stream frames a message. Only a large one is compressed: LZW costs a member's
// processor more than some kilobytes cost the network. The states of a sync are
// much alike, so that it gains more there.
func (n *Node) stream(dst, msg []byte) ([]byte, error) {
	least := compressMin
	if wire.Type(msg[0]) == wire.TypeSync {
		least = compressSync
	}
	if len(msg) < least {
		return n.plain.AppendStreamMessage(dst, msg)
	}
	return n.codec.AppendStreamMessage(dst, msg)
}

const (
	compressMin  = 64 << 10
	compressSync = 4 << 10
)

// refuse tells the peer why, as memberlist does, without any detail of ours.
func (s *served) refuse(err error) error {
	if errors.Is(err, wire.ErrLabel) || errors.Is(err, net.ErrClosed) {
		return nil
	}
	e := wire.Error{Error: "request not understood"}
	return s.write(e.Append(nil))
}

// user delivers a message that came memberlist's way. A peer that says it is
// muster gets an ack once the message is really kept for the application.
func (s *served) user(msg []byte) error {
	h, payload, err := wire.DecodeUserStream(msg[1:])
	if err != nil {
		return fmt.Errorf("user message: %w", err)
	}
	if len(payload) > 0 && !s.n.deliverPlain(Message{From: s.from, Payload: payload, Reliable: true}) {
		return io.EOF
	}
	s.n.counts.messagesReceived.Add(1)
	if h.Caps&wire.CapMuster == 0 {
		return io.EOF
	}
	s.received++
	ack := wire.Ack{SeqNo: s.received, Caps: wire.CapMuster}
	if err := s.deadline(s.n.cfg.StreamTimeout); err != nil {
		return err
	}
	return s.write(ack.Append(nil))
}

func (s *served) release() {
	if s.slot {
		s.slot = false
		<-s.n.inbound
	}
}

// exchange does one stream that the core asked for.
func (n *Node) exchange(st swim.Stream) {
	began, received, fault := time.Now(), 0, error(nil)
	if st.Kind != swim.StreamPing {
		n.log.Debug("exchange of states begins", "addr", st.To, "member", st.Name)
	}
	if st.Kind == swim.StreamPushPull {
		st.Request, fault = n.withLocalState(st.Request, st.Join)
	}
	if fault != nil {
		n.complain("exchange of states without the application's", st.To, fault)
	}
	n.converse(st.To, st.Name, st.Deadline, st.Request, func(reply []byte, err error) (next []byte) {
		received, fault = received+len(reply), err
		if e := n.do(func(now time.Time) { next = n.core.StreamDone(now, st.ID, reply, err) }); e != nil {
			return nil // closed meanwhile
		}
		return next
	})
	if st.Kind != swim.StreamPing {
		n.exchanged(&st, time.Since(began), received, fault)
	}
	if st.Reconnect {
		n.refreshSeeds(n.ctx)
	}
}

// converse opens a stream, sends msg and, in turn with the answers, which it
// gives to done, what that still has to say. An error ends it.
func (n *Node) converse(to netip.AddrPort, name string, deadline time.Time, msg []byte, done func([]byte, error) []byte) {
	ctx, cancel := context.WithDeadline(n.ctx, deadline)
	defer cancel()
	conn, r, err := n.open(ctx, to, name)
	if err == nil {
		defer n.hangUp(conn)
		defer context.AfterFunc(ctx, func() { n.hangUp(conn) })()
	}
	for head := n.codec.AppendLabelHeader(nil); msg != nil; head = nil {
		var reply []byte
		if err == nil {
			reply, err = n.request(conn, r, head, msg)
		}
		msg = done(reply, err)
	}
}

// exchanged reports an exchange of states that this node began. That it failed
// is for the log only if nobody waits for it.
func (n *Node) exchanged(st *swim.Stream, took time.Duration, received int, err error) {
	if f := n.cfg.OnExchange; f != nil {
		f(st.To, took, received, err)
	}
	if err != nil && !st.Join && !st.Reconnect && n.ctx.Err() == nil {
		n.complain("exchange of states failed", st.To, err)
	}
}

// withLocalState adds the application's own state to a push/pull.
func (n *Node) withLocalState(msg []byte, join bool) ([]byte, error) {
	if n.cfg.LocalState == nil || wire.Type(msg[0]) != wire.TypePushPull {
		return msg, nil
	}
	state := n.cfg.LocalState(join)
	if len(state) == 0 {
		return msg, nil
	}
	with, err := wire.WithUserState(msg, state)
	if err != nil {
		return msg, fmt.Errorf("the application's state stays here: %w", err)
	}
	return with, nil
}

// request sends one message, behind head, and reads the answer.
func (n *Node) request(conn net.Conn, r *bufio.Reader, head, msg []byte) ([]byte, error) {
	b, err := n.stream(head, msg)
	if err != nil {
		return nil, err
	}
	if _, err := conn.Write(b); err != nil {
		return nil, err
	}
	return n.codec.ReadStreamMessage(r, wire.MaxStreamMessage)
}

// open dials, with the context's deadline on everything that follows.
func (n *Node) open(ctx context.Context, to netip.AddrPort, name string) (net.Conn, *bufio.Reader, error) {
	conn, err := n.transport.DialTo(ctx, to, name)
	if err != nil {
		return nil, nil, err
	}
	if d, ok := ctx.Deadline(); ok {
		if err := conn.SetDeadline(d); err != nil {
			return nil, nil, errors.Join(err, conn.Close())
		}
	}
	return conn, bufio.NewReader(conn), nil
}

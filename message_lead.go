package muster

import (
	"context"
	"errors"
	"time"

	"github.com/musterhq/muster/wire"
)

// Somebody must read the answers of a link. Having a goroutine do so and wake
// the caller takes as long as the round trip itself, on loopback. So a caller
// that finds nobody reading reads himself, until he has his answer. When others
// are waiting then, or something takes longer, a goroutine goes on. It also
// watches a link on which nothing is under way, but only once that has lasted:
// the peer's closing is noticed, and the next message takes a new stream.

// reading is who reads a link, under its lock.
type reading struct {
	reader readerKind
	leader *pending // of byCaller
	linger *time.Timer
	armed  bool   // the timer
	seen   uint64 // last ID when it was armed, or looked at
	used   time.Time
}

type readerKind uint8

const (
	nobody readerKind = iota
	byCaller
	byGoroutine
)

// lingering is how long nobody reads a link that is not used.
const lingering = 5 * time.Millisecond

// lead reads until the call is answered or given up.
func (l *link) lead(ctx context.Context, c *pending) error {
	if ctx.Done() != nil {
		defer context.AfterFunc(ctx, func() { l.interrupt(c) })()
	}
	if c.frame.Kind == wire.FrameSend {
		c.sent = time.Now()
	}
	for {
		begun, err := l.in.await()
		switch {
		case err != nil:
			l.end(err)
			<-c.done
			return l.outcome(c)
		case begun && !l.in.whole():
			l.step(c) // waiting for the rest could not be interrupted
			return l.follow(ctx, c)
		case begun:
			err = l.one()
		default:
			if why := l.over(ctx, c); why != nil {
				why = l.abandon(c, why)
				l.step(c)
				return why
			}
			err = l.look()
		}
		if err != nil {
			l.end(err)
			<-c.done
			return l.outcome(c)
		}
		select {
		case <-c.done:
			l.step(c)
			return l.outcome(c)
		default:
		}
	}
}

// over tells why a call is to be given up.
func (l *link) over(ctx context.Context, c *pending) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if c.frame.Kind == wire.FrameSend && time.Since(c.sent) >= l.n.cfg.StreamTimeout && l.patient(c) <= 0 {
		return ErrNoAck
	}
	return nil
}

// interrupt makes a caller that reads look up. One that has ended meanwhile
// must not disturb who reads now.
func (l *link) interrupt(c *pending) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.leader == c {
		_ = l.in.conn.SetReadDeadline(time.Now()) // the stream has failed otherwise
	}
}

// step ends a caller's reading.
func (l *link) step(c *pending) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.leader == c {
		l.passOn()
	}
}

// passOn ends the reading of whoever did, and has a goroutine go on if somebody
// waits for an answer.
func (l *link) passOn() {
	l.leader, l.reader = nil, nobody
	switch {
	case l.err != nil:
	case len(l.calls) > 0:
		l.reader = byGoroutine
		l.n.work.Go(l.read)
	case !l.armed:
		l.armed, l.seen, l.used = true, l.last, time.Now()
		if l.linger == nil {
			l.linger = time.AfterFunc(lingering, l.watch)
		} else {
			l.linger.Reset(lingering)
		}
	}
}

// watch has a goroutine read a link that has not been used for a while.
func (l *link) watch() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.armed = false
	switch {
	case l.err != nil || l.reader != nobody:
	case l.last != l.seen:
		l.armed, l.seen, l.used = true, l.last, time.Now()
		l.linger.Reset(lingering)
	default:
		l.reader = byGoroutine
		l.n.work.Go(l.read)
	}
}

// read is the goroutine's part: it ends when all that was under way is
// answered, and leaves the reading to the next caller.
func (l *link) read() {
	for {
		begun, err := l.in.await()
		switch {
		case err != nil:
		case begun:
			if err = l.one(); err == nil && l.resting() {
				return
			}
		default:
			err = l.look()
		}
		if err != nil {
			l.end(err)
			return
		}
	}
}

// resting ends the goroutine's reading if nothing is under way.
func (l *link) resting() bool {
	if l.in.r.Buffered() > 0 {
		return false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.calls) > 0 {
		return false
	}
	l.passOn()
	return true
}

// one takes one frame in.
func (l *link) one() error {
	var f wire.Frame
	if err := l.in.read(&f); err != nil {
		return err
	}
	return l.take(&f)
}

var (
	errIdle = errors.New("the stream was not needed any more")
	errDied = errors.New("the member has died")
)

// look ends a link that nobody has used for a while, and one to a member that
// is dead: a host that has vanished answers nothing, and its callers might
// wait for ever.
func (l *link) look() error {
	m, known := l.n.Member(l.to.name)
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.calls) > 0 || l.last != l.seen {
		l.seen, l.used = l.last, time.Now()
	}
	switch {
	case len(l.calls) == 0 && time.Since(l.used) >= pooledIdle:
		l.err = errIdle // so that no call begins any more
		return errIdle
	case len(l.calls) > 0 && known && m.Addr == l.to.addr && m.State == Dead:
		return errDied
	}
	return nil
}

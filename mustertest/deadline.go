package mustertest

import (
	"net"
	"time"
)

// deadline is that of a conn's reads or writes.
type deadline struct {
	at    time.Time
	timer *time.Timer
}

func (d *deadline) passed() bool { return !d.at.IsZero() && !time.Now().Before(d.at) }

// set has wake called when the time has come.
func (d *deadline) set(at time.Time, wake func()) {
	if d.timer != nil {
		d.timer.Stop()
		d.timer = nil
	}
	if d.at = at; !at.IsZero() && wake != nil {
		d.timer = time.AfterFunc(time.Until(at), wake)
	}
}

// SetDeadline implements net.Conn.
func (c *conn) SetDeadline(t time.Time) error { return c.setDeadlines(t, &c.readBy, &c.writeBy) }

// SetReadDeadline implements net.Conn.
func (c *conn) SetReadDeadline(t time.Time) error { return c.setDeadlines(t, &c.readBy) }

// SetWriteDeadline implements net.Conn.
func (c *conn) SetWriteDeadline(t time.Time) error { return c.setDeadlines(t, &c.writeBy) }

func (c *conn) setDeadlines(t time.Time, which ...*deadline) error {
	c.net.mu.Lock()
	defer c.net.mu.Unlock()
	if c.closed {
		return c.fail("set", net.ErrClosed)
	}
	for _, d := range which {
		d.set(t, c.wake)
	}
	return nil
}

// wake has those look who wait for a deadline.
func (c *conn) wake() {
	c.net.mu.Lock()
	defer c.net.mu.Unlock()
	c.in.woken.Broadcast()
	c.out.woken.Broadcast()
}

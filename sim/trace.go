package sim

import (
	"fmt"
	"io"
	"time"

	"github.com/musterhq/muster/swim"
	"github.com/musterhq/muster/wire"
)

// LineKind tells what a line of the trace is about.
type LineKind uint8

// The kinds of line.
const (
	LineNote    LineKind = iota // the simulator did something
	LinePacket                  // From sends To a packet
	LineStream                  // From opens a stream to To
	LineEvent                   // From's core reports an event about To
	LineMessage                 // From's application gets a message
)

// Line is one line of the trace.
type Line struct {
	At       time.Duration
	Kind     LineKind
	From, To string
	Text     string
}

// String writes the line as a trace shows it.
func (l Line) String() string {
	at := fmt.Sprintf("%.3fs", l.At.Seconds())
	switch l.Kind {
	case LinePacket:
		return fmt.Sprintf("%s %s->%s %s", at, l.From, l.To, l.Text)
	case LineStream:
		return fmt.Sprintf("%s %s=>%s %s", at, l.From, l.To, l.Text)
	case LineEvent, LineMessage:
		return fmt.Sprintf("%s %s: %s", at, l.From, l.Text)
	default:
		return at + " " + l.Text
	}
}

// WriteTrace makes a trace of what writes lines to w, until a write fails.
func WriteTrace(w io.Writer) func(Line) {
	failed := false
	return func(l Line) {
		if !failed {
			_, err := fmt.Fprintln(w, l)
			failed = err != nil
		}
	}
}

func (c *Cluster) note(format string, args ...any) {
	if c.opts.Trace != nil {
		c.opts.Trace(Line{At: c.Now(), Kind: LineNote, Text: fmt.Sprintf(format, args...)})
	}
}

// packet notes a packet on its way to an address, and what becomes of it.
func (c *Cluster) packet(n *node, addr int32, data []byte, note string) {
	if c.opts.Trace == nil {
		return
	}
	c.opts.Trace(Line{At: c.Now(), Kind: LinePacket, From: n.name, To: c.nameAt(addr), Text: Describe(data) + note})
}

// nameAt is the name of the node at an address, or the address.
func (c *Cluster) nameAt(addr int32) string {
	switch {
	case addr <= 0:
		return "nowhere"
	case c.owner[addr] == noNode:
		return c.addrs[addr].String()
	default:
		return c.nodes[c.owner[addr]].name
	}
}

func (c *Cluster) streamNote(n *node, st *stream, kind swim.StreamKind) {
	if c.opts.Trace != nil {
		text := describeStream(kind, st.data)
		c.opts.Trace(Line{At: c.Now(), Kind: LineStream, From: n.name, To: c.nameAt(st.to), Text: text})
	}
}

// answerNote notes the answer of a sync; that to others tells nothing.
func (c *Cluster) answerNote(n *node, st *stream, reply []byte) {
	if c.opts.Trace != nil && len(reply) > 0 && wire.Type(reply[0]) == wire.TypeSync {
		c.opts.Trace(Line{At: c.Now(), Kind: LineStream, From: n.name, To: st.from.name, Text: describeSync(reply)})
	}
}

func (c *Cluster) eventNote(n *node, e *swim.Event) {
	switch e.Kind {
	case swim.EventSilent, swim.EventCaps, swim.EventForgotten:
		return // not what a story is about
	}
	if c.opts.Trace == nil {
		return
	}
	c.opts.Trace(Line{At: c.Now(), Kind: LineEvent, From: n.name, To: e.Member.Name, Text: describeEvent(e)})
}

func orSomebody(name string) string {
	if name == "" {
		return "others"
	}
	return name
}

func describeEvent(e *swim.Event) string {
	m := &e.Member
	what := fmt.Sprintf("%s@%d", m.Name, m.Incarnation)
	switch e.Kind {
	case swim.EventJoin:
		return what + " joins"
	case swim.EventUpdate:
		return fmt.Sprintf("%s updates: %v %q", what, m.Addr, m.Meta)
	case swim.EventSuspect:
		return fmt.Sprintf("%s is suspected by %s", what, e.From)
	case swim.EventRecover:
		return what + " recovers"
	case swim.EventConflict:
		return fmt.Sprintf("%s is claimed by %v", what, m.Addr)
	case swim.EventPing:
		return fmt.Sprintf("%s answered in %v", what, e.RTT)
	case swim.EventStreamOnly:
		return what + " answers over a stream only"
	case swim.EventLeaving:
		return what + " is leaving"
	case swim.EventAccused:
		return fmt.Sprintf("%s refutes being %s, said by %s", what, StateName(e.As), orSomebody(e.From))
	default:
		if e.From == m.Name && m.State == wire.StateLeft {
			return what + " leaves"
		}
		if e.From == "" {
			return what + " is replaced by another process"
		}
		return fmt.Sprintf("%s is declared %s by %s", what, StateName(m.State), e.From)
	}
}

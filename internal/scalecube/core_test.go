package scalecube

import (
	"net/netip"
	"testing"
	"time"

	"github.com/musterhq/muster/swim"
	"github.com/musterhq/muster/wire"
)

// core is a protocol core by itself, for what is about records and rules: no
// node, no network, a clock that stands still unless it is moved.
type core struct {
	*swim.Core
	t   *testing.T
	now time.Time
}

func newCore(t *testing.T, change func(*swim.Config)) *core {
	t.Helper()
	cfg := swim.LAN()
	cfg.Name, cfg.Addr, cfg.ID, cfg.Seed = "self", at(100), 100, 1
	if change != nil {
		change(&cfg)
	}
	now := time.Unix(0, 0)
	c, err := swim.New(now, cfg)
	if err != nil {
		t.Fatal(err)
	}
	c.Ready()
	return &core{c, t, now}
}

// at is the address of the i-th of the others.
func at(i byte) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 0, i}), 7946)
}

// take gives the core a packet from the i-th of the others.
func (c *core) take(i byte, msg []byte) error {
	c.Ready()
	return c.Step(c.now, at(i), msg)
}

// events returns those since the last call.
func (c *core) events() []swim.Event { return append([]swim.Event(nil), c.Ready().Events...) }

// run moves the clock, and does what is due meanwhile; each gets what the core
// wants done.
func (c *core) run(d time.Duration, each func(swim.Ready)) {
	end := c.now.Add(d)
	for {
		due, ok := c.Deadline()
		if !ok || due.After(end) {
			c.now = end
			return
		}
		c.now = due
		c.Tick(due)
		if rd := c.Ready(); each != nil {
			each(rd)
		}
	}
}

// claim is what is said of a member: its state and incarnation.
type claim struct {
	state       status
	incarnation uint32
}

type status string

const (
	unknown    status = "unknown"
	isAlive    status = "ALIVE"
	isSuspect  status = "SUSPECT"
	isLeaving  status = "LEAVING"
	isDead     status = "DEAD"
	hasLeft    status = "LEFT"
	theMember         = "member"
	theWitness        = "witness" // who says so
)

// message is the packet that says it, of the member at at(1).
func (r claim) message() []byte { return r.about(theMember, at(1)) }

func (r claim) about(name string, at netip.AddrPort) []byte {
	switch r.state {
	case isAlive, isLeaving:
		return aliveMessage(name, at, r.incarnation, wire.About{ID: 1, Leaving: r.state == isLeaving})
	case isSuspect:
		return suspected(name, r.incarnation, theWitness)
	case isDead:
		return (&wire.Dead{Incarnation: r.incarnation, Node: name, From: theWitness}).Append(nil)
	default:
		return left(name, r.incarnation)
	}
}

func aliveMessage(name string, at netip.AddrPort, incarnation uint32, about wire.About) []byte {
	return (&wire.Alive{
		Incarnation: incarnation, Node: name, Addr: at.Addr(), Port: at.Port(), Versions: swim.DefaultVersions,
		Caps: wire.CapMuster, About: about,
	}).Append(nil)
}

// know brings the member into a state.
func (c *core) know(r claim) {
	c.t.Helper()
	if err := c.take(2, aliveMessage(theWitness, at(2), 1, wire.About{ID: 2})); err != nil {
		c.t.Fatal(err)
	}
	if r.state == unknown {
		return
	}
	if err := c.take(1, claim{isAlive, r.incarnation}.message()); err != nil {
		c.t.Fatal(err)
	}
	switch r.state {
	case isAlive:
	case isLeaving:
		// It takes an incarnation of its own.
		c.t.Fatal("use claim{isLeaving} as news only")
	default:
		if err := c.take(1, r.message()); err != nil {
			c.t.Fatal(err)
		}
	}
}

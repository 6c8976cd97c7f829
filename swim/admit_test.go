package swim

import (
	"errors"
	"net/netip"
	"testing"
	"time"

	"github.com/musterhq/muster/wire"
)

// Who may be a member: networks allowed, versions that fit, names that are
// free. Memberlist's rules, spec/memberlist.md section 2.10.

func announce(name string, addr netip.AddrPort, inc uint32) []byte {
	a := wire.Alive{Incarnation: inc, Node: name, Addr: addr.Addr(), Port: addr.Port(), Versions: DefaultVersions}
	return a.Append(nil)
}

func TestAllowedNetworks(t *testing.T) {
	l := newLone(t, func(c *Config) {
		c.AllowedCIDRs = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}
	})
	inside, six := netip.MustParseAddrPort("10.9.9.9:1"), netip.MustParseAddrPort("[fd00::1]:1")
	outside := netip.MustParseAddrPort("192.0.2.1:1")
	for _, c := range []struct {
		name     string
		at, from netip.AddrPort
		want     error
	}{
		{"inside", inside, inside, nil},
		{"six", six, inside, nil},
		{"outside", outside, inside, ErrRefused},
		{"told by a stranger", inside, outside, ErrRefused},
	} {
		if err := l.Step(l.now, c.from, announce(c.name, c.at, 1)); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
		if _, ok := l.Member(c.name); ok != (c.want == nil) {
			t.Errorf("%s: member %v", c.name, ok)
		}
	}
	none := newLone(t, func(c *Config) { c.AllowedCIDRs = []netip.Prefix{} })
	if err := none.Step(none.now, inside, announce("x", inside, 1)); !errors.Is(err, ErrRefused) {
		t.Errorf("an empty list, unlike none, allows nobody: %v", err)
	}
}

func TestNameOfTheDeadIsReclaimed(t *testing.T) {
	const reclaim = 10 * time.Second
	l := newLone(t, func(c *Config) { c.DeadNodeReclaim, c.ProbeInterval = reclaim, 0 })
	l.meet(3, 5)
	elsewhere := netip.MustParseAddrPort("10.200.0.1:7946")
	take := func() error { return l.Step(l.now, elsewhere, announce(peerName(0), elsewhere, 1)) }
	if err := take(); !errors.Is(err, ErrConflict) {
		t.Errorf("while its owner lives: %v", err)
	}
	d := wire.Dead{Incarnation: 5, Node: peerName(0), From: peerName(1)}
	if err := l.Step(l.now, peerAddr(1), d.Append(nil)); err != nil {
		t.Fatal(err)
	}
	l.run(reclaim-time.Second, nothing)
	if err := take(); !errors.Is(err, ErrConflict) {
		t.Errorf("before its time: %v", err)
	}
	l.run(2*time.Second, nothing)
	if err := take(); err != nil {
		t.Errorf("after its time: %v", err)
	}
	if m, _ := l.Member(peerName(0)); m.Addr != elsewhere || m.State != wire.StateAlive {
		t.Errorf("member is %+v", m)
	}
}

func TestNameOfOneThatLeftIsFree(t *testing.T) {
	l := newLone(t, nil)
	l.meet(3, 5)
	d := wire.Dead{Incarnation: 5, Node: peerName(0), From: peerName(0)}
	if err := l.Step(l.now, peerAddr(0), d.Append(nil)); err != nil {
		t.Fatal(err)
	}
	elsewhere := netip.MustParseAddrPort("10.200.0.1:7946")
	if err := l.Step(l.now, elsewhere, announce(peerName(0), elsewhere, 1)); err != nil {
		t.Error(err)
	}
}

func TestVersionsMustFit(t *testing.T) {
	for _, c := range []struct {
		v  wire.Versions
		ok bool
	}{
		{wire.Versions{1, 5, 2, 0, 0, 0}, true},
		{wire.Versions{2, 2, 2, 0, 0, 0}, true},
		{wire.Versions{3, 5, 4, 0, 0, 0}, false}, // does not understand our 2
		{wire.Versions{1, 9, 9, 0, 0, 0}, false}, // speaks what we do not understand
		{wire.Versions{5, 1, 2, 0, 0, 0}, false}, // makes no sense
		{wire.Versions{0, 5, 2, 0, 0, 0}, false},
		{wire.Versions{1, 5, 2, 1, 2, 1}, false}, // another application
	} {
		l := newLone(t, nil)
		a := wire.Alive{Incarnation: 1, Node: "x", Addr: peerAddr(1).Addr(), Port: 1, Versions: c.v}
		err := l.Step(l.now, peerAddr(1), a.Append(nil))
		if _, ok := l.Member("x"); ok != c.ok || (err == nil) != c.ok {
			t.Errorf("versions %v: member %v, %v", c.v, ok, err)
		}
	}
}

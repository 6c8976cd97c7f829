package swim

import (
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/musterhq/muster/wire"
)

// Config is what a Core is built from. Durations and multipliers carry
// memberlist's names and meanings, so that an operator's tuning carries over.
type Config struct {
	Name     string         // unique in the cluster
	Addr     netip.AddrPort // as advertised to the others
	Meta     []byte         // at most MetaMax bytes
	Versions wire.Versions  // zero means DefaultVersions

	// Caps is what this member understands beyond wire.CapMuster. With CapSync
	// it exchanges differences, not whole states, with others that have it.
	Caps wire.Caps
	// ID tells this process from another under the same name; 0 draws one.
	ID uint64
	// Alias is for people.
	Alias string
	// Namespace is the path, such as "prod/eu", of the part of the cluster that
	// this member belongs to. It knows members of a namespace only if that is
	// its own, or above or below it. "" is above all.
	Namespace string
	// MetaID says that the metadata is not Meta but is to be had elsewhere, and
	// is a hash of it.
	MetaID uint64
	// LeaveGrace is how long a member that means to leave goes on serving
	// after it has said so; 0 leaves at once.
	LeaveGrace time.Duration

	// ProbeInterval is the protocol period: one member is probed in each.
	// ProbeTimeout is how long a direct ack is waited for before other members
	// are asked. Zero ProbeInterval switches probing off.
	ProbeInterval, ProbeTimeout time.Duration
	// IndirectChecks is k of SWIM section 3.1: how many members are asked.
	IndirectChecks int
	// NoStreamPing switches the fallback ping over a stream off; NoStreamPingFor,
	// which must be a pure function, does so for some members.
	NoStreamPing    bool
	NoStreamPingFor func(name string) bool

	// GossipInterval and GossipNodes are the pace and the fan-out of gossip.
	// Zero GossipInterval leaves piggybacking on probes as the only gossip.
	GossipInterval time.Duration
	GossipNodes    int
	// GossipToTheDead is how long a dead member still receives gossip, so
	// that it can refute; it is also the age at which the dead are forgotten.
	GossipToTheDead time.Duration
	// RetransmitMult scales how often a broadcast is sent: mult*ceil(log10(n+1)).
	RetransmitMult int

	// SuspicionMult and SuspicionMaxTimeoutMult set how long a suspect has to
	// refute: see suspicionBounds.
	SuspicionMult, SuspicionMaxTimeoutMult int
	// AwarenessMax bounds Lifeguard's local health score to [0, AwarenessMax-1].
	AwarenessMax int

	// PushPullInterval paces the full exchange of state; zero switches it off.
	// PushPullNodes is with how many members at a time.
	PushPullInterval time.Duration
	PushPullNodes    int
	// StreamTimeout is how long an exchange over a stream may take.
	StreamTimeout time.Duration
	// ReconnectInterval is the cluster-wide pace at which seeds and remembered
	// dead members are tried again; zero switches that off.
	ReconnectInterval time.Duration
	// DeadNodeReclaim is the age after which another address may take the name
	// of a dead member; zero means never.
	DeadNodeReclaim time.Duration

	// PacketSize bounds a packet on the wire, PacketOverhead is the part of it
	// that sealing adds (label, encryption, crc).
	PacketSize, PacketOverhead int
	// Compress lets a deep queue be packed by compression, with Algorithm. What
	// Compressors has is understood besides LZW.
	Compress    bool
	Algorithm   wire.Algorithm
	Compressors map[wire.Algorithm]wire.Compressor

	// AllowedCIDRs bounds the addresses members may have; nil allows all.
	AllowedCIDRs []netip.Prefix

	// VetAlive and VetMerge make the core ask before it accepts a member or a
	// joining peer's state; PullBroadcasts makes it ask for the application's
	// broadcasts at each gossip tick. See Ready.Asks.
	// SelectTargets makes it ask whom to gossip to and to exchange states with.
	VetAlive, VetMerge, PullBroadcasts, SelectTargets bool
	// ReportRTT makes every direct ack an EventPing.
	ReportRTT bool

	// Seed seeds the core's random streams.
	Seed uint64
}

// MetaMax is how much metadata a member may announce; memberlist's limit.
const MetaMax = 512

// NameMax bounds a member's name, so that every message about it fits a packet.
const NameMax = 255

// DefaultVersions speaks protocol 2 and understands 1 to 5, as memberlist does.
var DefaultVersions = wire.Versions{1, 5, 2, 0, 0, 0}

// LAN returns memberlist's values for a local network, name and address unset.
func LAN() Config {
	return Config{
		ProbeInterval:           time.Second,
		ProbeTimeout:            500 * time.Millisecond,
		IndirectChecks:          3,
		GossipInterval:          200 * time.Millisecond,
		GossipNodes:             3,
		GossipToTheDead:         30 * time.Second,
		RetransmitMult:          4,
		SuspicionMult:           4,
		SuspicionMaxTimeoutMult: 6,
		AwarenessMax:            8,
		PushPullInterval:        30 * time.Second,
		PushPullNodes:           1,
		StreamTimeout:           10 * time.Second,
		ReconnectInterval:       5 * time.Second,
		PacketSize:              1400,
		Compress:                true,
	}
}

// WAN returns memberlist's values for members far apart.
func WAN() Config {
	c := LAN()
	c.ProbeInterval, c.ProbeTimeout = 5*time.Second, 3*time.Second
	c.GossipInterval, c.GossipNodes = 500*time.Millisecond, 4
	c.GossipToTheDead = 60 * time.Second
	c.SuspicionMult = 6
	c.PushPullInterval = 60 * time.Second
	c.StreamTimeout = 30 * time.Second
	c.ReconnectInterval = 15 * time.Second
	return c
}

// Local returns memberlist's values for members on one machine.
func Local() Config {
	c := LAN()
	c.ProbeTimeout = 200 * time.Millisecond
	c.IndirectChecks = 1
	c.GossipInterval = 100 * time.Millisecond
	c.GossipToTheDead = 15 * time.Second
	c.RetransmitMult = 2
	c.SuspicionMult = 3
	c.PushPullInterval = 15 * time.Second
	c.StreamTimeout = time.Second
	c.ReconnectInterval = 2 * time.Second
	return c
}

// ErrConfig is wrapped by every fault that Validate finds.
var ErrConfig = errors.New("invalid configuration")

// Validate reports every fault at once, joined.
func (c *Config) Validate() error {
	var faults []error
	bad := func(format string, args ...any) {
		faults = append(faults, fmt.Errorf("%w: "+format, append([]any{ErrConfig}, args...)...))
	}
	if c.Name == "" {
		bad("name is empty")
	}
	if len(c.Name) > NameMax {
		bad("name has %d bytes, at most %d are allowed", len(c.Name), NameMax)
	}
	if !c.Addr.IsValid() || c.Addr.Port() == 0 || c.Addr.Addr().IsUnspecified() {
		bad("address %v is not one that others can reach", c.Addr)
	}
	if len(c.Meta) > MetaMax {
		bad("metadata has %d bytes, at most %d are allowed", len(c.Meta), MetaMax)
	}
	for _, f := range []struct {
		name string
		d    time.Duration
	}{
		{"probe interval", c.ProbeInterval}, {"gossip interval", c.GossipInterval}, {"push/pull interval", c.PushPullInterval},
		{"reconnect interval", c.ReconnectInterval}, {"dead node reclaim", c.DeadNodeReclaim}, {"gossip to the dead", c.GossipToTheDead},
		{"stream timeout", c.StreamTimeout}, {"leave grace", c.LeaveGrace},
	} {
		if f.d < 0 || f.d > intervalMax {
			bad("%s %v is not within [0, %v]", f.name, f.d, intervalMax)
		}
	}
	if c.ProbeInterval > 0 && (c.ProbeTimeout <= 0 || c.ProbeTimeout > c.ProbeInterval) {
		bad("probe timeout %v is not within (0, probe interval %v]", c.ProbeTimeout, c.ProbeInterval)
	}
	if c.StreamTimeout <= 0 {
		bad("stream timeout %v is not positive", c.StreamTimeout)
	}
	for _, f := range []struct {
		name       string
		n, lo, top int
	}{
		{"indirect checks", c.IndirectChecks, 0, 64}, {"gossip nodes", c.GossipNodes, 0, 64},
		{"retransmit mult", c.RetransmitMult, 1, 1000}, {"suspicion mult", c.SuspicionMult, 1, 1000},
		{"suspicion max timeout mult", c.SuspicionMaxTimeoutMult, 1, 1000}, {"awareness max", c.AwarenessMax, 1, 1000},
		{"push/pull nodes", c.PushPullNodes, 0, 64},
	} {
		if f.n < f.lo || f.n > f.top {
			bad("%s %d is not within [%d, %d]", f.name, f.n, f.lo, f.top)
		}
	}
	if c.PacketSize-c.PacketOverhead < packetMin || c.PacketSize > PacketMax {
		bad("packet size %d leaves less than %d bytes after %d of overhead, or exceeds %d", c.PacketSize, packetMin, c.PacketOverhead, PacketMax)
	}
	if len(c.Alias) > wire.MaxAlias {
		bad("alias has %d bytes, at most %d are allowed", len(c.Alias), wire.MaxAlias)
	}
	if !ValidNamespace(c.Namespace) {
		bad("namespace %q is not a path of words: letters, digits, '_', and inside also '-', '.', joined by '/'", c.Namespace)
	}
	return errors.Join(faults...)
}

// PacketMax bounds the packets of any transport. A UDP packet has at most 65507.
const PacketMax = 16 << 20

// packetMin holds the largest single message (an alive with the longest name
// and metadata, or an indirect ping) with its compound header.
const packetMin = 1100

// intervalMax keeps what is computed from an interval from overflowing. What
// shall never happen is switched off by zero.
const intervalMax = 365 * 24 * time.Hour

package muster

import (
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"time"

	"github.com/musterhq/muster/record"
	"github.com/musterhq/muster/swim"
	"github.com/musterhq/muster/wire"
)

// Config is begun from a preset, LAN, WAN or Local, and changed where needed.
// The protocol's values carry memberlist's names and defaults, so that an
// operator's tuning carries over; all members of a cluster should have the same.
type Config struct {
	// Name identifies the member in the cluster; the host's name by default.
	Name string
	// Bind is where to listen, for UDP and TCP alike: "host:port", "host" or
	// ":port". Port 0 picks one that is free for both. "[::]:7946" listens on
	// IPv4 and IPv6.
	Bind string
	// MapAddr translates the address of a member to the one to be dialled from
	// here, for NAT and the like. It must be a pure function.
	MapAddr func(netip.AddrPort) netip.AddrPort
	// Advertise is what others are told to connect to: "host:port" or "host",
	// where behind NAT Bind is of no use to them. Empty takes Bind, and for an
	// unspecified address a private one of this machine's.
	Advertise string
	// Seeds are joined in the background from Start on, and tried again for
	// ever whenever they are not members. They may be host names, resolved
	// anew for each attempt; the port defaults to Bind's.
	Seeds []string

	// Label keeps clusters apart that could reach each other; at most 255 bytes.
	Label string
	// Keyring encrypts all traffic with AES-GCM; nil sends plaintext. It may be
	// changed while the node runs: add a key everywhere, use it everywhere,
	// then remove the old one.
	Keyring *wire.Keyring
	// AcceptPlaintext and SendPlaintext turn encryption on in a running
	// cluster: set both everywhere, then clear SendPlaintext, then the other.
	AcceptPlaintext, SendPlaintext bool
	// SkipInboundLabelCheck expects no label on what comes in, because a proxy
	// in front has checked and removed it.
	SkipInboundLabelCheck bool
	// Compression packs full queues and large streams, with LZW unless
	// CompressionAlgorithm is another one of Compressors. What Compressors has is
	// understood besides; memberlist peers know LZW only.
	Compression          bool
	CompressionAlgorithm wire.Algorithm
	Compressors          map[wire.Algorithm]wire.Compressor
	// ProtocolVersion is what is announced as spoken, 2 by default; 1 pads
	// encrypted messages for peers that still need it.
	ProtocolVersion uint8
	// DelegateVersions are the application's own: min, max, current. Members
	// whose versions do not fit each other's are refused.
	DelegateVersions [3]uint8

	// Meta is what this member says of itself, at most MetaMax bytes; see SetMeta.
	Meta []byte

	// ID tells this process from another under the same name; 0 draws one.
	ID uint64
	// Alias is a name for people, which need not be unique; at most 32 bytes.
	Alias string
	// Namespace is the path, such as "prod/eu", of the part of the cluster that
	// this node belongs to. It sees members and gets messages only of its own
	// namespace and of those above and below it; "" is above all.
	Namespace string
	// LeaveGrace is how long Leave goes on serving after it has announced that
	// this member is leaving (MemberLeaving); 0 leaves at once.
	LeaveGrace time.Duration

	ProbeInterval  time.Duration // one member is probed in each
	ProbeTimeout   time.Duration // for a direct answer
	IndirectChecks int           // members asked when there is none
	DisableTCPPing bool          // do not try TCP when UDP fails
	// NoStreamPingFor does so for some members. It must be a pure function.
	NoStreamPingFor         func(name string) bool
	GossipInterval          time.Duration
	GossipNodes             int
	GossipToTheDead         time.Duration // also the age at which the dead are forgotten
	RetransmitMult          int
	SuspicionMult           int
	SuspicionMaxTimeoutMult int
	AwarenessMax            int
	PushPullInterval        time.Duration
	PushPullNodes           int           // with how many members at a time
	ReconnectInterval       time.Duration // pace of looking for lost members
	DeadNodeReclaim         time.Duration // when another address may take a dead member's name
	StreamTimeout           time.Duration // to connect, and for one exchange
	PacketSize              int           // bytes of UDP payload, at most
	RequestsMax             int           // handled at a time, 256 if 0; see Node.Handle

	// AllowedCIDRs bounds the addresses that members may have; nil allows all.
	AllowedCIDRs []netip.Prefix

	// Records has the bounds and the pace of the record plane; its identity and
	// packet size are filled in. NoRecords keeps this node out of it.
	Records   record.Config
	NoRecords bool

	// Seed makes the node's random choices repeatable, for tests; 0 draws one.
	// Each process must have another: its identity comes from it.
	Seed uint64
	// Logger takes what an operator should know; slog.Default() if nil.
	Logger *slog.Logger
	// Transport replaces UDP and TCP on Bind.
	Transport Transport

	// OnEvent is called for every change of membership, in order.
	OnEvent func(Event)
	// OnMessage is called for every user message.
	OnMessage func(Message)
	// OnAccused is called when this member hears that it is held suspect or dead,
	// or that an older process of its name is held alive, and refutes it. by is
	// the member that says so, "" if that is not known.
	OnAccused func(by string, of State)
	// MessageQueue is how many messages may wait for OnMessage; 0 means 4096.
	MessageQueue int
	// LocalState is the application's own state, at most 20 MiB, which goes
	// along when states are exchanged with another member; MergeState gets the
	// other's. join tells that one joins the other. LocalState may be called
	// from several goroutines at a time. With either of the two every exchange
	// carries the whole state of the cluster, as memberlist's do.
	LocalState func(join bool) []byte
	MergeState func(state []byte, join bool)
	// SelectTargets chooses, among the candidates for gossip or an exchange of
	// states, whom it may go to, and optionally one that gets it in any case.
	SelectTargets func(candidates []Member) (selected []Member, preferred *Member)
	// VetAlive may refuse a member, new or changed, by returning an error.
	VetAlive func(Member) error
	// VetMerge may refuse the state of a cluster that joins this one.
	VetMerge func([]Member) error
	// OnExchange is called after each exchange of states or of differences that
	// this node began, with how long it took, the bytes of the other's answers,
	// and what went wrong.
	OnExchange func(with netip.AddrPort, took time.Duration, received int, err error)
	// Broadcasts is asked at each gossip interval, once for each member that is
	// gossiped to, until it has no more, for messages to be gossiped
	// once, of limit bytes together with 3 bytes of overhead for each.
	Broadcasts func(limit int) [][]byte
	// OnPing is called after each direct answer to a probe, with the time it
	// took and the payload that the other side put in (see SetAckPayload).
	OnPing func(m Member, rtt time.Duration, payload []byte)
}

// DefaultPort is memberlist's.
const DefaultPort = 7946

// LAN returns the configuration for a local network.
func LAN() Config { return preset(swim.LAN()) }

// WAN returns the configuration for members far apart.
func WAN() Config { return preset(swim.WAN()) }

// Local returns the configuration for members on one machine.
func Local() Config { return preset(swim.Local()) }

func preset(s swim.Config) Config {
	r := record.Defaults()
	r.GossipInterval, r.Fanout, r.RetransmitMult, r.StreamTimeout = s.GossipInterval, s.GossipNodes, s.RetransmitMult, s.StreamTimeout
	return Config{
		Records: r,
		Bind:    "0.0.0.0:7946", Compression: s.Compress, ProtocolVersion: 2,
		ProbeInterval: s.ProbeInterval, ProbeTimeout: s.ProbeTimeout, IndirectChecks: s.IndirectChecks,
		GossipInterval: s.GossipInterval, GossipNodes: s.GossipNodes, GossipToTheDead: s.GossipToTheDead,
		RetransmitMult: s.RetransmitMult, SuspicionMult: s.SuspicionMult,
		SuspicionMaxTimeoutMult: s.SuspicionMaxTimeoutMult, AwarenessMax: s.AwarenessMax,
		PushPullInterval: s.PushPullInterval, PushPullNodes: s.PushPullNodes, ReconnectInterval: s.ReconnectInterval,
		DeadNodeReclaim: s.DeadNodeReclaim, StreamTimeout: s.StreamTimeout, PacketSize: s.PacketSize,
	}
}

// ErrConfig is wrapped by every fault that Validate finds. Nothing was started.
var ErrConfig = swim.ErrConfig

// Validate reports every fault at once, joined. Start calls it.
func (c Config) Validate() error {
	var faults []error
	bad := func(err error) {
		if err != nil && !errors.Is(err, ErrConfig) {
			err = fmt.Errorf("%w: %w", ErrConfig, err)
		}
		faults = append(faults, err)
	}
	codec := c.codec()
	if len(c.Label) > wire.MaxLabel {
		bad(fmt.Errorf("label has %d bytes, at most %d are allowed", len(c.Label), wire.MaxLabel))
	}
	if c.ProtocolVersion < 1 || c.ProtocolVersion > 5 {
		bad(fmt.Errorf("protocol version %d is not within [1, 5]", c.ProtocolVersion))
	}
	if d := c.DelegateVersions; d[0] > d[2] || d[2] > d[1] {
		bad(fmt.Errorf("delegate versions %v are not min <= current <= max", d))
	}
	if c.Transport == nil && c.PacketSize > udpMax {
		bad(fmt.Errorf("packet size %d exceeds a UDP packet's %d", c.PacketSize, udpMax))
	}
	if _, ok := c.Compressors[c.CompressionAlgorithm]; c.CompressionAlgorithm != wire.LZW && !ok {
		bad(fmt.Errorf("compression algorithm %d is not among the compressors", c.CompressionAlgorithm))
	}
	if r := c.records(codec.Overhead(), 1); !c.NoRecords && c.Name != "" && len(c.Name) <= record.MaxName {
		bad(wrap("records", r.Validate()))
	}
	if len(c.Meta) > MetaMax {
		bad(fmt.Errorf("metadata has %d bytes, at most %d are allowed", len(c.Meta), MetaMax))
	}
	if len(c.Meta) > swim.MetaMax && c.NoRecords {
		bad(fmt.Errorf("metadata of %d bytes needs records, which are switched off", len(c.Meta)))
	}
	if c.MessageQueue < 0 {
		bad(fmt.Errorf("message queue of %d is negative", c.MessageQueue))
	}
	if c.RequestsMax < 0 {
		bad(fmt.Errorf("%d requests at a time is negative", c.RequestsMax))
	}
	if c.Transport == nil {
		_, err := splitAddr(c.Bind, DefaultPort)
		bad(wrap("bind", err))
	}
	if c.Advertise != "" {
		_, err := splitAddr(c.Advertise, DefaultPort)
		bad(wrap("advertise", err))
	}
	for _, s := range c.Seeds {
		_, err := splitAddr(s, DefaultPort)
		bad(wrap("seed", err))
	}
	core := c.core(netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), DefaultPort))
	if core.Name == "" {
		core.Name = "host" // Start will ask the system
	}
	bad(core.Validate())
	return errors.Join(faults...)
}

func wrap(what string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", what, err)
}

func (c Config) codec() wire.Codec {
	return wire.Codec{
		Label: c.Label, Keyring: c.Keyring, InsecureIncoming: c.AcceptPlaintext, InsecureOutgoing: c.SendPlaintext,
		SkipInboundLabelCheck: c.SkipInboundLabelCheck, ProtocolVersion: c.ProtocolVersion,
		Compress: c.Compression, Algorithm: c.CompressionAlgorithm, Compressors: c.Compressors, MaxPacket: 2 * c.PacketSize,
	}
}

// core translates to what package swim needs.
func (c Config) core(addr netip.AddrPort) swim.Config {
	codec := c.codec()
	overhead := codec.Overhead()
	if c.Keyring != nil && c.Keyring.Empty() {
		overhead += cryptReserve // keys may be added later
	}
	meta, id := c.Meta, uint64(0)
	if len(meta) > swim.MetaMax {
		meta, id = nil, metaID(meta)
	}
	d := c.DelegateVersions
	return swim.Config{
		Name: c.Name, Addr: addr, Meta: meta, MetaID: id,
		Caps: c.caps(), ID: c.ID, Alias: c.Alias, Namespace: c.Namespace, LeaveGrace: c.LeaveGrace,
		Versions:      wire.Versions{1, 5, c.ProtocolVersion, d[0], d[1], d[2]},
		ProbeInterval: c.ProbeInterval, ProbeTimeout: c.ProbeTimeout, IndirectChecks: c.IndirectChecks, NoStreamPing: c.DisableTCPPing, NoStreamPingFor: c.NoStreamPingFor,
		GossipInterval: c.GossipInterval, GossipNodes: c.GossipNodes, GossipToTheDead: c.GossipToTheDead,
		RetransmitMult: c.RetransmitMult, SuspicionMult: c.SuspicionMult,
		SuspicionMaxTimeoutMult: c.SuspicionMaxTimeoutMult, AwarenessMax: c.AwarenessMax,
		PushPullInterval: c.PushPullInterval, PushPullNodes: c.PushPullNodes, ReconnectInterval: c.ReconnectInterval,
		DeadNodeReclaim: c.DeadNodeReclaim, StreamTimeout: c.StreamTimeout,
		PacketSize: c.PacketSize, PacketOverhead: overhead, Compress: c.Compression, Algorithm: c.CompressionAlgorithm, Compressors: c.Compressors,
		AllowedCIDRs: c.AllowedCIDRs, SelectTargets: c.SelectTargets != nil,
		VetAlive: c.VetAlive != nil, VetMerge: c.VetMerge != nil, PullBroadcasts: c.Broadcasts != nil, ReportRTT: c.OnPing != nil,
	}
}

// caps is what this node understands beyond wire.CapMuster. An application's own
// state travels only in whole exchanges of states.
func (c *Config) caps() wire.Caps {
	caps := wire.CapMessage
	if !c.NoRecords {
		caps |= wire.CapRecord
	}
	if c.LocalState == nil && c.MergeState == nil {
		caps |= wire.CapSync
	}
	return caps
}

// udpMax is the most that a UDP packet carries over IPv4.
const udpMax = 65507

// cryptReserve is the most that encrypting adds to a packet.
const cryptReserve = 45

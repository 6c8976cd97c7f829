package memberlist

import (
	"io"
	"log"
	"net"
	"os"
	"time"

	"github.com/hashicorp/go-metrics"
)

// Config is begun from [DefaultLANConfig], [DefaultWANConfig] or
// [DefaultLocalConfig] and changed where needed. [Create] fills in the ports and
// the keyring; leave it alone from then on.
type Config struct {
	// Name is this node's in the cluster, where nobody else may have it.
	Name string

	// Transport carries packets and streams. Nil stands for UDP and TCP on
	// BindAddr and BindPort.
	Transport Transport

	// Label keeps clusters apart that could reach each other: it precedes every
	// packet and stream. With encryption it is authenticated.
	Label string

	// SkipInboundLabelCheck accepts what comes in under any label or none, say
	// because something in front of this node has taken it off. With encryption
	// the label is part of what is authenticated, so there it still must match.
	SkipInboundLabelCheck bool

	// BindAddr and BindPort are where to listen, for packets and streams alike.
	// Port 0 finds one that is free for both.
	BindAddr string
	BindPort int

	// AdvertiseAddr and AdvertisePort are what others are told, where they
	// cannot reach BindAddr. The port is used together with the address only.
	AdvertiseAddr string
	AdvertisePort int

	// ProtocolVersion is the version to speak. See ProtocolVersionMin.
	ProtocolVersion uint8

	// TCPTimeout is the time for connecting a stream, and for what is read and
	// written over it.
	TCPTimeout time.Duration

	// IndirectChecks is how many nodes are asked to ping one that does not
	// answer itself.
	IndirectChecks int

	// RetransmitMult scales how often a broadcast is sent on:
	// RetransmitMult * ceil(log10(N+1)) times.
	RetransmitMult int

	// SuspicionMult scales the least time that a suspect has to refute:
	// SuspicionMult * max(1, log10(N)) * ProbeInterval.
	SuspicionMult int

	// SuspicionMaxTimeoutMult is by how much that time is longer as long as no
	// other node confirms the suspicion.
	SuspicionMaxTimeoutMult int

	// PushPullInterval is the time between two exchanges of the whole state
	// with a random node; 0 for none. Above 32 nodes it grows with the cluster.
	PushPullInterval time.Duration

	// ProbeInterval is the time between two probes, each of one node; 0 for
	// none. ProbeTimeout is how long the direct answer is waited for before
	// others are asked.
	ProbeInterval time.Duration
	ProbeTimeout  time.Duration

	// DisableTcpPings leaves out the ping over a stream, which is tried next to
	// the indirect ones.
	DisableTcpPings bool

	// DisableTcpPingsForNode leaves it out for the nodes for which it is true.
	DisableTcpPingsForNode func(nodeName string) bool

	// AwarenessMaxMultiplier bounds by how much a node that finds itself in
	// poor health slows down its probes (Lifeguard).
	AwarenessMaxMultiplier int

	// GossipInterval and GossipNodes are how often, and to how many nodes,
	// broadcasts are sent; an interval of 0 leaves riding on probes.
	// GossipToTheDeadTime is how long a dead node still gets them, so that it
	// may refute, and after how long it is forgotten.
	GossipInterval      time.Duration
	GossipNodes         int
	GossipToTheDeadTime time.Duration

	// GossipVerifyIncoming and GossipVerifyOutgoing are cleared for a while to
	// turn encryption on in a running cluster: without the former plaintext is
	// accepted, without the latter it is sent.
	GossipVerifyIncoming bool
	GossipVerifyOutgoing bool

	// EnableCompression compresses what becomes smaller by it.
	EnableCompression bool

	// CompressionAlgorithm is LZW unless set; Snappy is understood by muster
	// built like this and by Grafana's fork, not by hashicorp/memberlist. What
	// comes in may be compressed by either.
	CompressionAlgorithm CompressionAlgorithm

	// SecretKey, of 16, 24 or 32 bytes for AES-128, -192 or -256, turns
	// encryption on. It is made the primary key of Keyring.
	SecretKey []byte

	// Keyring holds all the keys. It may be changed while the node runs.
	Keyring *Keyring

	// What the application takes part in; any of these may be nil.
	//
	// DelegateProtocolVersion, -Min and -Max are versions of the application's
	// own messages: nodes whose versions do not fit each other's are refused.
	Delegate                Delegate
	DelegateProtocolVersion uint8
	DelegateProtocolMin     uint8
	DelegateProtocolMax     uint8
	Events                  EventDelegate
	Conflict                ConflictDelegate
	Merge                   MergeDelegate
	Ping                    PingDelegate
	Alive                   AliveDelegate

	// NodeSelection restricts whom to gossip to and to exchange states with.
	NodeSelection NodeSelectionDelegate

	// PushPullNodes is how many nodes to exchange states with at each
	// PushPullInterval, 1 unless set.
	PushPullNodes int

	// DNSConfigPath names the file with the DNS servers, of which Join asks the
	// first one over TCP: an answer of many addresses does not fit a datagram.
	DNSConfigPath string

	// LogOutput is where to log to; os.Stderr if neither it nor Logger is set.
	LogOutput io.Writer

	// Logger is what to log with. Set this or LogOutput, not both.
	Logger *log.Logger

	// HandoffQueueDepth is how many messages may wait for the application.
	// Beyond that packets are dropped and streams wait.
	HandoffQueueDepth int

	// UDPBufferSize bounds a packet; 1400 bytes fit any network's. With a
	// Transport that can carry larger ones it may be set to megabytes.
	UDPBufferSize int

	// DeadNodeReclaimTime is after how long another address may take the name
	// of a node that died; 0 for never.
	DeadNodeReclaimTime time.Duration

	// RequireNodeNames refuses to send to, or to join, an address without the
	// name of the node there.
	RequireNodeNames bool

	// CIDRsAllowed bounds the addresses that nodes may have. Nil, or an empty
	// list, allows all.
	CIDRsAllowed []net.IPNet

	// MetricLabels are put on all metrics.
	MetricLabels []metrics.Label

	// QueueCheckInterval is how often the gauges among the metrics are updated.
	QueueCheckInterval time.Duration

	// MsgpackUseNewTimeFormat is accepted and without effect: no message of the
	// protocol carries a time.
	MsgpackUseNewTimeFormat bool
}

// DefaultLANConfig returns a configuration for a local network, named after
// the host.
func DefaultLANConfig() *Config {
	name, err := os.Hostname()
	if err != nil {
		name = "" // Create will say what is missing
	}
	return &Config{
		Name:     name,
		BindAddr: "0.0.0.0", BindPort: 7946,
		AdvertisePort:           7946,
		ProtocolVersion:         ProtocolVersion2Compatible,
		TCPTimeout:              10 * time.Second,
		IndirectChecks:          3,
		RetransmitMult:          4,
		SuspicionMult:           4,
		SuspicionMaxTimeoutMult: 6,
		PushPullInterval:        30 * time.Second,
		ProbeInterval:           time.Second,
		ProbeTimeout:            500 * time.Millisecond,
		AwarenessMaxMultiplier:  8,
		GossipInterval:          200 * time.Millisecond,
		GossipNodes:             3,
		GossipToTheDeadTime:     30 * time.Second,
		GossipVerifyIncoming:    true,
		GossipVerifyOutgoing:    true,
		EnableCompression:       true,
		PushPullNodes:           1,
		DNSConfigPath:           "/etc/resolv.conf",
		HandoffQueueDepth:       1024,
		UDPBufferSize:           1400,
		QueueCheckInterval:      30 * time.Second,
	}
}

// DefaultWANConfig returns a configuration for nodes far apart.
func DefaultWANConfig() *Config {
	conf := DefaultLANConfig()
	conf.TCPTimeout = 30 * time.Second
	conf.SuspicionMult = 6
	conf.PushPullInterval = time.Minute
	conf.ProbeInterval, conf.ProbeTimeout = 5*time.Second, 3*time.Second
	conf.GossipInterval, conf.GossipNodes = 500*time.Millisecond, 4
	conf.GossipToTheDeadTime = time.Minute
	return conf
}

// DefaultLocalConfig returns a configuration for nodes on one machine.
func DefaultLocalConfig() *Config {
	conf := DefaultLANConfig()
	conf.TCPTimeout = time.Second
	conf.IndirectChecks = 1
	conf.RetransmitMult = 2
	conf.SuspicionMult = 3
	conf.PushPullInterval = 15 * time.Second
	conf.ProbeTimeout = 200 * time.Millisecond
	conf.GossipInterval = 100 * time.Millisecond
	conf.GossipToTheDeadTime = 15 * time.Second
	return conf
}

// BuildVsnArray returns the versions in the order in which they are sent:
// protocol min, max and spoken, then the delegate's.
func (c *Config) BuildVsnArray() []uint8 {
	return []uint8{
		ProtocolVersionMin, ProtocolVersionMax, c.ProtocolVersion,
		c.DelegateProtocolMin, c.DelegateProtocolMax, c.DelegateProtocolVersion,
	}
}

// EncryptionEnabled says whether there is a key.
func (c *Config) EncryptionEnabled() bool {
	return c.Keyring != nil && !c.Keyring.ring.Empty()
}

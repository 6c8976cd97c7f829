package consensus

import (
	"errors"
	"fmt"
	"log/slog"
	"time"
)

// Options says what a node is and how patient it is. The zero value of
// everything but Dir, ID, Advertise and Stream is a sane default.
type Options struct {
	// Dir holds the log, the snapshots and the certificate of this server. It
	// is made when it does not exist. One process at a time.
	Dir string

	// ID is this server for all time, whatever its address: see Identity.
	ID string

	// Advertise is the host:port under which the other servers reach Stream.
	Advertise string

	// Stream carries all traffic among servers: Raft's own and the forwarded.
	// Open owns it and closes it, also when Open fails.
	Stream StreamLayer

	// BootstrapExpect is how a new cluster begins. 1: this server is a cluster
	// at once. N > 1: when N servers without a cluster, each expecting N, see
	// each other, the lowest identity among them founds it with all N. 0: this
	// server waits until a cluster takes it in. It matters only while the
	// server has no cluster, so it may stay in the command line for ever.
	BootstrapExpect int

	// MaxVoters bounds how many servers vote; the others follow and forward,
	// and are promoted when a voter goes. Default 7: each further voter makes
	// every write wait for one more disk.
	MaxVoters int

	// MinVoters keeps a dead voter in the configuration when removing it would
	// leave fewer voters than this. Default 0: only the safety of the majority
	// counts. A server removed by hand is not counted.
	MinVoters int

	// DeadAfter is how long a server must have been silent, by gossip and by
	// Raft, before the leader removes it. Default 10 minutes, long enough for
	// a reboot; negative: never. One that returns later joins again by itself.
	DeadAfter time.Duration

	// Heartbeat is after how much silence (up to twice that, by chance) a
	// follower begins an election. Default 500 ms: a dead leader is replaced
	// in about a second. Raise it when servers are far from each other.
	Heartbeat time.Duration

	// Lease is how long a leader goes on without hearing from a majority.
	// Default Heartbeat; it must not be longer.
	Lease time.Duration

	// CommitTimeout is the fallback by which followers learn of a commit when
	// the notice for it was lost. Default 50 ms.
	CommitTimeout time.Duration

	// RPCTimeout bounds one exchange between two servers. Default 2 s.
	RPCTimeout time.Duration

	// ProposeTimeout is the patience of Propose and Linearizable when their
	// context has no deadline. Default 5 s.
	ProposeTimeout time.Duration

	// MaxCommand bounds one command. Default and most 512 KiB.
	MaxCommand int

	// MaxInFlight bounds how many proposals of this server may be under way;
	// more wait their turn. Default 4096.
	MaxInFlight int

	// SnapshotEntries and SnapshotBytes: a snapshot is taken, and the log cut,
	// when either has been written since the last. Defaults 65,536 and 128 MiB.
	SnapshotEntries uint64
	SnapshotBytes   int64

	// SnapshotInterval is how often that is looked at. Default 30 s.
	SnapshotInterval time.Duration

	// TrailingEntries stay in the log behind a snapshot, for followers that
	// are a little late. Default 10,240, fewer when entries are large.
	TrailingEntries uint64

	// SegmentSize is the size of one log file, reserved in advance. Default 16 MiB.
	SegmentSize int

	// Logger receives what an operator should know. Default: discarded.
	Logger *slog.Logger

	// faults lets tests fail the disk; nil outside tests.
	faults *diskFaults
}

// largestCommand is the engine's own advice: a larger entry delays heartbeats.
const largestCommand = 512 << 10

// withDefaults fills what was left out.
func (o Options) withDefaults() Options {
	def(&o.MaxVoters, 7)
	def(&o.DeadAfter, 10*time.Minute)
	def(&o.Heartbeat, 500*time.Millisecond)
	def(&o.Lease, o.Heartbeat)
	def(&o.CommitTimeout, 50*time.Millisecond)
	def(&o.RPCTimeout, 2*time.Second)
	def(&o.ProposeTimeout, 5*time.Second)
	def(&o.MaxCommand, largestCommand)
	def(&o.MaxInFlight, 4096)
	def(&o.SnapshotEntries, 65536)
	def(&o.SnapshotBytes, 128<<20)
	def(&o.SnapshotInterval, 30*time.Second)
	def(&o.TrailingEntries, 10240)
	def(&o.SegmentSize, 16<<20)
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return o
}

func def[T comparable](v *T, d T) {
	var zero T
	if *v == zero {
		*v = d
	}
}

// Validate returns every fault of the options at once.
func (o Options) Validate() error {
	o = o.withDefaults()
	var errs []error
	bad := func(wrong bool, format string, args ...any) {
		if wrong {
			errs = append(errs, fmt.Errorf("consensus: "+format, args...))
		}
	}
	bad(o.Dir == "", "Dir is missing")
	bad(o.ID == "" || len(o.ID) > maxIDLen, "ID must have 1 to %d bytes, has %d", maxIDLen, len(o.ID))
	bad(!plainID(o.ID), "ID %q may hold letters, digits, dot, dash and underscore only", o.ID)
	bad(o.Advertise == "" || len(o.Advertise) > maxAddrLen, "Advertise must have 1 to %d bytes, has %d", maxAddrLen, len(o.Advertise))
	bad(o.Stream == nil, "Stream is missing")
	bad(o.BootstrapExpect < 0 || o.BootstrapExpect > maxServers, "BootstrapExpect %d is not within 0 and %d", o.BootstrapExpect, maxServers)
	bad(o.BootstrapExpect > o.MaxVoters, "BootstrapExpect %d is more than MaxVoters %d", o.BootstrapExpect, o.MaxVoters)
	bad(o.MaxVoters < 1 || o.MaxVoters > maxServers, "MaxVoters %d is not within 1 and %d", o.MaxVoters, maxServers)
	bad(o.MinVoters < 0 || o.MinVoters > o.MaxVoters, "MinVoters %d is not within 0 and MaxVoters", o.MinVoters)
	bad(o.Heartbeat < 20*time.Millisecond, "Heartbeat %v is under 20 ms", o.Heartbeat)
	bad(o.Lease < 5*time.Millisecond || o.Lease > o.Heartbeat, "Lease %v is not within 5 ms and Heartbeat %v", o.Lease, o.Heartbeat)
	bad(o.CommitTimeout < time.Millisecond, "CommitTimeout %v is under 1 ms", o.CommitTimeout)
	bad(o.RPCTimeout < 10*time.Millisecond, "RPCTimeout %v is under 10 ms", o.RPCTimeout)
	bad(o.ProposeTimeout <= 0, "ProposeTimeout %v is not positive", o.ProposeTimeout)
	bad(o.MaxCommand < 1 || o.MaxCommand > largestCommand, "MaxCommand %d is not within 1 and %d", o.MaxCommand, largestCommand)
	bad(o.MaxInFlight < 1 || o.MaxInFlight > maxWindow, "MaxInFlight %d is not within 1 and %d", o.MaxInFlight, maxWindow)
	bad(o.SnapshotBytes < 1<<10, "SnapshotBytes %d is under 1 KiB", o.SnapshotBytes)
	bad(o.SnapshotInterval < 5*time.Millisecond, "SnapshotInterval %v is under 5 ms", o.SnapshotInterval)
	bad(o.SegmentSize < 64<<10 || o.SegmentSize > 1<<30, "SegmentSize %d is not within 64 KiB and 1 GiB", o.SegmentSize)
	return errors.Join(errs...)
}

// Bounds of what another server may say.
const (
	maxIDLen   = 64
	maxAddrLen = 512
	maxServers = 99
)

// plainID keeps identities out of the way of the separators used here.
func plainID(id string) bool {
	for _, c := range []byte(id) {
		ok := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '.' || c == '-' || c == '_'
		if !ok {
			return false
		}
	}
	return true
}

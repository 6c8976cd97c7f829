package record

import (
	"errors"
	"fmt"
	"time"
)

// Config is what a Core is built from. Start from Defaults.
type Config struct {
	Name string // the local member's, as in the membership
	// Generation tells this process from its former ones under the same name:
	// it must be higher. The nanoseconds of the clock at start do; a clock that
	// went back costs a full transfer, no more.
	Generation uint64
	Seed       uint64 // of the core's random streams

	// PacketSize is the room for a message in a packet.
	PacketSize int
	// GossipInterval, Fanout and RetransmitMult pace the gossip as they do in
	// package swim. News leaves at once when nothing has been sent for an interval.
	GossipInterval         time.Duration
	Fanout, RetransmitMult int
	// SyncInterval is how often digests are compared with a random peer. It is
	// how long something that gossip missed stays missed; zero switches it off.
	SyncInterval time.Duration
	// StreamTimeout bounds one exchange over a stream.
	StreamTimeout time.Duration
	// ChunkSize is about how much one reply over a stream carries; PullsMax how
	// many streams are open at a time.
	ChunkSize, PullsMax int

	// TombstoneAge is how long a deletion is remembered. A copy that has not
	// been in touch for longer is sent everything anew.
	TombstoneAge time.Duration
	// MaxKeys and MaxBytes bound what one owner may have, deletions that are
	// remembered included; MaxTotal bounds all owners together, and of the
	// copies of the others what this member keeps. See Stats.Refused.
	MaxKeys            int
	MaxBytes, MaxTotal int64

	// LogBytes, LogEntries and LogAge bound what is kept of a log for those who
	// have not got it yet. The owner keeps what was not acknowledged by all:
	// Publish fails with ErrBusy at the first two bounds, the third one loses.
	LogBytes, LogEntries int
	LogAge               time.Duration
}

// Bounds of single things. They are part of the protocol: what is larger is
// malformed.
const (
	MaxKey     = 1 << 10
	MaxValue   = 1 << 20
	MaxTopic   = 255
	MaxPayload = 1 << 20
	MaxName    = 255
)

// Defaults returns the values for a local network, the identity unset.
func Defaults() Config {
	return Config{
		PacketSize:     1300,
		GossipInterval: 200 * time.Millisecond,
		Fanout:         3,
		RetransmitMult: 4,
		SyncInterval:   10 * time.Second,
		StreamTimeout:  10 * time.Second,
		ChunkSize:      256 << 10,
		PullsMax:       4,
		TombstoneAge:   10 * time.Minute,
		MaxKeys:        1 << 20,
		MaxBytes:       1 << 30,
		MaxTotal:       1 << 30,
		LogBytes:       16 << 20,
		LogEntries:     1 << 16,
		LogAge:         time.Minute,
	}
}

// ErrConfig is wrapped by every fault that Validate finds.
var ErrConfig = errors.New("invalid configuration")

// Validate reports every fault at once, joined.
func (c *Config) Validate() error {
	var faults []error
	bad := func(format string, args ...any) {
		faults = append(faults, fmt.Errorf("%w: "+format, append([]any{ErrConfig}, args...)...))
	}
	if c.Name == "" || len(c.Name) > MaxName {
		bad("name has %d bytes, not 1 to %d", len(c.Name), MaxName)
	}
	if c.Generation == 0 || c.Generation >= generationMax {
		bad("generation %d is not within [1, 2^62)", c.Generation)
	}
	for _, f := range []struct {
		name    string
		d, from time.Duration
	}{
		{"gossip interval", c.GossipInterval, time.Millisecond}, {"sync interval", c.SyncInterval, 0},
		{"tombstone age", c.TombstoneAge, time.Second}, {"stream timeout", c.StreamTimeout, time.Millisecond},
		{"log age", c.LogAge, time.Second},
	} {
		if f.d < f.from || f.d > intervalMax {
			bad("%s %v is not within [%v, %v]", f.name, f.d, f.from, intervalMax)
		}
	}
	for _, f := range []struct {
		name        string
		n, from, to int64
	}{
		{"packet size", int64(c.PacketSize), packetMin, 65507}, {"fanout", int64(c.Fanout), 1, 64},
		{"retransmit mult", int64(c.RetransmitMult), 1, 1000}, {"chunk size", int64(c.ChunkSize), 1 << 10, 16 << 20},
		{"pulls max", int64(c.PullsMax), 1, 64}, {"max keys", int64(c.MaxKeys), 1, keysMax},
		{"max bytes", c.MaxBytes, 1, 1 << 50}, {"max total", c.MaxTotal, 1, 1 << 50},
		{"log bytes", int64(c.LogBytes), 1, 1 << 40}, {"log entries", int64(c.LogEntries), 1, 1 << 24},
	} {
		if f.n < f.from || f.n > f.to {
			bad("%s %d is not within [%d, %d]", f.name, f.n, f.from, f.to)
		}
	}
	return errors.Join(faults...)
}

const (
	// packetMin holds the longest hint behind the longest sender's name.
	packetMin = 640
	// keysMax is what a slot of the index can number, superseded entries included.
	keysMax = 1 << 22
	// generationMax and versionMax keep counters from ever wrapping around,
	// whatever somebody claims: two to the 62nd nanoseconds are 146 years.
	generationMax = 1 << 62
	versionMax    = 1 << 62
	intervalMax   = 365 * 24 * time.Hour
)

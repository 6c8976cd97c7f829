package sim

import "strconv"

// Counter numbers what a run counts. A sweep in which one of those that should
// happen sometimes never happens tests less than it seems to.
type Counter int

// The counters.
const (
	Events Counter = iota // of the heap
	Packets
	Bytes
	Lost
	Duplicated
	Reordered
	Corrupted
	Oversize
	Unreachable
	Overflowed
	Compounds
	Compressed
	Indirect
	Nacks
	NacksLost
	Streams
	StreamPings
	StreamsFailed
	Served
	Resets
	Rounds
	Syncs
	SyncsEqual
	SyncsFull
	Starts
	Joins
	Updates
	Suspicions
	Recoveries
	Deaths
	Departures
	Overridden
	Conflicts
	FalseDeaths
	Confirmations
	Refutations
	Reconnects
	Degraded
	Stalls
	Rumors
	Asked
	Healed
	LateConvergence
	Counters // how many there are
)

var counterNames = [Counters]string{
	Events: "events", Packets: "packets", Bytes: "bytes", Lost: "packets lost", Duplicated: "packets duplicated",
	Reordered: "packets reordered", Corrupted: "packets corrupted", Oversize: "packets over the MTU", Unreachable: "sends failed at once",
	Overflowed: "socket buffers overflowed", Compounds: "compound packets", Compressed: "compressed packets",
	Indirect: "indirect pings", Nacks: "nacks sent", NacksLost: "nacks missed", Streams: "streams opened", StreamPings: "stream pings",
	StreamsFailed: "streams failed", Served: "streams served", Resets: "streams reset", Rounds: "further rounds on a stream",
	Syncs: "syncs", SyncsEqual: "syncs of equal sets", SyncsFull: "syncs of all states", Starts: "processes started",
	Joins: "joins seen", Updates: "updates seen", Suspicions: "suspicions seen", Recoveries: "suspicions recovered from",
	Deaths: "deaths seen", Departures: "leaves seen", Overridden: "dead overridden by alive", Conflicts: "name conflicts",
	FalseDeaths: "running members held dead", Confirmations: "suspicions confirmed", Refutations: "refutations", Reconnects: "reconnects",
	Degraded: "health scores above zero", Stalls: "stalls noticed", Rumors: "user broadcasts delivered", Asked: "questions answered",
	Healed: "partitions healed", LateConvergence: "slow convergence",
}

// String returns the counter's name.
func (c Counter) String() string {
	if c >= 0 && c < Counters {
		return counterNames[c]
	}
	return "counter(" + strconv.Itoa(int(c)) + ")"
}

// Counts are the counters of one run, or of many.
type Counts [Counters]uint64

// Add adds the counts of another run.
func (c *Counts) Add(o *Counts) {
	for i := range c {
		c[i] += o[i]
	}
}

// Sometimes lists what a large sweep must have seen at least once.
func Sometimes() []Counter {
	var all []Counter
	for c := range Counters {
		if c != LateConvergence {
			all = append(all, c)
		}
	}
	return all
}

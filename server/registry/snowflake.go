package registry

import (
	"hash/fnv"
	"strconv"
	"sync"
	"time"
)

// generatorSnowflake is the way to make an instance's id that Nacos has beside
// the simple one: a number that no other instance has had, in the manner of
// Twitter's Snowflake, before its cluster and its service.
const generatorSnowflake = "snowflake"

// Bits of such a number: milliseconds, who made it, and how many before it in
// the same millisecond.
const (
	snowflakeWorkerBits   = 10
	snowflakeSequenceBits = 12
	snowflakeEpoch        = 1_577_808_000_000 // 2020, in ms since 1970
)

// snowflakes makes numbers that grow. Those of two servers differ unless their
// names have the same hash and they make one in the same millisecond.
type snowflakes struct {
	mu       sync.Mutex
	worker   int64
	last     int64 // ms
	sequence int64
}

func (s *snowflakes) init(server string) {
	h := fnv.New32a()
	_, _ = h.Write([]byte(server)) // a hash takes everything
	s.worker = int64(h.Sum32() & (1<<snowflakeWorkerBits - 1))
}

func (s *snowflakes) next(now time.Time) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	ms := max(now.UnixMilli()-snowflakeEpoch, s.last) // a clock that is set back makes none twice
	s.sequence++
	if ms > s.last {
		s.sequence = 0
	}
	if s.sequence == 1<<snowflakeSequenceBits { // borrowed from the next millisecond
		ms, s.sequence = ms+1, 0
	}
	s.last = ms
	return ms<<(snowflakeWorkerBits+snowflakeSequenceBits) | s.worker<<snowflakeSequenceBits | s.sequence
}

// identify gives an instance an id, if it wants one that is made and brings none.
func (r *Registry) identify(key ServiceKey, i *Instance) {
	if i.Meta.Generator() != generatorSnowflake || i.Meta.instanceID() != "" {
		return
	}
	n := r.snowflakes.next(time.Now())
	i.Meta = i.Meta.withID(strconv.FormatInt(n, 10) + "#" + i.Cluster + "#" + key.Grouped())
}

// withID returns the metadata of an instance with another id.
func (m *Metadata) withID(id string) *Metadata {
	c := *m
	c.extra = &extra{id: id, generator: m.extra.generator}
	return &c
}

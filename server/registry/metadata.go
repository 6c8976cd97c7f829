package registry

import (
	"encoding/json"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Keys of metadata that the registry itself reads.
const (
	keyBeatInterval = "preserved.heart.beat.interval"
	keyBeatTimeout  = "preserved.heart.beat.timeout"
	keyDeleteAfter  = "preserved.ip.delete.timeout"
	keyIDGenerator  = "preserved.instance.id.generator"
)

// What beats are held to unless an instance says otherwise.
const (
	DefaultBeatInterval = 5 * time.Second
	DefaultBeatTimeout  = 15 * time.Second
	DefaultDeleteAfter  = 30 * time.Second
)

// Metadata is what an instance, a service or a cluster says about itself. It
// is never changed once made, so that equal ones are shared; nil is the empty
// one. It is kept as the JSON object that all doors send, which is smaller
// than a map by far and needs no encoding.
type Metadata struct {
	json  string // an object of strings, keys in order
	extra *extra // what few have

	interval, timeout, deleteAfter uint32 // milliseconds; zero: the default
	text                           uint32 // bytes of keys and values
}

type extra struct {
	id        string // what the client calls the instance
	generator string // of the instance's id; "" is "simple"
}

// NewMetadata makes metadata of a map, nil of an empty one. instanceID is the
// name that a client gave its instance, "" for the usual one.
func NewMetadata(m map[string]string, instanceID string) *Metadata {
	if len(m) == 0 && instanceID == "" {
		return nil
	}
	md := &Metadata{}
	b := []byte{'{'}
	text := len(instanceID)
	for _, k := range slices.Sorted(maps.Keys(m)) {
		if len(b) > 1 {
			b = append(b, ',')
		}
		b = AppendJSONString(b, k)
		b = append(b, ':')
		b = AppendJSONString(b, m[k])
		text += len(k) + len(m[k])
	}
	md.json = string(append(b, '}'))
	md.interval = preserved(m, keyBeatInterval)
	md.timeout = preserved(m, keyBeatTimeout)
	md.deleteAfter = preserved(m, keyDeleteAfter)
	md.text = uint32(min(text, math.MaxUint32))
	generator := m[keyIDGenerator]
	if generator == "simple" {
		generator = ""
	}
	if generator != "" || instanceID != "" {
		md.extra = &extra{id: strings.Clone(instanceID), generator: strings.Clone(generator)}
	}
	return md
}

// preserved reads a time in milliseconds, zero if it is none.
func preserved(m map[string]string, key string) uint32 {
	ms, err := strconv.ParseInt(m[key], 10, 64)
	if err != nil || ms <= 0 || ms > maxTimeout.Milliseconds() {
		return 0
	}
	return uint32(ms)
}

// maxTimeout bounds what an instance may ask for.
const maxTimeout = 24 * time.Hour

// JSON returns the metadata as a JSON object.
func (m *Metadata) JSON() string {
	if m == nil {
		return "{}"
	}
	return m.json
}

// Map returns the metadata as a map of the caller's own.
func (m *Metadata) Map() map[string]string {
	out := make(map[string]string)
	if m == nil {
		return out
	}
	if err := json.Unmarshal([]byte(m.json), &out); err != nil {
		panic("registry: metadata is not what NewMetadata made: " + err.Error())
	}
	return out
}

// Get returns one value.
func (m *Metadata) Get(key string) string {
	if m == nil || !strings.Contains(m.json, key) {
		return ""
	}
	return m.Map()[key]
}

// BeatInterval is how often a client without a connection beats.
func (m *Metadata) BeatInterval() time.Duration {
	if m == nil || m.interval == 0 {
		return DefaultBeatInterval
	}
	return time.Duration(m.interval) * time.Millisecond
}

// BeatTimeout is how long after a beat the instance counts as healthy.
func (m *Metadata) BeatTimeout() time.Duration {
	if m == nil || m.timeout == 0 {
		return DefaultBeatTimeout
	}
	return time.Duration(m.timeout) * time.Millisecond
}

// DeleteAfter is how long after a beat the instance is kept.
func (m *Metadata) DeleteAfter() time.Duration {
	if m == nil || m.deleteAfter == 0 {
		return DefaultDeleteAfter
	}
	return time.Duration(m.deleteAfter) * time.Millisecond
}

// Generator names the way the instance's id is made, "simple" unless it says.
func (m *Metadata) Generator() string {
	if m == nil || m.extra == nil || m.extra.generator == "" {
		return "simple"
	}
	return m.extra.generator
}

func (m *Metadata) instanceID() string {
	if m == nil || m.extra == nil {
		return ""
	}
	return m.extra.id
}

// equal reports whether two say the same.
func (m *Metadata) equal(o *Metadata) bool {
	if m == o {
		return true
	}
	return m.JSON() == o.JSON() && m.instanceID() == o.instanceID()
}

// size is how many bytes of keys and values it holds.
func (m *Metadata) size() int {
	if m == nil {
		return 0
	}
	return int(m.text)
}

// with returns the metadata with the pairs of over set.
func (m *Metadata) with(over *Metadata) *Metadata {
	if over == nil || len(over.json) <= len("{}") {
		return m
	}
	all := m.Map()
	maps.Copy(all, over.Map())
	return NewMetadata(all, m.instanceID())
}

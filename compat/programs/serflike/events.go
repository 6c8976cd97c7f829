package main

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"sort"
	"sync"
)

// eventLog remembers what was said, so that nothing counts twice.
type eventLog struct {
	mu     sync.Mutex
	seen   map[string]bool // encoded messages
	leaves map[string]bool
	recent [][]byte // the latest, for whoever syncs
}

// recentMax is how many messages a sync carries. Gossip alone reaches nearly
// everybody with nearly everything; the rest is for syncs to bring.
const recentMax = 8192

func newEventLog() *eventLog {
	return &eventLog{seen: make(map[string]bool), leaves: make(map[string]bool)}
}

// add tells whether the message is new.
func (l *eventLog) add(m message) bool {
	b := encode(m)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.seen[string(b)] {
		return false
	}
	l.seen[string(b)] = true
	if m.kind == kindLeave {
		l.leaves[m.name] = true
	}
	if l.recent = append(l.recent, b); len(l.recent) > recentMax {
		l.recent = l.recent[1:]
	}
	return true
}

func (l *eventLog) intends(name string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.leaves[name]
}

// digest counts the user events and sums them up.
func (l *eventLog) digest() (int, string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	var all []string
	for b := range l.seen {
		if m, ok := decode([]byte(b)); ok && m.kind == kindEvent {
			all = append(all, m.name+"\x00"+string(m.payload))
		}
	}
	sort.Strings(all)
	sum := sha256.New()
	for _, s := range all {
		sum.Write([]byte(s + "\x00\x00"))
	}
	return len(all), hex.EncodeToString(sum.Sum(nil)[:8])
}

func (l *eventLog) encode(now uint64) []byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	b := binary.BigEndian.AppendUint64(nil, now)
	for _, m := range l.recent {
		b = binary.AppendUvarint(b, uint64(len(m)))
		b = append(b, m...)
	}
	return b
}

func decodeLog(b []byte) (now uint64, msgs []message) {
	if len(b) < 8 {
		return 0, nil
	}
	now, b = binary.BigEndian.Uint64(b), b[8:]
	for len(b) > 0 {
		n, used := binary.Uvarint(b)
		if used <= 0 || n > uint64(len(b)-used) {
			return now, msgs
		}
		if m, ok := decode(b[used : used+int(n)]); ok {
			msgs = append(msgs, m)
		}
		b = b[used+int(n):]
	}
	return now, msgs
}

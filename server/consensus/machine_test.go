package consensus

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"reflect"
	"testing"
	"time"

	"github.com/hashicorp/raft"
)

func entryOf(index uint64, commands ...command) *raft.Log {
	data := make([][]byte, len(commands))
	for i, c := range commands {
		data[i] = appendCommand(nil, c)
	}
	return &raft.Log{Index: index, Term: 1, Type: raft.LogCommand, Data: encodeEntry(kindCommands, data)}
}

func cmdOf(author byte, seq, floor uint64, s string) command {
	return command{session: sessionID{author}, seq: seq, floor: floor, data: []byte(s)}
}

func TestAppliesOnce(t *testing.T) {
	m := newMachine(newKV())
	apply := func(index uint64, c command) (string, error) {
		t.Helper()
		a := m.ApplyBatch([]*raft.Log{entryOf(index, c)})[0].([]answer)[0]
		return string(a.data), a.err
	}
	steps := []struct {
		c     command
		want  string
		after string
		fail  bool
	}{
		{cmdOf(1, 1, 1, "add k a"), "", "a", false},
		{cmdOf(1, 1, 1, "add k a"), "", "a", false},   // again: the first answer
		{cmdOf(1, 3, 1, "add k b"), "a", "ab", false}, // 2 is late
		{cmdOf(2, 1, 1, "add k c"), "ab", "abc", false},
		{cmdOf(1, 2, 1, "add k d"), "abc", "abcd", false},
		{cmdOf(1, 3, 1, "add k b"), "a", "abcd", false},
		{cmdOf(1, 4, 4, "add k e"), "abcd", "abcde", false}, // nobody waits for 1 to 3 any more
		{cmdOf(1, 3, 1, "add k b"), "", "abcde", true},
		{cmdOf(1, 4, 4, "add k e"), "abcd", "abcde", false},
	}
	for i, s := range steps {
		got, err := apply(uint64(i+1), s.c)
		if got != s.want || (err != nil) != s.fail || m.fsm.(*kv).get("k") != s.after {
			t.Errorf("step %d: answer %q, %v, then %q; want %q, %v, then %q", i, got, err, m.fsm.(*kv).get("k"), s.want, s.fail, s.after)
		}
	}
}

// What is remembered of authors is bounded, and those that go are the same on
// every server.
func TestSessionsAreBounded(t *testing.T) {
	a, b := newSessions(), newSessions()
	for i := range uint64(maxSessions * 2) {
		c := command{session: sessionID{byte(i), byte(i >> 8)}, seq: 1, floor: 1}
		for _, s := range []*sessions{a, b} {
			if _, what, _ := s.lookup(c, i); what != first {
				t.Fatalf("session %d is not new", i)
			}
		}
	}
	if len(a.byID) != maxSessions || !reflect.DeepEqual(a.ids(), b.ids()) {
		t.Errorf("%d sessions, equal: %v", len(a.byID), reflect.DeepEqual(a.ids(), b.ids()))
	}
	for i := range uint64(maxSessions) {
		if _, ok := a.byID[sessionID{byte(i), byte(i >> 8)}]; ok {
			t.Fatalf("session %d was not the first to go", i)
		}
	}
}

// A damaged entry stops the machine: neither it nor anything behind it is applied.
func TestDamagedEntryStops(t *testing.T) {
	m := newMachine(newKV())
	var fault error
	m.fail = func(err error) { fault = err }
	bad := entryOf(2, cmdOf(1, 2, 1, "add k b"))
	bad.Data[len(bad.Data)-1] ^= 1
	res := m.ApplyBatch([]*raft.Log{entryOf(1, cmdOf(1, 1, 1, "add k a")), bad, entryOf(3, cmdOf(1, 3, 1, "add k c"))})
	if err, ok := res[1].(error); !ok || !errors.Is(err, ErrCorrupt) {
		t.Errorf("the damaged entry came to %v", res[1])
	}
	if _, ok := res[2].(error); !ok {
		t.Errorf("the entry behind it came to %v", res[2])
	}
	if !errors.Is(fault, ErrCorrupt) {
		t.Errorf("the node was told %v", fault)
	}
	if got := m.fsm.(*kv).get("k"); got != "a" {
		t.Errorf("k is %q", got)
	}
	if m.progress.at() != 0 {
		t.Error("somebody may read the result")
	}
	if _, err := m.Snapshot(); err == nil {
		t.Error("a snapshot of a stopped machine")
	}
}

func snapshotOf(t *testing.T, m *machine) []byte {
	t.Helper()
	s, err := m.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := s.(*machineSnapshot).encode(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func filledMachine(t *testing.T, size int) *machine {
	t.Helper()
	m := newMachine(newKV())
	for i := range uint64(20) {
		m.ApplyBatch([]*raft.Log{entryOf(i+1, cmdOf(byte(i%3), i/3+1, 1, fmt.Sprintf("set k%d %0*d", i, size, i)))})
	}
	return m
}

func TestSnapshotRoundTrip(t *testing.T) {
	for _, size := range []int{1, 20000} { // less and more than a chunk
		m := filledMachine(t, size)
		b := snapshotOf(t, m)
		to := newMachine(newKV())
		if err := to.Restore(io.NopCloser(bytes.NewReader(b))); err != nil {
			t.Fatal(err)
		}
		if to.count != m.count || to.progress.at() != 20 || !reflect.DeepEqual(to.sessions, m.sessions) ||
			!reflect.DeepEqual(to.fsm.(*kv).state(), m.fsm.(*kv).state()) {
			t.Errorf("size %d: restored %+v", size, to)
		}
		// A command from before is still known.
		a := to.ApplyBatch([]*raft.Log{entryOf(21, cmdOf(0, 1, 1, "add k0 x"))})[0].([]answer)[0]
		if a.err != nil || to.stats.Repeats != 1 {
			t.Errorf("a repeat across a snapshot: %+v", a)
		}
	}
}

// A snapshot with any bit changed, or cut anywhere, is refused.
func TestDamagedSnapshot(t *testing.T) {
	b := snapshotOf(t, filledMachine(t, 10))
	try := func(what string, b []byte) {
		t.Helper()
		m := newMachine(newKV())
		if err := m.Restore(io.NopCloser(bytes.NewReader(b))); err == nil {
			t.Errorf("%s: restored", what)
		}
		if m.count != 0 || len(m.sessions.byID) != 0 {
			t.Errorf("%s: the machine changed", what)
		}
	}
	for i := range b {
		try(fmt.Sprintf("cut at %d of %d", i, len(b)), b[:i])
	}
	seed := uint64(time.Now().UnixNano())
	rng := rand.New(rand.NewPCG(seed, 0))
	for range 500 {
		c := bytes.Clone(b)
		at, bit := rng.IntN(len(c)), rng.IntN(8)
		c[at] ^= 1 << bit
		try(fmt.Sprintf("seed %d: bit %d of byte %d", seed, bit, at), c)
	}
}

func FuzzDecodeEntry(f *testing.F) {
	f.Add(entryOf(1, cmdOf(1, 1, 1, "set k v"), cmdOf(2, 300, 7, "")).Data)
	f.Add(encodeEntry(kindOpening, nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		kind, commands, err := decodeEntry(b)
		if err != nil {
			if !errors.Is(err, ErrCorrupt) {
				t.Errorf("error %v", err)
			}
			return
		}
		var data [][]byte
		for _, c := range commands {
			data = append(data, appendCommand(nil, c))
		}
		if len(encodeEntry(kind, data)) > len(b) {
			t.Error("an entry grew")
		}
	})
}

func FuzzReadCommand(f *testing.F) {
	f.Add(appendCommand(nil, cmdOf(1, 1, 1, "set k v")))
	f.Fuzz(func(t *testing.T, b []byte) {
		c, rest, err := readCommand(b)
		if err != nil {
			return
		}
		if c.seq-c.floor >= maxWindow || len(c.data) > largestCommand {
			t.Errorf("accepted %+v", c)
		}
		again, none, err := readCommand(appendCommand(nil, c))
		if err != nil || len(none) != 0 || !reflect.DeepEqual(again.data, c.data) || len(rest) > len(b) {
			t.Errorf("%+v became %+v, %v", c, again, err)
		}
	})
}

func FuzzRestore(f *testing.F) {
	m := newMachine(newKV())
	m.ApplyBatch([]*raft.Log{entryOf(1, cmdOf(1, 1, 1, "set k v"))})
	s, err := m.Snapshot()
	if err != nil {
		f.Fatal(err)
	}
	var b bytes.Buffer
	if err := s.(*machineSnapshot).encode(&b); err != nil {
		f.Fatal(err)
	}
	f.Add(b.Bytes())
	f.Fuzz(func(t *testing.T, b []byte) {
		m := newMachine(newKV())
		_ = m.Restore(io.NopCloser(bytes.NewReader(b))) // must not panic nor use memory without bound
	})
}

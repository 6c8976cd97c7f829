package wire

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"net/netip"
	"os"
	"reflect"
	"strings"
	"testing"
)

// message is what all message structs can do.
type message interface {
	Append([]byte) []byte
	Decode([]byte) error
}

var (
	local1   = netip.MustParseAddr("127.0.0.1")
	local2   = netip.MustParseAddr("127.0.0.2")
	versions = Versions{1, 5, 2, 0, 0, 0}
)

// vectorMessages are the messages of testdata/vectors.txt that are structs.
var vectorMessages = map[string]message{
	"ping":            &Ping{SeqNo: 1, Node: "b"},
	"ping-source":     &Ping{SeqNo: 300, Node: "b", SourceAddr: local1, SourcePort: 7946, SourceNode: "a"},
	"indirect-ping":   &IndirectPing{SeqNo: 1, Target: local2, Port: 7946, Node: "c", Nack: true, SourceAddr: local1, SourcePort: 7946, SourceNode: "a"},
	"ack":             &Ack{SeqNo: 1},
	"nack":            &Nack{SeqNo: 70000},
	"error":           &Error{Error: "boom"},
	"suspect":         &Suspect{Incarnation: 1, Node: "b", From: "a"},
	"alive":           &Alive{Incarnation: 1, Node: "a", Addr: local1, Port: 7946, Versions: versions},
	"alive-v6":        &Alive{Incarnation: 200, Node: "a", Addr: netip.IPv6Loopback(), Port: 7946, Meta: bytes.Repeat([]byte("x"), 40), Versions: Versions{1, 5, 2, 2, 5, 4}},
	"dead":            &Dead{Incarnation: 1, Node: "a", From: "a"},
	"push-pull":       &PushPullHeader{Nodes: 200, UserStateLen: 70000, Join: true},
	"node-state":      &PushNodeState{Name: "a", Addr: local1, Port: 7946, Incarnation: 1, State: StateLeft, Versions: versions},
	"user-header":     &UserHeader{UserMsgLen: 5},
	"ping-caps":       &Ping{SeqNo: 1, Node: "b", Caps: CapMuster},
	"indirect-caps":   &IndirectPing{SeqNo: 1, Target: local2, Port: 1, Node: "c", Caps: CapMuster},
	"ack-caps":        &Ack{SeqNo: 1, Payload: []byte{}, Caps: CapMuster},
	"alive-caps":      &Alive{Incarnation: 1, Node: "a", Addr: local1, Port: 7946, Versions: versions, Caps: CapMuster},
	"push-pull-caps":  &PushPullHeader{Nodes: 1, Caps: CapMuster},
	"node-state-caps": &PushNodeState{Name: "a", Addr: local1, Port: 7946, Incarnation: 1, Versions: versions, Caps: CapMuster},
	"hello":           &UserHeader{Caps: CapMuster},
	"alive-about": &Alive{Node: "a", Incarnation: 1, Addr: local1, Port: 7946, Versions: versions, Caps: CapMuster,
		About: About{ID: 0x0102030405060708, Namespace: "dev/a", Alias: "al", Leaving: true, MetaID: 5}},
	"node-state-about": &PushNodeState{Name: "a", Addr: local1, Port: 7946, Incarnation: 1, Versions: versions,
		About: About{ID: 7, Namespace: "n"}},
	"gone":  &Gone{SeqNo: 70000},
	"rumor": &Rumor{Origin: 0x0102030405060708, Seq: 9, Payload: []byte("payload")},
}

// vectorBytes are those that are layers, built by functions.
func vectorBytes(t testing.TB) map[string][]byte {
	t.Helper()
	compressed, err := AppendCompressed(nil, bytes.Repeat([]byte("a"), 16))
	if err != nil {
		t.Fatal(err)
	}
	compound, err := AppendCompound(nil, []byte{1, 2}, []byte{3})
	if err != nil {
		t.Fatal(err)
	}
	labelled, err := (&Codec{Label: "dc1"}).Seal(nil, []byte{0}, false)
	if err != nil {
		t.Fatal(err)
	}
	return map[string][]byte{
		"compress": compressed,
		"compound": compound,
		"label":    labelled,
	}
}

// readVectors returns testdata/vectors.txt by name.
func readVectors(t testing.TB) map[string][]byte {
	t.Helper()
	out := map[string][]byte{}
	for _, f := range readFields(t, "testdata/vectors.txt", 2) {
		out[f[0]] = unhex(t, f[1])
	}
	return out
}

// readFields splits a file into lines of n fields, without its comments.
func readFields(t testing.TB, name string, n int) (out [][]string) {
	t.Helper()
	file, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	s := bufio.NewScanner(file)
	s.Buffer(nil, 1<<20)
	for s.Scan() {
		f := strings.Fields(s.Text())
		if len(f) == 0 || f[0] == "#" {
			continue
		}
		if len(f) != n {
			t.Fatalf("%s: %q has not %d fields", name, s.Text(), n)
		}
		out = append(out, f)
	}
	if err := s.Err(); err != nil {
		t.Fatal(err)
	}
	return out
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// body is a message without its type byte, which node states have not.
func body(m message, b []byte) []byte {
	if _, ok := m.(*PushNodeState); ok {
		return b
	}
	return b[1:]
}

func TestVectors(t *testing.T) {
	layers := vectorBytes(t)
	for name, want := range readVectors(t) {
		t.Run(name, func(t *testing.T) {
			m, ok := vectorMessages[name]
			got := layers[name]
			if ok {
				got = m.Append([]byte("before"))
				got = bytes.TrimPrefix(got, []byte("before"))
			}
			if !bytes.Equal(got, want) {
				t.Fatalf("encoded\n%x, want\n%x", got, want)
			}
			if !ok {
				return
			}
			dirty := reflect.New(reflect.TypeOf(m).Elem())
			if err := fill(dirty.Interface().(message)); err != nil {
				t.Fatal(err)
			}
			if err := dirty.Interface().(message).Decode(body(m, want)); err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(dirty.Interface(), m) {
				t.Fatalf("decoded %+v, want %+v", dirty.Interface(), m)
			}
		})
	}
	for name := range vectorMessages {
		if _, ok := readVectors(t)[name]; !ok {
			t.Errorf("%s has no bytes in testdata/vectors.txt", name)
		}
	}
}

// fill puts other values into every field of m, as a struct that is used again
// and again has: Decode must leave none of them behind.
func fill(m message) error {
	full := map[reflect.Type]message{
		reflect.TypeFor[*Ping]():           &Ping{9, "old", local2, 9, "old", 9},
		reflect.TypeFor[*IndirectPing]():   &IndirectPing{9, local1, 9, "old", true, local2, 9, "old", 9},
		reflect.TypeFor[*Ack]():            &Ack{9, []byte("old"), 9},
		reflect.TypeFor[*Alive]():          &Alive{9, "old", local2, 9, []byte("old"), Versions{9}, 9, About{9, "old", "old", true, 9}},
		reflect.TypeFor[*PushPullHeader](): &PushPullHeader{9, 9, true, 9},
		reflect.TypeFor[*PushNodeState]():  &PushNodeState{"old", local2, 9, []byte("old"), 9, 9, Versions{9}, 9, About{9, "old", "old", true, 9}},
		reflect.TypeFor[*UserHeader]():     &UserHeader{9, 9},
	}
	old, ok := full[reflect.TypeOf(m)]
	if !ok {
		return nil
	}
	return m.Decode(body(m, old.Append(nil)))
}

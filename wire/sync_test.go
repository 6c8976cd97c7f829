package wire

import (
	"bufio"
	"bytes"
	"errors"
	"net/netip"
	"reflect"
	"testing"
)

// syncStates are states in which every field of the encoding is used and left
// out.
func syncStates() []PushNodeState {
	v4, v6 := netip.MustParseAddr("10.1.2.3"), netip.MustParseAddr("2001:db8::7")
	return []PushNodeState{
		{Name: "a", Addr: v4, Port: 7946, Incarnation: 1, Versions: usualVersions},
		{Name: "b", Addr: v6, Port: 1, Incarnation: 1<<32 - 1, State: StateLeft, Versions: Versions{1, 5, 2, 2, 5, 4}, Caps: 255},
		{Name: "", Addr: v4, State: StateSuspect, Meta: bytes.Repeat([]byte{7}, 512), Versions: usualVersions},
		{Name: "d", Addr: v4, State: StateDead, Versions: usualVersions, About: About{ID: 1 << 63}},
		{Name: "e", Addr: v4, Versions: usualVersions, About: About{ID: 5, Namespace: "dev/eu", Alias: "eve", Leaving: true, MetaID: 1<<64 - 1}},
		{Name: "f", Addr: v4, About: About{Alias: "only"}},
	}
}

func syncMessages() []Sync {
	var states []byte
	for _, s := range syncStates() {
		states = s.AppendSyncState(states)
	}
	return []Sync{
		{Kind: SyncRoot, Salt: 1<<64 - 1, Scope: "dev/eu", Count: 10_000, Root: 42, To: 16},
		{Kind: SyncMore, Salt: 3, From: 16, To: 40},
		{Kind: SyncDiff, Salt: 4, Wanted: []byte("12345678abcdefgh"), States: states},
		{Kind: SyncDiff, Salt: 5, Scope: "x", All: true},
		{Kind: SyncEqual},
		{Kind: SyncSymbols, Root: 9, Count: MaxNodes, From: 16, Symbols: bytes.Repeat([]byte("s"), 3*SymbolSize)},
		{Kind: SyncStates, States: states},
	}
}

// What is written is read, alone and through a codec's stream.
func TestSyncRoundTrip(t *testing.T) {
	for _, want := range syncMessages() {
		msg := want.Append(nil)
		var got Sync
		if err := got.Decode(msg); err != nil {
			t.Fatalf("kind %d: %v", want.Kind, err)
		}
		if !same(want, got) {
			t.Errorf("wrote %+v, read %+v", want, got)
		}
		var c Codec
		b, err := c.AppendStreamMessage(nil, msg)
		if err != nil {
			t.Fatal(err)
		}
		read, err := c.ReadStreamMessage(bufio.NewReader(bytes.NewReader(b)), 0)
		if err != nil || !bytes.Equal(read, msg) {
			t.Errorf("kind %d through a stream: %x, %v", want.Kind, read, err)
		}
	}
}

// same compares but for the difference between no bytes and none given.
func same(a, b Sync) bool {
	for _, m := range []*Sync{&a, &b} {
		m.Wanted, m.Symbols, m.States = append([]byte{}, m.Wanted...), append([]byte{}, m.Symbols...), append([]byte{}, m.States...)
	}
	return reflect.DeepEqual(a, b)
}

func TestSyncStateRoundTrip(t *testing.T) {
	for _, want := range syncStates() {
		m := Sync{Kind: SyncStates, States: want.AppendSyncState(nil)}
		n := 0
		m.EachState(func(got *PushNodeState) {
			if n++; !reflect.DeepEqual(want, *got) {
				t.Errorf("wrote %+v, read %+v", want, *got)
			}
		})
		if n != 1 || m.NumStates() != 1 {
			t.Errorf("%+v is read as %d states", want, n)
		}
	}
}

// Whatever a state says of a member travels: a field that was forgotten here
// would differ between two members for good, without either seeing it.
func TestSyncStateHasEveryField(t *testing.T) {
	plain := PushNodeState{Addr: netip.MustParseAddr("10.1.2.3")}
	other := map[string]any{"Addr": netip.MustParseAddr("10.1.2.4"), "Meta": []byte{1}, "State": StateDead}
	visit := func(field reflect.StructField, set func(*PushNodeState) reflect.Value) {
		s := plain
		v := set(&s)
		switch value, ok := other[field.Name]; {
		case ok:
			v.Set(reflect.ValueOf(value))
		case v.Kind() == reflect.String:
			v.SetString("x")
		case v.Kind() == reflect.Bool:
			v.SetBool(true)
		case v.Kind() == reflect.Array:
			v.Index(v.Len() - 1).SetUint(7)
		default:
			v.SetUint(7)
		}
		b := s.AppendSyncState(nil)
		m := Sync{Kind: SyncStates, States: b}
		m.EachState(func(got *PushNodeState) {
			if !reflect.DeepEqual(s, *got) {
				t.Errorf("%s is lost: wrote %+v, read %+v", field.Name, s, *got)
			}
		})
		if m.NumStates() != 1 {
			t.Errorf("%s: %x is no state", field.Name, b)
		}
	}
	about := reflect.TypeFor[About]()
	for i := range about.NumField() {
		visit(about.Field(i), func(s *PushNodeState) reflect.Value { return reflect.ValueOf(&s.About).Elem().Field(i) })
	}
	state := reflect.TypeFor[PushNodeState]()
	for i := range state.NumField() {
		if field := state.Field(i); !field.Anonymous {
			visit(field, func(s *PushNodeState) reflect.Value { return reflect.ValueOf(s).Elem().Field(i) })
		}
	}
}

// The state of a member as there are many takes at most 45 bytes.
func TestSyncStateSize(t *testing.T) {
	s := PushNodeState{
		Name: "node-0123456789-abcdef", Addr: netip.MustParseAddr("10.1.2.3"), Port: 7946, Incarnation: 300,
		Versions: usualVersions, Caps: 15, About: About{ID: 1 << 62},
	}
	if n := len(s.AppendSyncState(nil)); n > 45 {
		t.Errorf("a state takes %d bytes", n)
	}
}

// A message that lacks its end, or says too much, is refused.
func TestSyncRefused(t *testing.T) {
	for _, m := range syncMessages() {
		msg := m.Append(nil)
		for n := range msg {
			cut := append([]byte(nil), msg[:n]...)
			if n >= framedHead { // the length is right, what it counts is not
				EndFramed(cut, 0)
			}
			var got Sync
			if err := got.Decode(cut); err == nil && got.Kind != SyncStates && got.Kind != SyncDiff && got.Kind != SyncSymbols {
				t.Errorf("kind %d is read from %d of %d bytes: %+v", m.Kind, n, len(msg), got)
			}
		}
	}
	frame := func(body ...byte) []byte { return EndFramed(append(BeginFramed(nil, TypeSync), body...), 0) }
	head := []byte{1, 2, 3, 4, 5, 6, 7, 8, 0}
	for name, test := range map[string]struct {
		msg  []byte
		want error
	}{
		"no kind":               {frame(), ErrTruncated},
		"kind 0":                {frame(0), ErrMalformed},
		"kind 7":                {frame(7), ErrMalformed},
		"another type":          {append([]byte{byte(TypeMessage)}, frame(4)[1:]...), ErrTruncated},
		"more after equal":      {frame(4, 0), ErrMalformed},
		"symbols backwards":     {frame(append(append([]byte{2}, head...), 9, 8)...), ErrMalformed},
		"half a symbol":         {frame(append([]byte{5}, append(head[:8:8], 1, 0, 1, 2, 3)...)...), ErrTruncated},
		"four million symbols":  {frame(append(append([]byte{2}, head...), 0, 0xff, 0xff, 0xff, 0x7f)...), ErrRange},
		"more hashes than fit":  {frame(append(append([]byte{3}, head...), 0, 0x80, 0x80, 0x40)...), ErrTruncated},
		"a scope of 300 bytes":  {frame(append(append([]byte{1}, head[:8]...), 0xac, 2)...), ErrRange},
		"a number of 11 bytes":  {frame(append(append([]byte{2}, head...), bytes.Repeat([]byte{0xff}, 11)...)...), ErrRange},
		"a state without a tag": {frame(6, 0xff), ErrTruncated},
	} {
		var got Sync
		if err := got.Decode(test.msg); !errors.Is(err, test.want) {
			t.Errorf("%s: %v, want %v", name, err, test.want)
		}
	}
}

// FuzzSync: what is read can be written, and is then read as the same.
func FuzzSync(f *testing.F) {
	for _, m := range syncMessages() {
		f.Add(m.Append(nil)[framedHead:])
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		msg := EndFramed(append(BeginFramed(nil, TypeSync), body...), 0)
		var m, again Sync
		if err := m.Decode(msg); err != nil {
			return
		}
		if len(m.Wanted)%HashSize != 0 || len(m.Symbols)%SymbolSize != 0 || m.From > MaxSymbols || m.To > MaxSymbols || m.Count > MaxNodes {
			t.Fatalf("out of bounds: %+v", m)
		}
		var states []byte
		n := 0
		m.EachState(func(s *PushNodeState) {
			n++
			states = s.AppendSyncState(states)
		})
		if n == 0 && len(m.States) > 0 {
			t.Fatalf("no state in %x", m.States)
		}
		m.States = states
		if err := again.Decode(m.Append(nil)); err != nil || !same(m, again) {
			t.Fatalf("read %+v, then %+v, %v", m, again, err)
		}
	})
}

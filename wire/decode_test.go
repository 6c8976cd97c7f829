package wire

import (
	"bytes"
	"encoding/binary"
	"errors"
	"net/netip"
	"reflect"
	"strings"
	"testing"
)

// raw, num and friends write msgpack by hand, in forms Append never uses.
func raw(s string) string    { return string(appendString(nil, s)) }
func num(v uint64) string    { return string(appendUint(nil, v)) }
func cat(s ...string) []byte { return []byte(strings.Join(s, "")) }

var fullAlive = Alive{Incarnation: 5, Node: "n", Addr: local1, Port: 7946, Meta: []byte("meta"), Versions: versions}

// TestForms: peers may write fields in another way than we do, and go-msgpack
// reads all of these.
func TestForms(t *testing.T) {
	addr, vsn := raw("\x7f\x00\x00\x01"), raw("\x01\x05\x02\x00\x00\x00")
	forms := map[string][]byte{
		"sorted": fullAlive.Append(nil)[1:],
		"reversed": cat("\x86", raw("Vsn"), vsn, raw("Port"), num(7946), raw("Node"), raw("n"), raw("Meta"), raw("meta"),
			raw("Incarnation"), num(5), raw("Addr"), addr),
		"array, as declared":      cat("\x96", num(5), raw("n"), addr, num(7946), raw("meta"), vsn),
		"array16":                 cat("\xdc\x00\x06", num(5), raw("n"), addr, num(7946), raw("meta"), vsn),
		"array with one too many": cat("\x97", num(5), raw("n"), addr, num(7946), raw("meta"), vsn, raw("new")),
		"map16":                   cat("\xde\x00\x06", string(fullAlive.Append(nil)[2:])),
		"map32":                   cat("\xdf\x00\x00\x00\x06", string(fullAlive.Append(nil)[2:])),
		"unknown keys of all kinds": cat("\x8c", raw("a"), "\xc0", raw("Addr"), addr, raw("b"), "\x82\xc2\x93\x01\x02\x03\xcb12345678\x80",
			raw("c"), "\xca1234", raw("Incarnation"), num(5), raw("d"), "\xd8"+strings.Repeat("x", 17), raw("Meta"), raw("meta"),
			raw("e"), "\xc7\x03\x01abc", raw("Node"), raw("n"), raw("f"), "\xdd\x00\x00\x00\x02\xff\xd0\x80", raw("Port"), num(7946), raw("Vsn"), vsn),
		"str8, bin8, bin16, bin32": cat("\x86\xd9\x04Addr\xc4\x04\x7f\x00\x00\x01", raw("Incarnation"), num(5), raw("Meta"), "\xc5\x00\x04meta",
			"\xc4\x04Node\xd9\x01n", raw("Port"), num(7946), raw("Vsn"), "\xc6\x00\x00\x00\x06\x01\x05\x02\x00\x00\x00"),
		"arrays of numbers": cat("\x86", raw("Addr"), "\x94\x7f\x00\xcc\x00\x01", raw("Incarnation"), num(5), raw("Meta"), "\xdc\x00\x04m\xcc\x65ta",
			raw("Node"), "\x91n", raw("Port"), num(7946), raw("Vsn"), "\x96\x01\x05\x02\x00\x00\x00"),
		"wide and signed numbers": cat("\x86", raw("Addr"), addr, raw("Incarnation"), "\xd3\x00\x00\x00\x00\x00\x00\x00\x05", raw("Meta"), raw("meta"),
			raw("Node"), raw("n"), raw("Port"), "\xcf\x00\x00\x00\x00\x00\x00\x1f\x0a", raw("Vsn"), vsn),
		"mapped address": cat("\x86", raw("Addr"), raw("\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\xff\xff\x7f\x00\x00\x01"), raw("Incarnation"), "\xd0\x05",
			raw("Meta"), raw("meta"), raw("Node"), raw("n"), raw("Port"), "\xd1\x1f\x0a", raw("Vsn"), vsn),
		"something after it": append(fullAlive.Append(nil)[1:], "rest"...),
		"twice the same key": cat("\x87", raw("Node"), raw("first"), string(fullAlive.Append(nil)[2:])),
	}
	for name, b := range forms {
		t.Run(name, func(t *testing.T) {
			var got Alive
			if err := got.Decode(b); err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got, fullAlive) {
				t.Fatalf("got %+v, want %+v", got, fullAlive)
			}
		})
	}
}

// TestArrayOrder pins the declaration order of every message (net.go:98-206).
func TestArrayOrder(t *testing.T) {
	a1, a2 := raw("\x7f\x00\x00\x01"), raw("\x7f\x00\x00\x02")
	for _, c := range []struct {
		b    []byte
		want message
	}{
		{cat("\x95", num(1), raw("n"), a1, num(2), raw("s")), &Ping{SeqNo: 1, Node: "n", SourceAddr: local1, SourcePort: 2, SourceNode: "s"}},
		{cat("\x98", num(1), a2, num(2), raw("n"), "\xc3", a1, num(3), raw("s")),
			&IndirectPing{SeqNo: 1, Target: local2, Port: 2, Node: "n", Nack: true, SourceAddr: local1, SourcePort: 3, SourceNode: "s"}},
		{cat("\x92", num(1), raw("p")), &Ack{SeqNo: 1, Payload: []byte("p")}},
		{cat("\x91", num(1)), &Nack{SeqNo: 1}},
		{cat("\x91", raw("e")), &Error{Error: "e"}},
		{cat("\x93", num(1), raw("n"), raw("f")), &Suspect{Incarnation: 1, Node: "n", From: "f"}},
		{cat("\x93", num(1), raw("n"), raw("f")), &Dead{Incarnation: 1, Node: "n", From: "f"}},
		{cat("\x93", num(1), num(2), "\xc3"), &PushPullHeader{Nodes: 1, UserStateLen: 2, Join: true}},
		{cat("\x97", raw("n"), a1, num(2), raw("m"), num(3), num(1), raw("\x01\x05\x02\x00\x00\x00")),
			&PushNodeState{Name: "n", Addr: local1, Port: 2, Meta: []byte("m"), Incarnation: 3, State: StateSuspect, Versions: versions}},
		{cat("\x91", num(1)), &UserHeader{UserMsgLen: 1}},
	} {
		got := reflect.New(reflect.TypeOf(c.want).Elem()).Interface().(message)
		if err := got.Decode(c.b); err != nil || !reflect.DeepEqual(got, c.want) {
			t.Errorf("got %+v, %v; want %+v", got, err, c.want)
		}
	}
}

func TestRefused(t *testing.T) {
	for _, c := range []struct {
		name string
		m    message
		body []byte
		want error
	}{
		{"empty", &Ping{}, nil, ErrTruncated},
		{"not a map", &Ping{}, cat(num(1)), ErrMalformed},
		{"the byte msgpack never uses", &Ping{}, cat("\x81", raw("x"), "\xc1"), ErrMalformed},
		{"a number for a key", &Ping{}, cat("\x81\x01\x01"), ErrMalformed},
		{"a bool for a name", &Ping{}, cat("\x81", raw("Node"), "\xc3"), ErrMalformed},
		{"a name for a number", &Ping{}, cat("\x81", raw("SeqNo"), raw("x")), ErrMalformed},
		{"a number for a bool", &IndirectPing{}, cat("\x81", raw("Nack"), num(2)), ErrMalformed},
		{"a negative number", &Ping{}, cat("\x81", raw("SeqNo"), "\xff"), ErrRange},
		{"a negative int8", &Ping{}, cat("\x81", raw("SeqNo"), "\xd0\x80"), ErrRange},
		{"a negative int64", &Ping{}, cat("\x81", raw("SeqNo"), "\xd3\xff\xff\xff\xff\xff\xff\xff\xff"), ErrRange},
		{"a port of 65536", &Ping{}, cat("\x81", raw("SourcePort"), num(65536)), ErrRange},
		{"a sequence number of 33 bits", &Ping{}, cat("\x81", raw("SeqNo"), num(1<<32)), ErrRange},
		{"a byte of 256", &Ack{}, cat("\x81", raw("Payload"), "\x91", num(256)), ErrRange},
		{"a state of 256", &PushNodeState{}, cat("\x81", raw("State"), num(256)), ErrRange},
		{"a huge string", &Ping{}, cat("\x81", raw("Node"), "\xdb\xff\xff\xff\xff"), ErrTruncated},
		{"a huge array of bytes", &Ack{}, cat("\x81", raw("Payload"), "\xdd\xff\xff\xff\xff"), ErrTruncated},
		{"a huge map", &Ping{}, cat("\xdf\xff\xff\xff\xff"), ErrTruncated},
		{"a huge unknown map", &Ping{}, cat("\x81", raw("x"), "\xdf\xff\xff\xff\xff"), ErrTruncated},
		{"no address", &Alive{}, cat("\x80"), ErrAddress},
		{"an address of 5 bytes", &Alive{}, cat("\x81", raw("Addr"), raw("12345")), ErrAddress},
		{"no target", &IndirectPing{}, cat("\x80"), ErrAddress},
		{"a node state's address", &PushNodeState{}, cat("\x81", raw("Addr"), raw("123")), ErrAddress},
		{"too many nodes", &PushPullHeader{}, cat("\x81", raw("Nodes"), num(MaxNodes+1)), ErrTooLarge},
		{"too much user state", &PushPullHeader{}, cat("\x81", raw("UserStateLen"), num(MaxUserState+1)), ErrTooLarge},
		{"too long a user message", &UserHeader{}, cat("\x81", raw("UserMsgLen"), num(MaxUserMessage+1)), ErrTooLarge},
		{"a rumor without its number", &Rumor{}, make([]byte, 15), ErrTruncated},
	} {
		if err := c.m.Decode(c.body); !errors.Is(err, c.want) {
			t.Errorf("%s: got %v, want %v", c.name, err, c.want)
		}
	}
}

// TestLenient: what memberlist lets pass must not cost us the message.
func TestLenient(t *testing.T) {
	for _, c := range []struct {
		name string
		m    message
		body []byte
		want message
	}{
		{"nil instead of a message", &Ping{}, cat("\xc0"), &Ping{}},
		{"nil for everything", &Ping{}, cat("\x83", raw("Node"), "\xc0", raw("SeqNo"), "\xc0", raw("SourceAddr"), "\xc0"), &Ping{}},
		{"a source address of 5 bytes", &Ping{}, cat("\x82", raw("SourceAddr"), raw("12345"), raw("SeqNo"), num(7)), &Ping{SeqNo: 7}},
		{"1 for true", &PushPullHeader{}, cat("\x81", raw("Join"), num(1)), &PushPullHeader{Join: true}},
		{"0 for false", &PushPullHeader{}, cat("\x81", raw("Join"), num(0)), &PushPullHeader{}},
		{"three versions", &PushNodeState{}, cat("\x82", raw("Addr"), raw("\x7f\x00\x00\x01"), raw("Vsn"), raw("\x01\x05\x02")),
			&PushNodeState{Addr: local1, Versions: Versions{1, 5, 2}}},
		{"seven versions", &PushNodeState{}, cat("\x82", raw("Addr"), raw("\x7f\x00\x00\x01"), raw("Vsn"), raw("\x01\x05\x02\x00\x00\x00\x09")),
			&PushNodeState{Addr: local1, Versions: versions}},
		{"capabilities of the future", &Ack{}, cat("\x81", raw("M"), num(0xff01)), &Ack{Caps: CapMuster}},
	} {
		if err := c.m.Decode(c.body); err != nil || !reflect.DeepEqual(c.m, c.want) {
			t.Errorf("%s: got %+v, %v, want %+v", c.name, c.m, err, c.want)
		}
	}
}

// TestTruncated cuts every vector at every place.
func TestTruncated(t *testing.T) {
	vectors := readVectors(t)
	for name, m := range vectorMessages {
		if name == "rumor" { // its payload may be of any length
			continue
		}
		b := body(m, vectors[name])
		for n := range b {
			got := reflect.New(reflect.TypeOf(m).Elem()).Interface().(message)
			if err := got.Decode(b[:n]); !errors.Is(err, ErrTruncated) {
				t.Errorf("%s cut to %d bytes: %v", name, n, err)
			}
		}
	}
}

// TestNesting: an unknown value may be nested as deep as it has bytes.
func TestNesting(t *testing.T) {
	deep := strings.Repeat("\x91", 1<<20)
	var m Ping
	if err := m.Decode(cat("\x82", raw("x"), deep, "\xc0", raw("SeqNo"), num(7))); err != nil || m.SeqNo != 7 {
		t.Fatalf("%+v, %v", m, err)
	}
	if err := m.Decode(cat("\x82", raw("x"), deep)); !errors.Is(err, ErrTruncated) {
		t.Fatal(err)
	}
}

// TestAlias: what Decode yields is the buffer's memory, and appending to it
// must not reach what comes behind.
func TestAlias(t *testing.T) {
	body := (&Ack{SeqNo: 1, Payload: []byte("payload")}).Append(nil)[1:]
	var m Ack
	if err := m.Decode(body); err != nil {
		t.Fatal(err)
	}
	before := bytes.Clone(body)
	_ = append(m.Payload, "more"...)
	if !bytes.Equal(body, before) {
		t.Fatal("appending to a payload changed the message")
	}
	body[bytes.Index(body, []byte("payload"))] = 'P'
	if string(m.Payload) != "Payload" {
		t.Fatal("the payload was copied")
	}
}

func TestAddresses(t *testing.T) {
	for _, s := range []string{"10.1.2.3", "::ffff:10.1.2.3", "fd00::1", "fe80::1%eth0"} {
		var m Alive
		if err := m.Decode((&Alive{Addr: netip.MustParseAddr(s)}).Append(nil)[1:]); err != nil {
			t.Fatal(err)
		}
		if want := netip.MustParseAddr(s).Unmap().WithZone(""); m.Addr != want {
			t.Errorf("%s became %s, want %s", s, m.Addr, want)
		}
	}
}

func TestRumorLayout(t *testing.T) {
	b := (&Rumor{Origin: 1, Seq: 2, Payload: []byte("x")}).Append(nil)
	if b[0] != 208 || binary.BigEndian.Uint64(b[1:]) != 1 || binary.BigEndian.Uint64(b[9:]) != 2 || string(b[17:]) != "x" {
		t.Fatalf("%x", b)
	}
}

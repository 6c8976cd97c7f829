package oracle

import (
	"bytes"
	"flag"
	"math/rand/v2"
	"reflect"
	"testing"

	"github.com/hashicorp/go-msgpack/v2/codec"

	"github.com/musterhq/muster/wire"
)

var (
	seed   = flag.Uint64("seed", rand.Uint64(), "replays one run")
	rounds = flag.Int("rounds", 2000, "messages of each type")
)

// asMemberlist is the handle memberlist makes for every message.
func asMemberlist() *codec.MsgpackHandle {
	h := &codec.MsgpackHandle{}
	h.TimeNotBuiltin = true
	return h
}

func encode(t *testing.T, h *codec.MsgpackHandle, v any) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := codec.NewEncoder(&b, h).Encode(v); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// each calls f with random pairs, naming the seed when something fails.
func each(t *testing.T, f func(t *testing.T, p pair)) {
	t.Helper()
	src := source{rand.New(rand.NewPCG(*seed, 0))}
	for range *rounds {
		for _, p := range src.pairs() {
			if f(t, p); t.Failed() {
				t.Fatalf("%s; replay with -seed %d", p.name, *seed)
			}
		}
	}
}

// body is a message without its type byte, which node states have not.
func body(m message) []byte {
	b := m.Append(nil)
	if _, ok := m.(*wire.PushNodeState); ok {
		return b
	}
	return b[1:]
}

// TestSameBytes: both write the same.
func TestSameBytes(t *testing.T) {
	each(t, func(t *testing.T, p pair) {
		if ours, theirs := body(p.ours), encode(t, asMemberlist(), p.theirs); !bytes.Equal(ours, theirs) {
			t.Errorf("ours\n%x, theirs\n%x", ours, theirs)
		}
	})
}

// TestTheyReadOurs, with and without the capability key.
func TestTheyReadOurs(t *testing.T) {
	each(t, func(t *testing.T, p pair) {
		for _, caps := range []wire.Caps{0, wire.CapMuster, 255} {
			if p.caps != nil {
				p.caps(caps)
			}
			got := reflect.New(reflect.TypeOf(p.theirs).Elem()).Interface()
			if err := codec.NewDecoderBytes(body(p.ours), asMemberlist()).Decode(got); err != nil {
				t.Errorf("caps %d: %v", caps, err)
			} else if !reflect.DeepEqual(got, p.theirs) {
				t.Errorf("caps %d: they read %+v, want %+v", caps, got, p.theirs)
			}
		}
	})
}

// TestWeReadTheirs in every form go-msgpack can write: memberlist's own, the
// newer msgpack with separate strings and bytes, and structs as arrays.
func TestWeReadTheirs(t *testing.T) {
	newer, array, both := asMemberlist(), asMemberlist(), asMemberlist()
	newer.WriteExt = true
	array.StructToArray = true
	both.WriteExt, both.StructToArray = true, true
	unsigned := asMemberlist()
	unsigned.PositiveIntUnsigned = true
	forms := map[string]*codec.MsgpackHandle{
		"memberlist's": asMemberlist(), "newer": newer, "array": array, "newer array": both, "unsigned": unsigned,
	}
	each(t, func(t *testing.T, p pair) {
		for name, h := range forms {
			b := encode(t, h, p.theirs)
			got := reflect.New(reflect.TypeOf(p.ours).Elem()).Interface().(message)
			if err := got.Decode(b); err != nil {
				t.Errorf("%s form %x: %v", name, b, err)
			} else if !reflect.DeepEqual(got, p.ours) {
				t.Errorf("%s form %x: we read %+v, want %+v", name, b, got, p.ours)
			}
		}
	})
}

// TestCompressed: the envelope is memberlist's, whatever its length.
func TestCompressed(t *testing.T) {
	src := source{rand.New(rand.NewPCG(*seed, 1))}
	for _, n := range []int{0, 1, 20, 24, 30, 100, 1400, 48000, 50000, 100_000} {
		msg := make([]byte, n)
		for i := range msg {
			msg[i] = byte(src.Uint32())
		}
		ours, err := wire.AppendCompressed(nil, msg)
		if err != nil {
			t.Fatal(err)
		}
		var c compress
		if err := codec.NewDecoderBytes(ours[1:], asMemberlist()).Decode(&c); err != nil {
			t.Fatal(err)
		}
		if again := encode(t, asMemberlist(), &c); !bytes.Equal(again, ours[1:]) {
			t.Errorf("%d bytes: seed %d: ours %x, theirs %x", n, *seed, ours[1:], again)
		}
	}
}

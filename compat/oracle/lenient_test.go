package oracle

import (
	"errors"
	"math/rand/v2"
	"reflect"
	"testing"

	"github.com/hashicorp/go-msgpack/v2/codec"

	"github.com/musterhq/muster/wire"
)

// stricter are the errors for what go-msgpack lets through and memberlist
// refuses later, if ever: addresses that are none, counts beyond its own limits
// or below zero.
var stricter = []error{wire.ErrAddress, wire.ErrTooLarge, wire.ErrRange}

// TestDamagedAlike damages a byte of a message. What they still read we read
// too, and as the same: two members that understand one message differently
// would quarrel about it for ever.
func TestDamagedAlike(t *testing.T) {
	src := source{rand.New(rand.NewPCG(*seed, 2))}
	read := 0
	for range *rounds {
		for _, p := range src.pairs() {
			b := body(p.ours)
			if len(b) > 300 {
				continue // its damage would nearly always lie in a name
			}
			at, was := src.IntN(len(b)), byte(0)
			b[at], was = byte(src.Uint32()), b[at]
			theirs := reflect.New(reflect.TypeOf(p.theirs).Elem()).Interface()
			if codec.NewDecoderBytes(b, asMemberlist()).Decode(theirs) != nil {
				continue // also its panics, on an empty key
			}
			ours := reflect.New(reflect.TypeOf(p.ours).Elem()).Interface().(message)
			err := ours.Decode(b)
			if isAny(err, stricter) || isMap(b[at]) && errors.Is(err, wire.ErrMalformed) {
				continue // to go-msgpack a map is also a slice of its keys and values
			}
			same := reflect.New(reflect.TypeOf(p.ours).Elem()).Interface().(message)
			if err == nil {
				err = same.Decode(encode(t, asMemberlist(), theirs))
			}
			if err != nil || !reflect.DeepEqual(ours, same) {
				t.Fatalf("%s %x, byte %d was %02x: we read %+v, %v, they %+v; replay with -seed %d",
					p.name, b, at, was, ours, err, theirs, *seed)
			}
			read++
		}
	}
	if read < *rounds {
		t.Fatalf("only %d damaged messages were read", read)
	}
}

func isMap(c byte) bool { return c&0xf0 == 0x80 || c == 0xde || c == 0xdf }

func isAny(err error, targets []error) bool {
	for _, target := range targets {
		if errors.Is(err, target) {
			return true
		}
	}
	return false
}

package wire

import (
	"bufio"
	"bytes"
	"io"
	"reflect"
	"testing"
)

// Every decoder has a fuzz target, seeded with all the golden bytes. None may
// panic or yield more than it was given or allowed, and what it accepts must
// survive being written and read again.

// seeds returns golden bytes and vectors, as packets or streams came and also
// opened and split into single messages.
func seeds(f *testing.F) (out [][]byte) {
	for _, b := range readVectors(f) {
		out = append(out, b)
	}
	for _, lines := range readGolden(f) {
		for _, l := range lines {
			out = append(out, l.data)
			c := goldenCodecs(f)[l.setting]
			if l.kind != "packet" {
				r := bufio.NewReader(bytes.NewReader(l.data))
				if l.kind == "dial" {
					_ = c.ReadLabel(r)
				}
				if msg, err := c.ReadStreamMessage(r, 0); err == nil {
					out = append(out, msg)
				}
				continue
			}
			msg, err := c.Open(l.data, nil)
			if err != nil {
				f.Fatal(err)
			}
			out = append(out, msg)
			if parts, err := ParseCompound(msg[1:]); err == nil && Type(msg[0]) == TypeCompound {
				for m, ok := parts.Next(); ok; m, ok = parts.Next() {
					out = append(out, m)
				}
			}
		}
	}
	return out
}

// addBodies seeds f with the bodies of all messages of type t.
func addBodies(f *testing.F, t Type) {
	known := map[string]bool{}
	for _, b := range seeds(f) {
		if len(b) > 0 && Type(b[0]) == t && !known[string(b)] {
			known[string(b)] = true
			f.Add(b[1:])
		}
	}
}

func fuzzMessage[M any, P interface {
	*M
	message
}](f *testing.F) {
	f.Fuzz(func(t *testing.T, b []byte) {
		m := P(new(M))
		if m.Decode(b) != nil {
			return
		}
		checkStable(t, m)
		checkSlow(t, m, b)
	})
}

// checkStable writes m and reads it: the same must come back, and be written
// to the same bytes.
func checkStable(t *testing.T, m message) {
	t.Helper()
	once := m.Append(nil)
	again := reflect.New(reflect.TypeOf(m).Elem()).Interface().(message)
	if err := again.Decode(body(m, once)); err != nil {
		t.Fatalf("%+v became %x: %v", m, once, err)
	}
	if !reflect.DeepEqual(again, m) {
		t.Fatalf("%+v became %+v", m, again)
	}
	if twice := again.Append(nil); !bytes.Equal(once, twice) {
		t.Fatalf("%x became %x", once, twice)
	}
}

// checkSlow puts an unknown key in front, after which no field is where the
// fast path looks for it.
func checkSlow(t *testing.T, m message, b []byte) {
	t.Helper()
	if b[0]&0xf0 != codeFixMap || b[0]&0x0f == 0x0f {
		return
	}
	slow := append([]byte{b[0] + 1, 0xa1, '?', codeNil}, b[1:]...)
	again := reflect.New(reflect.TypeOf(m).Elem()).Interface().(message)
	if err := again.Decode(slow); err != nil || !reflect.DeepEqual(again, m) {
		t.Fatalf("%x: %+v, %v in order, %+v otherwise", b, m, err, again)
	}
}

func FuzzPing(f *testing.F)         { addBodies(f, TypePing); fuzzMessage[Ping](f) }
func FuzzIndirectPing(f *testing.F) { addBodies(f, TypeIndirectPing); fuzzMessage[IndirectPing](f) }
func FuzzAck(f *testing.F)          { addBodies(f, TypeAck); fuzzMessage[Ack](f) }
func FuzzNack(f *testing.F)         { addBodies(f, TypeNack); fuzzMessage[Nack](f) }
func FuzzError(f *testing.F)        { addBodies(f, TypeError); fuzzMessage[Error](f) }
func FuzzSuspect(f *testing.F)      { addBodies(f, TypeSuspect); fuzzMessage[Suspect](f) }
func FuzzAlive(f *testing.F)        { addBodies(f, TypeAlive); fuzzMessage[Alive](f) }
func FuzzDead(f *testing.F)         { addBodies(f, TypeDead); fuzzMessage[Dead](f) }
func FuzzUserHeader(f *testing.F)   { addBodies(f, TypeUser); fuzzMessage[UserHeader](f) }
func FuzzPushPullHeader(f *testing.F) {
	addBodies(f, TypePushPull)
	fuzzMessage[PushPullHeader](f)
}

func FuzzNodeState(f *testing.F) {
	for _, b := range seeds(f) {
		if len(b) == 0 || Type(b[0]) != TypePushPull {
			continue
		}
		_, _, err := DecodePushPull(b[1:], func(s *PushNodeState) error { f.Add(s.Append(nil)); return nil })
		if err != nil {
			f.Log(err) // the vector of a header, which ends too early
		}
	}
	fuzzMessage[PushNodeState](f)
}

func FuzzRumor(f *testing.F) {
	addBodies(f, TypeRumor)
	f.Fuzz(func(t *testing.T, b []byte) {
		var m Rumor
		if m.Decode(b) == nil {
			checkStable(t, &m)
		}
	})
}

func FuzzPushPull(f *testing.F) {
	addBodies(f, TypePushPull)
	f.Fuzz(func(t *testing.T, b []byte) {
		msg := append([]byte{byte(TypePushPull)}, b...)
		once, err := reencodeStream(msg)
		if err != nil {
			return
		}
		twice, err := reencodeStream(once)
		if err != nil || !bytes.Equal(once, twice) {
			t.Fatalf("%x became %x, %v", once, twice, err)
		}
	})
}

func FuzzUserStream(f *testing.F) {
	addBodies(f, TypeUser)
	f.Fuzz(func(t *testing.T, b []byte) {
		h, payload, err := DecodeUserStream(b)
		if err != nil {
			return
		}
		h2, payload2, err := DecodeUserStream(AppendUserStream(nil, payload, h.Caps)[1:])
		if err != nil || h != h2 || !bytes.Equal(payload, payload2) {
			t.Fatalf("%+v %x became %+v %x, %v", h, payload, h2, payload2, err)
		}
	})
}

func FuzzCompound(f *testing.F) {
	addBodies(f, TypeCompound)
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := ParseCompound(b)
		if err != nil {
			return
		}
		var parts [][]byte
		size := 0
		for m, ok := c.Next(); ok; m, ok = c.Next() {
			parts = append(parts, m)
			size += len(m)
		}
		if len(parts)+c.Truncated() != int(b[0]) || size+2*int(b[0])+1 > len(b) {
			t.Fatalf("%d messages of %d bytes and %d lost", len(parts), size, c.Truncated())
		}
		if len(parts) == 0 {
			return
		}
		again, err := AppendCompound(nil, parts...)
		if err != nil || c.Truncated() == 0 && !bytes.HasPrefix(b, again[1:]) {
			t.Fatalf("%x became %x, %v", b, again, err)
		}
	})
}

func FuzzDecompress(f *testing.F) {
	addBodies(f, TypeCompress)
	f.Fuzz(func(t *testing.T, b []byte) {
		const limit = 1 << 16
		out, err := AppendDecompressed([]byte("x"), b, limit)
		if len(out) > 1+limit || out[0] != 'x' || err != nil && len(out) != 1 {
			t.Fatalf("%d bytes, %v", len(out), err)
		}
		if err != nil {
			return
		}
		small, err := AppendCompressed(nil, out[1:])
		if err != nil {
			t.Fatal(err)
		}
		if again, err := AppendDecompressed([]byte("x"), small[1:], limit); err != nil || !bytes.Equal(again, out) {
			t.Fatalf("%x became %x, %v", out, again, err)
		}
	})
}

// FuzzOpen has the codec chosen by the fuzzer too, so that all settings share
// one corpus.
func FuzzOpen(f *testing.F) {
	for _, b := range seeds(f) {
		f.Add(b, uint8(0), true)
		f.Add(b, uint8(1), false)
		f.Add(b, uint8(7), true)
	}
	f.Fuzz(func(t *testing.T, b []byte, setting uint8, crc bool) {
		c := fuzzCodec(t, setting)
		before := bytes.Clone(b)
		msg, err := c.Open(b, make([]byte, 0, 256))
		if !bytes.Equal(b, before) {
			t.Fatal("the packet was written to")
		}
		if err != nil {
			return
		}
		if len(msg) == 0 || len(msg) > max(len(b), MaxPacket) || Type(msg[0]) == TypeCRC || Type(msg[0]) == TypeCompress {
			t.Fatalf("%x opened to %x", b, msg)
		}
		_, _ = reencode(msg, map[string]int{})
		want := *c
		want.SkipInboundLabelCheck = false
		pkt, err := c.Seal(nil, msg, crc)
		if err != nil {
			t.Fatal(err)
		}
		if again, err := want.Open(pkt, nil); err != nil || !bytes.Equal(again, msg) {
			// Without a checksum a message of type 244 reads as a label and
			// so on: only what is protected must come back.
			if crc || c.encrypts() {
				t.Fatalf("%x became %x, %v", msg, again, err)
			}
		}
	})
}

// fuzzCodec takes label, key, leniency and skipped label check from the bits.
func fuzzCodec(t testing.TB, setting uint8) *Codec {
	c := &Codec{Compress: true}
	if setting&1 != 0 {
		c.Label = "dc1"
	}
	if setting&2 != 0 {
		c.Keyring = mustRing(t, []byte(goldenKey), key1)
		c.InsecureIncoming = setting&4 != 0
	}
	c.SkipInboundLabelCheck = setting&8 != 0
	return c
}

func FuzzReadStreamMessage(f *testing.F) {
	for _, b := range seeds(f) {
		f.Add(b, uint8(0))
		f.Add(b, uint8(3))
	}
	f.Fuzz(func(t *testing.T, b []byte, setting uint8) {
		const limit = 1 << 16
		c := fuzzCodec(t, setting)
		src := bytes.NewReader(b)
		r := bufio.NewReaderSize(src, 16)
		msg, err := c.ReadStreamMessage(r, limit)
		if err != nil {
			return
		}
		if len(msg) == 0 || len(msg) > limit || !streamType(Type(msg[0])) {
			t.Fatalf("%x read as %x", b, msg)
		}
		used := len(b) - src.Len() - r.Buffered()
		if Type(b[0]) == Type(msg[0]) && !bytes.Equal(msg, b[:used]) {
			t.Fatalf("%d bytes of %x read as %x", used, b, msg)
		}
		_, _ = reencodeStream(msg)
		out, err := c.AppendStreamMessage(nil, msg)
		if err != nil {
			t.Fatal(err)
		}
		// What came inside an envelope may have bytes behind the message,
		// which a plain message cannot have; it comes back when sealed again.
		if c.Keyring.Empty() && Type(out[0]) != TypeCompress {
			return
		}
		again, err := c.ReadStreamMessage(bufio.NewReader(bytes.NewReader(out)), limit)
		if err != nil || !bytes.Equal(again, msg) {
			t.Fatalf("%x became %x, %v", msg, again, err)
		}
	})
}

// FuzzLabel: both ways to read a label must agree.
func FuzzLabel(f *testing.F) {
	f.Add([]byte("\xf4\x03dc1rest"), "dc1")
	f.Add([]byte("\x00rest"), "")
	f.Add([]byte("\xf4\x00"), "")
	f.Add([]byte("\xf4\x05dc1"), "dc1")
	f.Fuzz(func(t *testing.T, b []byte, want string) {
		c := &Codec{Label: want}
		label, rest, err := splitLabel(b)
		if err == nil {
			err = c.checkLabel(label)
		}
		r := bufio.NewReader(bytes.NewReader(b))
		err2 := c.ReadLabel(r)
		if len(b) == 0 {
			return // the one difference: nothing at all is the end of a stream
		}
		if (err == nil) != (err2 == nil) {
			t.Fatalf("packet: %v, stream: %v", err, err2)
		}
		if err != nil {
			return
		}
		if left, _ := io.ReadAll(r); !bytes.Equal(left, rest) {
			t.Fatalf("packet has %x left, stream %x", rest, left)
		}
		if !bytes.Equal(append(c.AppendLabelHeader(nil), rest...), b) {
			t.Fatalf("%x is not written again", b)
		}
	})
}

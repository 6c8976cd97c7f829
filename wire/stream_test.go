package wire

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"runtime"
	"testing"
	"testing/iotest"
)

// streamMessages is one of each kind that a stream carries.
func streamMessages() map[string][]byte {
	h, states, user := somePushPull(100)
	return map[string][]byte{
		"ping":          (&Ping{SeqNo: 1, Node: "b", Caps: CapMuster}).Append(nil),
		"ack":           (&Ack{SeqNo: 1}).Append(nil),
		"error":         (&Error{Error: "boom"}).Append(nil),
		"push/pull":     AppendPushPull(nil, h, states, user),
		"no states":     AppendPushPull(nil, PushPullHeader{}, nil, nil),
		"user":          AppendUserStream(nil, random(9000), 0),
		"hello":         AppendUserStream(nil, nil, CapMuster),
		"other form":    cat("\x00\xde\x00\x01", raw("x"), "\x93\xc7\x02\x00ab\x82\x01\xc0\x02\xcb12345678\xc4\x01x"),
		"large payload": AppendUserStream(nil, make([]byte, 100_000), 0),
	}
}

// TestStream sends all messages on one stream and reads them one by one, also
// from a connection that delivers a byte at a time: after each the reader must
// stand exactly at the next.
func TestStream(t *testing.T) {
	for name, base := range someCodecs(t) {
		for _, compress := range []bool{false, true} {
			c := *base
			c.Compress = compress
			if c.InsecureOutgoing {
				c.InsecureIncoming = true
			}
			var wire []byte
			var want [][]byte
			wire = c.AppendLabelHeader(wire)
			for _, msg := range streamMessages() {
				var err error
				if wire, err = c.AppendStreamMessage(wire, msg); err != nil {
					t.Fatal(err)
				}
				want = append(want, msg)
			}
			wire = append(wire, "rest"...)
			for _, src := range []io.Reader{bytes.NewReader(wire), iotest.HalfReader(bytes.NewReader(wire)), iotest.OneByteReader(bytes.NewReader(wire))} {
				r := bufio.NewReader(src)
				if err := c.ReadLabel(r); err != nil {
					t.Fatalf("%s: %v", name, err)
				}
				for i, msg := range want {
					if got, err := c.ReadStreamMessage(r, 0); err != nil || !bytes.Equal(got, msg) {
						t.Fatalf("%s, compress %v, message %d: %x, %v, want %x", name, compress, i, got, err, msg)
					}
				}
				if rest, err := io.ReadAll(r); err != nil || string(rest) != "rest" {
					t.Fatalf("%s: %q is left behind the messages, %v", name, rest, err)
				}
				if _, err := c.ReadStreamMessage(r, 0); err != io.EOF {
					t.Fatalf("%s: %v at the end", name, err)
				}
			}
		}
	}
}

// TestStreamCut ends a stream inside a message, at every place.
func TestStreamCut(t *testing.T) {
	h, states, user := somePushPull(3)
	for name, c := range someCodecs(t) {
		for _, msg := range [][]byte{AppendPushPull(nil, h, states, user), AppendUserStream(nil, []byte("payload"), 0)} {
			if c.InsecureOutgoing {
				continue
			}
			b, err := c.AppendStreamMessage(nil, msg)
			if err != nil {
				t.Fatal(err)
			}
			for n := range b {
				want := io.ErrUnexpectedEOF
				if n == 0 {
					want = io.EOF
				}
				if _, err := c.ReadStreamMessage(bufio.NewReader(bytes.NewReader(b[:n])), 0); err != want {
					t.Errorf("%s, cut to %d of %d bytes: %v", name, n, len(b), err)
				}
			}
		}
	}
}

func TestReadStreamRefuses(t *testing.T) {
	plain, keyed := &Codec{}, &Codec{Keyring: mustRing(t, key1)}
	ack := (&Ack{SeqNo: 1}).Append(nil)
	encrypted, _ := keyed.AppendStreamMessage(nil, ack)
	claim, _ := keyed.AppendStreamMessage(nil, ack)
	binary.BigEndian.PutUint32(claim[1:], 1<<17) // more than 64 KiB ever become
	longer := bytes.Clone(append(encrypted, 0))
	binary.BigEndian.PutUint32(longer[1:], uint32(len(longer)-5))
	inside := func(msg []byte) []byte { b, _ := keyed.AppendStreamMessage(nil, msg); return b }
	small := func(msg []byte) []byte { b, _ := AppendCompressed(nil, msg); return b }
	bomb := small(AppendUserStream(nil, make([]byte, 1<<20), 0))
	for name, c := range map[string]struct {
		codec *Codec
		b     []byte
		want  error
	}{
		"encrypted without a key":  {plain, encrypted, ErrNoKey},
		"plain with a key":         {keyed, ack, ErrDecrypt},
		"too long":                 {keyed, claim, ErrTooLarge},
		"too long, found later":    {keyed, inside(AppendUserStream(nil, make([]byte, 1<<16), 0)), ErrTooLarge},
		"another length":           {keyed, longer, ErrDecrypt}, // it is authenticated
		"encrypted nothing":        {keyed, inside(nil), ErrTruncated},
		"encrypted twice":          {keyed, inside(encrypted), ErrType},
		"compressed twice":         {plain, small(small(ack)), ErrType},
		"compressed nothing":       {plain, small(nil), ErrTruncated},
		"a compound":               {plain, []byte{7, 1, 0, 1, 0}, ErrType},
		"a compressed compound":    {plain, small([]byte{7, 1, 0, 1, 0}), ErrType},
		"a label":                  {plain, []byte("\xf4\x03dc1"), ErrType},
		"a type of the future":     {plain, []byte{99}, ErrType},
		"a bomb":                   {plain, bomb, ErrTooLarge},
		"a long user message":      {plain, AppendUserStream(nil, make([]byte, 70_000), 0), ErrTooLarge},
		"many node states claimed": {plain, (&PushPullHeader{Nodes: MaxNodes + 1}).Append(nil), ErrTooLarge},
		"a huge string":            {plain, cat("\x00\x81", raw("Node"), "\xdb\xff\xff\xff\xff"), ErrTooLarge},
		"bad msgpack":              {plain, cat("\x00\x81\xc1"), ErrMalformed},
	} {
		if got, err := c.codec.ReadStreamMessage(bufio.NewReader(bytes.NewReader(c.b)), 1<<16); !errors.Is(err, c.want) {
			t.Errorf("%s: %x, %v, want %v", name, got, err, c.want)
		}
	}
}

// TestEncryptedLimit: 20 MiB on the wire is memberlist's limit, whatever the
// caller's.
func TestEncryptedLimit(t *testing.T) {
	keyed := &Codec{Keyring: mustRing(t, key1)}
	for n, want := range map[uint32]error{MaxStreamEncrypted: io.ErrUnexpectedEOF, MaxStreamEncrypted + 1: ErrTooLarge} {
		b := binary.BigEndian.AppendUint32([]byte{byte(TypeEncrypt)}, n)
		if _, err := keyed.ReadStreamMessage(bufio.NewReader(bytes.NewReader(b)), 0); !errors.Is(err, want) {
			t.Errorf("%d bytes: %v, want %v", n, err, want)
		}
	}
}

// TestGrownByCompression: memberlist compresses what does not compress, so a
// message within the limit may be half as long again on the wire.
func TestGrownByCompression(t *testing.T) {
	msg := AppendUserStream(nil, random(60_000), 0)
	grown, err := AppendCompressed(nil, msg)
	if err != nil || len(grown) < len(msg)*5/4 {
		t.Fatalf("%d bytes became %d, %v", len(msg), len(grown), err)
	}
	for name, c := range someCodecs(t) {
		b, err := c.AppendStreamMessage(nil, grown)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := c.ReadStreamMessage(bufio.NewReader(bytes.NewReader(b)), len(msg)); err != nil || !bytes.Equal(got, msg) {
			t.Errorf("%s: %d bytes, %v", name, len(got), err)
		}
	}
}

func TestInsecureStream(t *testing.T) {
	ring := mustRing(t, key1)
	c := &Codec{Keyring: ring, InsecureIncoming: true}
	ack := (&Ack{SeqNo: 1}).Append(nil)
	for name, from := range map[string]*Codec{"plain": {}, "encrypted": {Keyring: ring}, "outgoing": {Keyring: ring, InsecureOutgoing: true}} {
		b, err := from.AppendStreamMessage(nil, ack)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := c.ReadStreamMessage(bufio.NewReader(bytes.NewReader(b)), 0); err != nil || !bytes.Equal(got, ack) {
			t.Errorf("%s: %x, %v", name, got, err)
		}
	}
}

// TestClaimsCostNothing: a length is believed as far as bytes have come.
func TestClaimsCostNothing(t *testing.T) {
	keyed := &Codec{Keyring: mustRing(t, key1)}
	for name, c := range map[string]struct {
		codec *Codec
		b     []byte
	}{
		"encrypted":  {keyed, append([]byte{10}, 1, 0x40, 0, 0)}, // 20 MiB
		"user":       {&Codec{}, (&UserHeader{UserMsgLen: MaxUserMessage}).Append(nil)},
		"push/pull":  {&Codec{}, (&PushPullHeader{Nodes: MaxNodes, UserStateLen: MaxUserState}).Append(nil)},
		"compressed": {&Codec{}, cat("\x09\x81", raw("Buf"), "\xdb\x01\x40\x00\x00")},
	} {
		const runs = 20
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		for range runs {
			r := bufio.NewReaderSize(bytes.NewReader(c.b), 16)
			if _, err := c.codec.ReadStreamMessage(r, 0); err != io.ErrUnexpectedEOF {
				t.Fatal(err)
			}
		}
		runtime.ReadMemStats(&after)
		if n := (after.TotalAlloc - before.TotalAlloc) / runs; n > 16<<10 {
			t.Errorf("%s: %d bytes allocated for %d", name, n, len(c.b))
		}
	}
}

// TestStreamCompression: memberlist compresses streams even if that makes them
// longer; we do not.
func TestStreamCompression(t *testing.T) {
	c := &Codec{Compress: true}
	for _, msg := range [][]byte{(&Ack{SeqNo: 1}).Append(nil), AppendUserStream(nil, make([]byte, 1000), 0)} {
		b, err := c.AppendStreamMessage([]byte("x"), msg)
		if err != nil || len(b)-1 > len(msg) || (Type(b[1]) == TypeCompress) != (len(msg) > 1000) {
			t.Errorf("%d bytes became %d of type %d, %v", len(msg), len(b)-1, b[1], err)
		}
	}
}

func TestAppendStreamLimits(t *testing.T) {
	keyed := &Codec{Keyring: mustRing(t, key1)}
	most := make([]byte, MaxStreamEncrypted-29)
	if b, err := keyed.AppendStreamMessage(nil, most); err != nil || len(b) != 5+MaxStreamEncrypted {
		t.Errorf("%d bytes, %v", len(b), err)
	}
	if b, err := keyed.AppendStreamMessage([]byte("x"), append(most, 0)); !errors.Is(err, ErrTooLarge) || string(b) != "x" {
		t.Errorf("%d bytes, %v", len(b), err)
	}
	if b, err := (&Codec{}).AppendStreamMessage([]byte("x"), make([]byte, MaxStreamMessage+1)); !errors.Is(err, ErrTooLarge) || string(b) != "x" {
		t.Errorf("%d bytes, %v", len(b), err)
	}
}

func TestUserStream(t *testing.T) {
	h, payload, err := DecodeUserStream(AppendUserStream(nil, []byte("payload"), CapMuster)[1:])
	if err != nil || h != (UserHeader{7, CapMuster}) || string(payload) != "payload" {
		t.Errorf("%+v, %q, %v", h, payload, err)
	}
	if _, _, err := DecodeUserStream((&UserHeader{UserMsgLen: 1}).Append(nil)[1:]); !errors.Is(err, ErrTruncated) {
		t.Error(err)
	}
}

func TestReadLabel(t *testing.T) {
	for _, c := range []struct {
		name  string
		codec *Codec
		b     string
		want  error
	}{
		{"none", &Codec{}, "\x00", nil},
		{"right", &Codec{Label: "dc1"}, "\xf4\x03dc1\x00", nil},
		{"longest", &Codec{Label: string(make([]byte, 255))}, "\xf4\xff" + string(make([]byte, 255)), nil},
		{"missing", &Codec{Label: "dc1"}, "\x00", ErrLabel},
		{"wrong", &Codec{Label: "dc1"}, "\xf4\x03dc2", ErrLabel},
		{"too many", &Codec{}, "\xf4\x03dc1", ErrLabel},
		{"empty", &Codec{}, "\xf4\x00", ErrMalformed},
		{"end", &Codec{Label: "dc1"}, "", io.EOF},
		{"cut size", &Codec{Label: "dc1"}, "\xf4", io.ErrUnexpectedEOF},
		{"cut", &Codec{Label: "dc1"}, "\xf4\x03dc", io.ErrUnexpectedEOF},
		{"cut at once", &Codec{Label: "dc1"}, "\xf4\x03", io.ErrUnexpectedEOF},
		{"skipped", &Codec{Label: "dc1", SkipInboundLabelCheck: true}, "\x00", nil},
		{"not skipped by the proxy", &Codec{Label: "dc1", SkipInboundLabelCheck: true}, "\xf4\x03dc1", ErrLabel},
	} {
		r := bufio.NewReaderSize(bytes.NewReader([]byte(c.b)), 16)
		if err := c.codec.ReadLabel(r); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
		if rest, _ := io.ReadAll(r); c.want == nil && len(c.b) < 20 && string(rest) != "\x00" {
			t.Errorf("%s: %q is left", c.name, rest)
		}
	}
}

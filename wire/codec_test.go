package wire

import (
	"bytes"
	"errors"
	"fmt"
	"testing"
)

// someCodecs are all ways to combine the layers.
func someCodecs(t testing.TB) map[string]*Codec {
	t.Helper()
	out := map[string]*Codec{}
	for _, label := range []string{"", "dc1"} {
		for name, c := range map[string]Codec{
			"plain":     {},
			"key":       {Keyring: mustRing(t, key1, key2)},
			"padded":    {Keyring: mustRing(t, key3), ProtocolVersion: 1},
			"incoming":  {Keyring: mustRing(t, key1), InsecureOutgoing: true, InsecureIncoming: true},
			"emptyring": {Keyring: new(Keyring)},
		} {
			c.Label = label
			out[name+" "+label] = &c
		}
	}
	return out
}

func TestSealOpen(t *testing.T) {
	for name, c := range someCodecs(t) {
		for _, crc := range []bool{false, true} {
			for _, n := range []int{1, 2, 15, 16, 17, 1400} {
				msg := AppendUser(nil, random(n)[1:])
				pkt, err := c.Seal([]byte("before"), msg, crc)
				if err != nil {
					t.Fatal(err)
				}
				added := len(pkt) - len("before") - len(msg)
				if !bytes.HasPrefix(pkt, []byte("before")) || added > c.Overhead() {
					t.Errorf("%s: %d bytes added, Overhead is %d", name, added, c.Overhead())
				}
				pkt = pkt[len("before"):]
				before := bytes.Clone(pkt)
				got, err := c.Open(pkt, nil)
				if err != nil || !bytes.Equal(got, msg) {
					t.Errorf("%s, crc %v, %d bytes: %x, %v", name, crc, n, got, err)
				}
				if !bytes.Equal(before, pkt) {
					t.Errorf("%s: Open wrote to the packet", name)
				}
			}
		}
	}
}

// TestOverheadIsReached: a packet filled up to Overhead must not be too long,
// nor should one be sent half empty.
func TestOverheadIsReached(t *testing.T) {
	for name, want := range map[string]int{"plain ": 5, "plain dc1": 10, "key ": 34, "key dc1": 39, "padded ": 50, "incoming ": 5, "emptyring ": 5} {
		c := someCodecs(t)[name]
		most := 0
		for n := range 16 {
			pkt, err := c.Seal(nil, make([]byte, 1+n), true)
			if err != nil {
				t.Fatal(err)
			}
			most = max(most, len(pkt)-1-n)
		}
		// Padding fills a block up to the checksum, too: all 16 are seen.
		if c.Overhead() != want || most != want {
			t.Errorf("%s: Overhead %d, %d reached, want %d", name, c.Overhead(), most, want)
		}
	}
}

// TestSealInPlace: the message may lie where the packet is going to be.
func TestSealInPlace(t *testing.T) {
	for name, c := range someCodecs(t) {
		for _, at := range []int{0, 1, 7, c.Overhead(), 100} {
			buf := make([]byte, 0, 512)
			msg := append(buf[at:at], AppendUser(nil, []byte("some message of some length"))...)
			want := bytes.Clone(msg)
			pkt, err := c.Seal(buf, msg, true)
			if err != nil || &pkt[0] != &buf[:1][0] {
				t.Fatalf("%s: not in place, %v", name, err)
			}
			if got, err := c.Open(pkt, nil); err != nil || !bytes.Equal(got, want) {
				t.Errorf("%s, message at %d: %q, %v", name, at, got, err)
			}
		}
	}
}

// TestDamage flips every bit of a packet: no layer may let it pass unnoticed,
// except that without checksum and key there is nothing that could notice.
func TestDamage(t *testing.T) {
	for name, c := range someCodecs(t) {
		msg := (&Ping{SeqNo: 1, Node: "b"}).Append(nil)
		pkt, err := c.Seal(nil, msg, true)
		if err != nil {
			t.Fatal(err)
		}
		for i := range pkt {
			for bit := range 8 {
				bad := bytes.Clone(pkt)
				bad[i] ^= 1 << bit
				got, err := c.Open(bad, nil)
				crcByte := i == len(pkt)-len(msg)-5 // another type, then
				if err == nil && !(crcByte && !c.encrypts()) {
					t.Errorf("%s, byte %d of %d, bit %d: %x", name, i, len(pkt), bit, got)
				}
			}
		}
		for n := range pkt {
			if got, err := c.Open(pkt[:n], nil); err == nil {
				t.Errorf("%s, cut to %d bytes: %x", name, n, got)
			}
		}
	}
}

func TestOpenRefuses(t *testing.T) {
	plain, labelled := &Codec{}, &Codec{Label: "dc1"}
	keyed := &Codec{Keyring: mustRing(t, key1)}
	msg := (&Nack{SeqNo: 1}).Append(nil)
	small, _ := AppendCompressed(nil, msg)
	twice, _ := AppendCompressed(nil, small)
	nothing, _ := AppendCompressed(nil, nil)
	bomb, _ := AppendCompressed(nil, make([]byte, 1<<20+1))
	seal := func(c *Codec, msg []byte) []byte {
		b, err := c.Seal(nil, msg, false)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	crc, _ := plain.Seal(nil, msg, true)
	crc2, _ := plain.Seal(nil, crc, true)
	future := seal(keyed, msg)
	future[0] = 2
	for name, c := range map[string]struct {
		codec *Codec
		pkt   []byte
		want  error
	}{
		"nothing":              {plain, nil, ErrTruncated},
		"only a label":         {labelled, seal(labelled, nil), ErrTruncated},
		"only a checksum":      {plain, []byte{12, 0, 0, 0, 0}, ErrTruncated},
		"half a checksum":      {plain, []byte{12, 0, 0, 0}, ErrTruncated},
		"half a label":         {labelled, []byte{244, 3, 'd', 'c'}, ErrTruncated},
		"a label without size": {labelled, []byte{244}, ErrTruncated},
		"an empty label":       {plain, []byte{244, 0, 0}, ErrMalformed},
		"no label":             {labelled, msg, ErrLabel},
		"a label too many":     {plain, seal(labelled, msg), ErrLabel},
		"another label":        {labelled, seal(&Codec{Label: "dc2"}, msg), ErrLabel},
		"plain":                {keyed, msg, ErrDecrypt},
		"another key":          {keyed, seal(&Codec{Keyring: mustRing(t, key2)}, msg), ErrDecrypt},
		"encrypted in future":  {keyed, future, ErrDecrypt}, // the version is not authenticated
		"compressed twice":     {plain, twice, ErrType},
		"checksum twice":       {plain, crc2, ErrType},
		"compressed nothing":   {plain, nothing, ErrTruncated},
		"a bomb":               {plain, bomb, ErrTooLarge},
		// The label is authenticated, not only compared.
		"a label swapped": {&Codec{Label: "dc2", Keyring: keyed.Keyring},
			append([]byte("\xf4\x03dc2"), seal(&Codec{Label: "dc1", Keyring: keyed.Keyring}, msg)[5:]...), ErrDecrypt},
	} {
		if got, err := c.codec.Open(c.pkt, make([]byte, 0, 100)); !errors.Is(err, c.want) {
			t.Errorf("%s: %x, %v, want %v", name, got, err, c.want)
		}
	}
	if _, err := (&Codec{Label: string(make([]byte, 256))}).Seal(nil, msg, false); !errors.Is(err, ErrTooLarge) {
		t.Errorf("a label of 256 bytes: %v", err)
	}
}

// TestInsecureIncoming: while encryption is being turned on, both come in.
func TestInsecureIncoming(t *testing.T) {
	ring := mustRing(t, key1)
	c := &Codec{Keyring: ring, InsecureIncoming: true}
	msg := (&Nack{SeqNo: 1}).Append(nil)
	for name, from := range map[string]*Codec{"plain": {}, "encrypted": {Keyring: ring}} {
		pkt, _ := from.Seal(nil, msg, true)
		if got, err := c.Open(pkt, nil); err != nil || !bytes.Equal(got, msg) {
			t.Errorf("%s: %x, %v", name, got, err)
		}
	}
	if pkt, _ := (&Codec{Keyring: ring, InsecureOutgoing: true}).Seal(nil, msg, false); !bytes.Equal(pkt, msg) {
		t.Errorf("sent encrypted: %x", pkt)
	}
}

// TestRotation: a message under any key of the ring is read, wherever it is.
func TestRotation(t *testing.T) {
	to := &Codec{Keyring: mustRing(t, key1, key2, key3)}
	for _, key := range [][]byte{key1, key2, key3} {
		pkt, _ := (&Codec{Keyring: mustRing(t, key)}).Seal(nil, []byte{byte(TypeUser), 1}, false)
		if got, err := to.Open(pkt, make([]byte, 0, 10)); err != nil || !bytes.Equal(got, []byte{8, 1}) {
			t.Errorf("key of %d bytes: %x, %v", len(key), got, err)
		}
	}
}

// TestSkipInboundLabelCheck: the label is gone when the packet arrives, but
// still authenticated.
func TestSkipInboundLabelCheck(t *testing.T) {
	ring := mustRing(t, key1)
	from := &Codec{Label: "dc1", Keyring: ring}
	to := &Codec{Label: "dc1", Keyring: ring, SkipInboundLabelCheck: true}
	pkt, _ := from.Seal(nil, []byte{8, 1}, false)
	if got, err := to.Open(pkt[5:], nil); err != nil || len(got) != 2 {
		t.Errorf("%x, %v", got, err)
	}
	if _, err := to.Open(pkt, nil); !errors.Is(err, ErrLabel) {
		t.Errorf("still labelled: %v", err)
	}
}

// TestBadPadding: memberlist panics on some of these.
func TestBadPadding(t *testing.T) {
	ring := mustRing(t, key1)
	for _, c := range []struct {
		last byte
		n    int
		want error
	}{
		{1, 16, nil}, {15, 16, nil}, {16, 32, nil}, {16, 16, ErrTruncated}, // nothing but padding
		{0, 16, ErrDecrypt}, {17, 16, ErrDecrypt}, {17, 32, ErrDecrypt}, {255, 32, ErrDecrypt},
		{1, 0, ErrDecrypt}, {1, 1, ErrDecrypt}, {1, 15, ErrDecrypt}, // less than a block
	} {
		b := make([]byte, 1+nonceSize+c.n)
		b[len(b)-1] = c.last
		b = seal(ring.load()[0].aead, cryptUnpadded, b, 1+nonceSize, nil)
		b[0] = cryptPadded
		got, err := (&Codec{Keyring: ring}).Open(b, nil)
		if !errors.Is(err, c.want) || err == nil && len(got) != c.n-int(c.last) {
			t.Errorf("%d bytes ending with %d: %x, %v, want %v", c.n, c.last, got, err, c.want)
		}
	}
}

// TestOpenCompressed: the three places the bytes may end up must not get in
// each other's way, however small the scratch is.
func TestOpenCompressed(t *testing.T) {
	for name, c := range someCodecs(t) {
		msg := AppendUser(nil, bytes.Repeat([]byte("to be compressed "), 100))
		small, err := AppendCompressed(nil, msg)
		if err != nil {
			t.Fatal(err)
		}
		pkt, err := c.Seal(nil, small, true)
		if err != nil {
			t.Fatal(err)
		}
		for _, size := range []int{0, 10, len(small), len(msg) - 1, len(msg), 64 << 10} {
			scratch := make([]byte, size)
			got, err := c.Open(pkt, scratch)
			if err != nil || !bytes.Equal(got, msg) {
				t.Errorf("%s, scratch of %d bytes: %d bytes, %v", name, size, len(got), err)
			}
			if size >= len(msg) && &got[0] != &scratch[0] {
				t.Errorf("%s: scratch of %d bytes was not used", name, size)
			}
		}
	}
}

func ExampleCodec() {
	ring, _ := NewKeyring(nil, []byte("0123456789abcdef"))
	codec := &Codec{Label: "dc1", Keyring: ring}

	ping := Ping{SeqNo: 1, Node: "b"}
	packet, _ := codec.Seal(nil, ping.Append(nil), false)

	msg, err := codec.Open(packet, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	var got Ping
	if Type(msg[0]) == TypePing && got.Decode(msg[1:]) == nil {
		fmt.Println(got.Node, got.SeqNo)
	}
	// Output: b 1
}

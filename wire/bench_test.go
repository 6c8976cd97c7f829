package wire

import (
	"bytes"
	"net/netip"
	"testing"
)

// The messages of the benchmarks are those of spec section 4.5, so that the
// figures stand beside memberlist's.
var (
	benchPing = Ping{SeqNo: 70000, Node: "node-0123456789-abcdef", SourceAddr: netip.MustParseAddr("10.0.0.1"),
		SourcePort: 7946, SourceNode: "node-0123456789-abcdeg"}
	benchAck   = Ack{SeqNo: 70000}
	benchAlive = Alive{Incarnation: 3, Node: "node-0123456789-abcdef", Addr: netip.MustParseAddr("10.0.0.1"), Port: 7946,
		Meta: bytes.Repeat([]byte("m"), 64), Versions: Versions{1, 5, 2, 2, 5, 4}}
)

func benchEncode(b *testing.B, m interface{ Append([]byte) []byte }) {
	buf := make([]byte, 0, 1024)
	b.ReportAllocs()
	for b.Loop() {
		buf = m.Append(buf[:0])
	}
}

func BenchmarkEncodePing(b *testing.B)  { benchEncode(b, &benchPing) }
func BenchmarkEncodeAck(b *testing.B)   { benchEncode(b, &benchAck) }
func BenchmarkEncodeAlive(b *testing.B) { benchEncode(b, &benchAlive) }

func benchDecode(b *testing.B, m interface {
	Append([]byte) []byte
	Decode([]byte) error
}) {
	body := m.Append(nil)[1:]
	b.ReportAllocs()
	for b.Loop() {
		if err := m.Decode(body); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDecodePing(b *testing.B)  { m := benchPing; benchDecode(b, &m) }
func BenchmarkDecodeAck(b *testing.B)   { m := benchAck; benchDecode(b, &m) }
func BenchmarkDecodeAlive(b *testing.B) { m := benchAlive; benchDecode(b, &m) }

// benchCompound is a full packet, nine alive messages in one.
func benchCompound(b *testing.B) []byte {
	var parts [][]byte
	for i := range 9 {
		m := benchAlive
		m.Incarnation = uint32(i)
		parts = append(parts, m.Append(nil))
	}
	msg, err := AppendCompound(nil, parts...)
	if err != nil {
		b.Fatal(err)
	}
	return msg
}

func benchCodec(b *testing.B) *Codec {
	ring, err := NewKeyring(nil, []byte("0123456789abcdef"))
	if err != nil {
		b.Fatal(err)
	}
	return &Codec{Label: "dc1", Keyring: ring}
}

func BenchmarkSealEncrypted(b *testing.B) {
	c, msg := benchCodec(b), benchCompound(b)
	dst := make([]byte, 0, 2048)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.Seal(dst, msg, true); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkOpenEncrypted(b *testing.B) {
	c, msg := benchCodec(b), benchCompound(b)
	packet, _ := c.Seal(nil, msg, true)
	scratch := make([]byte, 0, 2048)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.Open(packet, scratch); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkCompress(b *testing.B) {
	msg, dst := benchCompound(b), make([]byte, 0, 2048)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := AppendCompressed(dst, msg); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDecompress(b *testing.B) {
	msg, dst := benchCompound(b), make([]byte, 0, 2048)
	body, _ := AppendCompressed(nil, msg)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := AppendDecompressed(dst, body[1:], MaxPacket); err != nil {
			b.Fatal(err)
		}
	}
}

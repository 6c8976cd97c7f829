package wire

import (
	"bytes"
	"testing"
)

// TestNoAllocations: what happens for each packet must leave nothing to the
// garbage collector. memberlist allocates about twenty times for each message.
func TestNoAllocations(t *testing.T) {
	ping, ack, alive := benchPing, benchAck, benchAlive
	ping.Caps = CapMuster
	buf := make([]byte, 0, 2048)
	pingBytes, ackBytes, aliveBytes := ping.Append(nil), ack.Append(nil), alive.Append(nil)
	keyed := &Codec{Label: "dc1", Keyring: mustRing(t, key1, key2)}
	plain := &Codec{Label: "dc1"}
	skip := &Codec{Label: "a label that would not fit a stack buffer", Keyring: keyed.Keyring, SkipInboundLabelCheck: true}
	seal := func(c *Codec, msg []byte) []byte {
		b, err := c.Seal(nil, msg, true)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	plainPkt, keyedPkt := seal(plain, pingBytes), seal(keyed, pingBytes)
	skipPkt := seal(skip, pingBytes)[2+len(skip.Label):]
	compound, _ := AppendCompound(nil, aliveBytes, aliveBytes, pingBytes)
	compressed, _ := AppendCompressed(nil, bytes.Repeat(aliveBytes, 10))
	check := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	for name, f := range map[string]func(){
		"encode ping":   func() { ping.Append(buf) },
		"encode ack":    func() { ack.Append(buf) },
		"encode alive":  func() { alive.Append(buf) },
		"decode ping":   func() { var m Ping; check(m.Decode(pingBytes[1:])) },
		"decode ack":    func() { var m Ack; check(m.Decode(ackBytes[1:])) },
		"decode alive":  func() { var m Alive; check(m.Decode(aliveBytes[1:])) },
		"seal plain":    func() { _, err := plain.Seal(buf, pingBytes, true); check(err) },
		"open plain":    func() { _, err := plain.Open(plainPkt, buf); check(err) },
		"seal keyed":    func() { _, err := keyed.Seal(buf, pingBytes, true); check(err) },
		"open keyed":    func() { _, err := keyed.Open(keyedPkt, buf); check(err) },
		"open, skipped": func() { _, err := skip.Open(skipPkt, buf); check(err) },
		"compound": func() {
			c, err := ParseCompound(compound[1:])
			check(err)
			for _, ok := c.Next(); ok; _, ok = c.Next() {
			}
		},
		"append compound": func() { _, err := AppendCompound(buf, aliveBytes, pingBytes); check(err) },
		"decompress":      func() { _, err := AppendDecompressed(buf, compressed[1:], MaxPacket); check(err) },
		"compress":        func() { _, err := AppendCompressed(buf, compound); check(err) },
	} {
		allowed := 0.0
		if raceEnabled && (name == "compress" || name == "decompress") {
			allowed = 20 // under the race detector a sync.Pool forgets on purpose
		}
		if n := testing.AllocsPerRun(200, f); n > allowed {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

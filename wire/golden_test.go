package wire

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"slices"
	"testing"
)

const goldenKey = "0123456789abcdef"

// goldenCodecs belong to the settings of compat/golden.
func goldenCodecs(t testing.TB) map[string]*Codec {
	t.Helper()
	ring, err := NewKeyring(nil, []byte(goldenKey))
	if err != nil {
		t.Fatal(err)
	}
	return map[string]*Codec{
		"plain":              {},
		"label":              {Label: "dc1"},
		"key":                {Keyring: ring},
		"label+key":          {Label: "dc1", Keyring: ring},
		"protocol1+key":      {Keyring: ring, ProtocolVersion: 1},
		"compress":           {Compress: true},
		"label+key+compress": {Label: "dc1", Keyring: ring, Compress: true},
	}
}

type goldenLine struct {
	kind, setting string
	data          []byte
}

func readGolden(t testing.TB) map[string][]goldenLine {
	t.Helper()
	files, err := filepath.Glob("testdata/golden/*.txt")
	if err != nil || len(files) < 2 {
		t.Fatalf("golden files: %v, %v", files, err)
	}
	out := map[string][]goldenLine{}
	for _, name := range files {
		for _, f := range readFields(t, name, 3) {
			out[name] = append(out[name], goldenLine{f[0], f[1], unhex(t, f[2])})
		}
	}
	return out
}

// TestGolden reads every packet and stream that real memberlist clusters sent,
// and writes each again. Where the author has no freedom (all but the nonce)
// the bytes must be the same.
func TestGolden(t *testing.T) {
	for name, lines := range readGolden(t) {
		t.Run(filepath.Base(name), func(t *testing.T) {
			seen := map[string]int{}
			for i, l := range lines {
				c := goldenCodecs(t)[l.setting]
				if c == nil {
					t.Fatalf("unknown setting %q", l.setting)
				}
				var err error
				if l.kind == "packet" {
					err = checkGoldenPacket(c, l.data, seen)
				} else {
					err = checkGoldenStream(c, l, seen)
				}
				if err != nil {
					t.Errorf("line %d, %s %s %x: %v", i, l.kind, l.setting, l.data, err)
				}
			}
			for _, want := range []string{"type 0", "type 1", "type 2", "type 3", "type 4", "type 5", "type 7", "type 8",
				"type 11", "crc", "stream type 0", "stream type 2", "stream type 6", "stream type 8", "stream type 13"} {
				if seen[want] == 0 {
					t.Errorf("no %s among the golden lines, only %v", want, slices.Sorted(maps.Keys(seen)))
				}
			}
		})
	}
}

func checkGoldenPacket(c *Codec, packet []byte, seen map[string]int) error {
	msg, err := c.Open(packet, nil)
	if err != nil {
		return err
	}
	again, err := reencode(msg, seen)
	if err != nil {
		return err
	}
	if !bytes.Equal(again, msg) {
		return fmt.Errorf("message %x became %x", msg, again)
	}
	// The layers again. Which are there, only the bytes tell.
	if c.Compress {
		small, err := AppendCompressed(nil, msg)
		if err != nil {
			return err
		}
		if len(small) < len(msg) {
			msg = small
		}
	}
	var layers []string
	for _, crc := range []bool{false, true} {
		sealed, err := c.Seal(nil, msg, crc)
		if err != nil {
			return err
		}
		if bytes.Equal(sealed, packet) || !c.Keyring.Empty() && len(sealed) == len(packet) {
			layers = append(layers, map[bool]string{false: "bare", true: "crc"}[crc])
		}
	}
	if len(layers) == 0 {
		return fmt.Errorf("message %x does not seal to the same bytes", msg)
	}
	for _, l := range layers {
		seen[l]++
	}
	return nil
}

func checkGoldenStream(c *Codec, l goldenLine, seen map[string]int) error {
	r := bufio.NewReader(bytes.NewReader(l.data))
	var again []byte
	if l.kind == "dial" {
		if err := c.ReadLabel(r); err != nil {
			return err
		}
		again = c.AppendLabelHeader(nil)
	}
	msg, err := c.ReadStreamMessage(r, 0)
	if err != nil {
		return err
	}
	if _, err := r.ReadByte(); err != io.EOF {
		return fmt.Errorf("not everything was read: %v", err)
	}
	seen[fmt.Sprintf("stream type %d", msg[0])]++
	same, err := reencodeStream(msg)
	if err != nil {
		return err
	}
	if !bytes.Equal(same, msg) {
		return fmt.Errorf("message %x became %x", msg, same)
	}
	if c.Compress { // memberlist compresses streams even when that makes them longer
		if msg, err = AppendCompressed(nil, msg); err != nil {
			return err
		}
	}
	plain := *c
	plain.Compress = false
	if again, err = plain.AppendStreamMessage(again, msg); err != nil {
		return err
	}
	if c.Keyring.Empty() && !bytes.Equal(again, l.data) || len(again) != len(l.data) {
		return fmt.Errorf("written again as %x", again)
	}
	return nil
}

// packetMessage returns the struct for a packet's message.
func packetMessage(t Type) message {
	switch t {
	case TypePing:
		return new(Ping)
	case TypeIndirectPing:
		return new(IndirectPing)
	case TypeAck:
		return new(Ack)
	case TypeNack:
		return new(Nack)
	case TypeSuspect:
		return new(Suspect)
	case TypeAlive:
		return new(Alive)
	case TypeDead:
		return new(Dead)
	case TypeError:
		return new(Error)
	case TypeRumor:
		return new(Rumor)
	}
	return nil
}

// reencode decodes a packet's message and encodes it again.
func reencode(msg []byte, seen map[string]int) ([]byte, error) {
	if len(msg) == 0 {
		return nil, fmt.Errorf("empty: %w", ErrTruncated)
	}
	seen[fmt.Sprintf("type %d", msg[0])]++
	switch t := Type(msg[0]); t {
	case TypeUser:
		return AppendUser(nil, msg[1:]), nil
	case TypeCompound:
		c, err := ParseCompound(msg[1:])
		if err != nil {
			return nil, err
		}
		var parts [][]byte
		for part, ok := c.Next(); ok; part, ok = c.Next() {
			part, err := reencode(part, seen)
			if err != nil {
				return nil, err
			}
			parts = append(parts, part)
		}
		if c.Truncated() > 0 {
			return nil, fmt.Errorf("compound: %w", ErrTruncated)
		}
		return AppendCompound(nil, parts...)
	default:
		m := packetMessage(t)
		if m == nil {
			return nil, fmt.Errorf("type %d: %w", t, ErrType)
		}
		if err := m.Decode(msg[1:]); err != nil {
			return nil, err
		}
		return m.Append(nil), nil
	}
}

// reencodeStream does the same for a stream's message.
func reencodeStream(msg []byte) ([]byte, error) {
	switch Type(msg[0]) {
	case TypeUser:
		h, payload, err := DecodeUserStream(msg[1:])
		return AppendUserStream(nil, payload, h.Caps), err
	case TypePushPull:
		var states []PushNodeState
		h, user, err := DecodePushPull(msg[1:], func(s *PushNodeState) error {
			states = append(states, *s)
			return nil
		})
		return AppendPushPull(nil, h, states, user), err
	}
	return reencode(msg, map[string]int{})
}

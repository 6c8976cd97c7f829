package grpcapi

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/encoding/protowire"
)

func encode(t testing.TB, p *Payload) []byte {
	t.Helper()
	out, err := codec{}.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	return out.Materialize()
}

func decode(b []byte) (*Payload, error) {
	p := new(Payload)
	err := codec{}.Unmarshal(mem.BufferSlice{mem.SliceBuffer(b)}, p)
	return p, err
}

func same(a, b *Payload) bool {
	return a.Type == b.Type && a.ClientIP == b.ClientIP && fmt.Sprint(a.Headers) == fmt.Sprint(b.Headers) &&
		bytes.Equal(append(bytes.Clone(a.Body), a.Tail...), append(bytes.Clone(b.Body), b.Tail...))
}

// The bytes are those of a client that was generated from the .proto, as it
// sent them.
func TestGoldenPayload(t *testing.T) {
	// metadata{type:"InstanceRequest", clientIp:"192.0.2.2", headers{accessToken:"t"}} body{value:"{}"}
	golden := []byte("\x12\x2e" + "\x1a\x0fInstanceRequest" + "\x3a\x10\x0a\x0baccessToken\x12\x01t" + "\x42\x09192.0.2.2" + "\x1a\x04\x12\x02{}")
	golden[1] = byte(2 + 15 + 2 + 16 + 2 + 9)
	p := &Payload{Type: "InstanceRequest", ClientIP: "192.0.2.2", Headers: []Header{{"accessToken", "t"}}, Body: []byte("{}")}
	if got := encode(t, p); !bytes.Equal(got, golden) {
		t.Fatalf("encoded %q, want %q", got, golden)
	}
	got, err := decode(golden)
	if err != nil || !same(got, p) || got.Header("accessToken") != "t" {
		t.Fatalf("%+v %v", got, err)
	}
}

// What is shared is sent as it is, after what is not.
func TestPayloadTail(t *testing.T) {
	tail := []byte(`"hosts":[]}`)
	p := &Payload{Type: "NotifySubscriberRequest", Body: []byte(`{"requestId":"1",`), Tail: tail}
	out, err := codec{}.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	if len(out) != 2 || &out[1].ReadOnlyData()[0] != &tail[0] {
		t.Fatal("the tail was copied")
	}
	got, err := decode(out.Materialize())
	if err != nil || string(got.Body) != `{"requestId":"1","hosts":[]}` {
		t.Fatalf("%s %v", got.Body, err)
	}
}

func TestPayloadBounds(t *testing.T) {
	many := &Payload{Type: "X"}
	for n := range maxHeaders + 1 {
		many.Headers = append(many.Headers, Header{fmt.Sprint(n), "v"})
	}
	for name, p := range map[string]*Payload{
		"headers":      many,
		"type":         {Type: strings.Repeat("x", maxName+1)},
		"client ip":    {ClientIP: strings.Repeat("x", maxName+1)},
		"header value": {Headers: []Header{{"k", strings.Repeat("x", maxHeader+1)}}},
		"header key":   {Headers: []Header{{strings.Repeat("x", maxName+1), "v"}}},
	} {
		if _, err := decode(encode(t, p)); !errors.Is(err, errPayload) {
			t.Errorf("%s: %v", name, err)
		}
	}
	// Fields that we do not know are skipped.
	b := protowire.AppendTag(nil, 9, protowire.VarintType)
	b = protowire.AppendVarint(b, 1)
	b = append(b, encode(t, &Payload{Type: "X", Body: []byte("b")})...)
	b = protowire.AppendTag(b, 10, protowire.BytesType)
	b = protowire.AppendString(b, "more")
	if p, err := decode(b); err != nil || p.Type != "X" || string(p.Body) != "b" {
		t.Fatalf("%+v %v", p, err)
	}
}

func FuzzPayload(f *testing.F) {
	f.Add(encode(f, &Payload{Type: "InstanceRequest", ClientIP: "10.0.0.1", Headers: []Header{{"a", "b"}, {"", ""}}, Body: []byte(`{"x":1}`)}))
	f.Add([]byte{0x12, 0xff, 0xff, 0xff, 0xff, 0x0f})
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := decode(b)
		if err != nil {
			return
		}
		again, err := decode(encode(t, p))
		if err != nil || !same(p, again) {
			t.Fatalf("%+v became %+v: %v", p, again, err)
		}
	})
}

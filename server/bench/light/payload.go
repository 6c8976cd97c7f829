package light

import (
	"bytes"
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"
)

// Methods of Nacos' two services.
var (
	nacosRequest = Method("/Request/request")
	nacosStream  = Method("/BiRequestStream/requestBiStream")
)

// AppendPayload appends Nacos' one message: a type and a body in JSON.
func AppendPayload(b []byte, kind string, body []byte) []byte {
	b = protowire.AppendTag(b, 2, protowire.BytesType)
	b = protowire.AppendVarint(b, uint64(1+protowire.SizeBytes(len(kind))))
	b = protowire.AppendTag(b, 3, protowire.BytesType)
	b = protowire.AppendString(b, kind)
	b = protowire.AppendTag(b, 3, protowire.BytesType)
	b = protowire.AppendVarint(b, uint64(1+protowire.SizeBytes(len(body))))
	b = protowire.AppendTag(b, 2, protowire.BytesType)
	return protowire.AppendBytes(b, body)
}

// ReadPayload takes a message apart. The body is a part of b.
func ReadPayload(b []byte) (kind string, body []byte, err error) {
	meta, err := field(b, 2)
	if err != nil {
		return "", nil, err
	}
	k, err := field(meta, 3)
	if err != nil {
		return "", nil, err
	}
	value, err := field(b, 3)
	if err != nil {
		return "", nil, err
	}
	body, err = field(value, 2)
	return string(k), body, err
}

// field returns the last field of a number, which must be bytes.
func field(b []byte, want protowire.Number) (v []byte, err error) {
	for len(b) > 0 {
		num, kind, n := protowire.ConsumeTag(b)
		if n < 0 {
			return nil, protowire.ParseError(n)
		}
		b = b[n:]
		if n = protowire.ConsumeFieldValue(num, kind, b); n < 0 {
			return nil, protowire.ParseError(n)
		}
		if num == want && kind == protowire.BytesType {
			v, _ = protowire.ConsumeBytes(b)
		}
		b = b[n:]
	}
	return v, nil
}

// Nacos is a connection of a Nacos client, set up.
type Nacos struct {
	*GRPC
	buf []byte
}

const setup = `{"requestId":"","module":"internal","clientVersion":"Nacos-Go-Client:v2.3.5","tenant":"","labels":{"module":"naming","source":"sdk"},"clientAbilities":{}}`

// SetUp makes a connection a Nacos client: the check, the stream, and a first
// request that is answered when the server has taken the client in.
func SetUp(g *GRPC) (*Nacos, error) {
	n := &Nacos{GRPC: g}
	if _, err := n.Ask("ServerCheckRequest", []byte(`{"requestId":"","module":"internal"}`)); err != nil {
		return nil, err
	}
	if err := g.Open(nacosStream, AppendPayload(nil, "ConnectionSetupRequest", []byte(setup))); err != nil {
		return nil, err
	}
	if _, err := n.Ask("HealthCheckRequest", []byte(`{"requestId":"","module":"internal"}`)); err != nil {
		return nil, err
	}
	return n, nil
}

var success = []byte(`"success":true`)

// Ask makes a request and returns the body of its answer, which the next one
// overwrites. An answer that is none of success is an error.
func (n *Nacos) Ask(kind string, body []byte) ([]byte, error) {
	n.buf = AppendPayload(n.buf[:0], kind, body)
	m, err := n.Call(nacosRequest, n.buf)
	if err != nil {
		return nil, err
	}
	_, answer, err := ReadPayload(m)
	if err == nil && !bytes.Contains(answer[:min(len(answer), 100)], success) {
		err = fmt.Errorf("%s: %s", kind, answer)
	}
	return answer, err
}

// Acknowledge answers a push by its requestId.
func (n *Nacos) Acknowledge(kind string, body []byte) error {
	const name = `"requestId":"`
	_, id, ok := bytes.Cut(body, []byte(name))
	end := bytes.IndexByte(id, '"')
	if !ok || end < 0 {
		return fmt.Errorf("%s without a requestId", kind)
	}
	answer := append([]byte(`{"resultCode":200,"errorCode":0,"success":true,"message":"","requestId":"`), id[:end]...)
	return n.Send(AppendPayload(nil, kind[:len(kind)-len("Request")]+"Response", append(answer, `"}`...)))
}

// Hold answers whatever the server pushes or asks, until the connection ends.
// seen, if not nil, is told of each push before it is answered.
func (n *Nacos) Hold(seen func(kind string, body []byte)) error {
	n.Pushed = func(message []byte) error {
		kind, body, err := ReadPayload(message)
		if err != nil {
			return err
		}
		if seen != nil {
			seen(kind, body)
		}
		return n.Acknowledge(kind, body)
	}
	return n.Serve()
}

package grpcapi

import (
	"errors"
	"fmt"

	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/encoding/protowire"
)

// Payload is the one message of the protocol:
//
//	message Metadata { string type = 3; string clientIp = 8; map<string,string> headers = 7; }
//	message Payload  { Metadata metadata = 2; google.protobuf.Any body = 3; }
//
// The body is the value of Any, its type_url is empty.
type Payload struct {
	Type     string
	ClientIP string
	Headers  []Header
	Body     []byte
	Tail     []byte // of what is sent: more of the body, shared with other messages
}

// A Header is one of a request's.
type Header struct{ Key, Value string }

// Header returns a header's value.
func (p *Payload) Header(key string) string {
	for _, h := range p.Headers {
		if h.Key == key {
			return h.Value
		}
	}
	return ""
}

// Field numbers.
const (
	fieldMetadata = 2
	fieldBody     = 3
	fieldType     = 3
	fieldHeaders  = 7
	fieldClientIP = 8
	fieldKey      = 1
	fieldValue    = 2
	fieldAnyValue = 2
)

// Bounds of what a client may send beside its body.
const (
	maxHeaders = 64
	maxName    = 256
	maxHeader  = 8 << 10
)

var errPayload = errors.New("not a Payload")

// codec is grpc's, for Payloads alone.
type codec struct{}

// Name is that of the codec it stands for.
func (codec) Name() string { return "proto" }

// Marshal encodes a Payload. A shared tail is not copied.
func (codec) Marshal(v any) (mem.BufferSlice, error) {
	p, ok := v.(*Payload)
	if !ok {
		return nil, fmt.Errorf("%w: %T", errPayload, v)
	}
	out := mem.BufferSlice{mem.SliceBuffer(p.appendFront(nil))}
	if len(p.Tail) > 0 {
		out = append(out, mem.SliceBuffer(p.Tail))
	}
	return out, nil
}

// appendFront appends all but the tail.
func (p *Payload) appendFront(b []byte) []byte {
	meta := 0
	if p.Type != "" {
		meta += protowire.SizeTag(fieldType) + protowire.SizeBytes(len(p.Type))
	}
	if p.ClientIP != "" {
		meta += protowire.SizeTag(fieldClientIP) + protowire.SizeBytes(len(p.ClientIP))
	}
	for _, h := range p.Headers {
		meta += protowire.SizeTag(fieldHeaders) + protowire.SizeBytes(h.size())
	}
	body := len(p.Body) + len(p.Tail)
	value := 0
	if body > 0 {
		value = protowire.SizeTag(fieldAnyValue) + protowire.SizeBytes(body)
	}
	if b == nil {
		b = make([]byte, 0, meta+len(p.Body)+24)
	}
	b = protowire.AppendTag(b, fieldMetadata, protowire.BytesType)
	b = protowire.AppendVarint(b, uint64(meta))
	if p.Type != "" {
		b = protowire.AppendTag(b, fieldType, protowire.BytesType)
		b = protowire.AppendString(b, p.Type)
	}
	for _, h := range p.Headers {
		b = protowire.AppendTag(b, fieldHeaders, protowire.BytesType)
		b = protowire.AppendVarint(b, uint64(h.size()))
		b = protowire.AppendTag(b, fieldKey, protowire.BytesType)
		b = protowire.AppendString(b, h.Key)
		b = protowire.AppendTag(b, fieldValue, protowire.BytesType)
		b = protowire.AppendString(b, h.Value)
	}
	if p.ClientIP != "" {
		b = protowire.AppendTag(b, fieldClientIP, protowire.BytesType)
		b = protowire.AppendString(b, p.ClientIP)
	}
	b = protowire.AppendTag(b, fieldBody, protowire.BytesType)
	b = protowire.AppendVarint(b, uint64(value))
	if body > 0 {
		b = protowire.AppendTag(b, fieldAnyValue, protowire.BytesType)
		b = protowire.AppendVarint(b, uint64(body))
	}
	return append(b, p.Body...)
}

func (h Header) size() int {
	return protowire.SizeTag(fieldKey) + protowire.SizeBytes(len(h.Key)) +
		protowire.SizeTag(fieldValue) + protowire.SizeBytes(len(h.Value))
}

// Unmarshal reads a Payload. Its body is a copy.
func (codec) Unmarshal(data mem.BufferSlice, v any) error {
	p, ok := v.(*Payload)
	if !ok {
		return fmt.Errorf("%w: %T", errPayload, v)
	}
	return p.decode(data.Materialize())
}

// decode reads a Payload. Its body is a part of b.
func (p *Payload) decode(b []byte) error {
	*p = Payload{}
	return fields(b, func(n protowire.Number, v []byte) error {
		switch n {
		case fieldMetadata:
			return p.decodeMetadata(v)
		case fieldBody:
			return fields(v, func(n protowire.Number, v []byte) error {
				if n == fieldAnyValue {
					p.Body = v
				}
				return nil
			})
		}
		return nil
	})
}

func (p *Payload) decodeMetadata(b []byte) error {
	return fields(b, func(n protowire.Number, v []byte) error {
		switch n {
		case fieldType:
			return text(&p.Type, v, maxName)
		case fieldClientIP:
			return text(&p.ClientIP, v, maxName)
		case fieldHeaders:
			if len(p.Headers) == maxHeaders {
				return fmt.Errorf("%w: more than %d headers", errPayload, maxHeaders)
			}
			var h Header
			err := fields(v, func(n protowire.Number, v []byte) error {
				switch n {
				case fieldKey:
					return text(&h.Key, v, maxName)
				case fieldValue:
					return text(&h.Value, v, maxHeader)
				}
				return nil
			})
			p.Headers = append(p.Headers, h)
			return err
		}
		return nil
	})
}

func text(to *string, v []byte, most int) error {
	if len(v) > most {
		return fmt.Errorf("%w: text of %d bytes", errPayload, len(v))
	}
	*to = string(v)
	return nil
}

// fields calls f with each field that is bytes, and skips the others: who
// knows of more fields than we do may send them.
func fields(b []byte, f func(protowire.Number, []byte) error) error {
	for len(b) > 0 {
		num, kind, n := protowire.ConsumeTag(b)
		if n < 0 {
			return fmt.Errorf("%w: %w", errPayload, protowire.ParseError(n))
		}
		b = b[n:]
		if kind != protowire.BytesType {
			if n = protowire.ConsumeFieldValue(num, kind, b); n < 0 {
				return fmt.Errorf("%w: %w", errPayload, protowire.ParseError(n))
			}
			b = b[n:]
			continue
		}
		v, n := protowire.ConsumeBytes(b)
		if n < 0 {
			return fmt.Errorf("%w: %w", errPayload, protowire.ParseError(n))
		}
		if err := f(num, v); err != nil {
			return err
		}
		b = b[n:]
	}
	return nil
}

package grpcapi

import (
	"strconv"

	"github.com/musterhq/muster/server/nacos/codes"
	"github.com/musterhq/muster/server/nacos/shape"
	"github.com/musterhq/muster/server/registry"
)

// A reply is the answer to a request.
type reply struct {
	kind  string
	code  int // errorCode: 0 is success
	text  string
	extra []byte // more fields, each with a comma before it
	tail  []byte // the last field's value, shared
}

// payload encodes the reply. All clients look for success, and some for the
// others; a message that is null is no message to some, and an error to others.
func (r reply) payload(requestID string) *Payload {
	b := make([]byte, 0, 128+len(r.extra))
	if r.code == 0 {
		b = append(b, `{"resultCode":200,"errorCode":0,"success":true`...)
	} else {
		b = append(b, `{"resultCode":500,"errorCode":`...)
		b = strconv.AppendInt(b, int64(r.code), 10)
		b = append(b, `,"success":false,"message":`...)
		b = registry.AppendJSONString(b, r.text)
	}
	b = append(b, `,"requestId":`...)
	b = registry.AppendJSONString(b, requestID)
	b = append(b, r.extra...)
	if r.tail != nil {
		// The value of the field that extra ends with.
		return &Payload{Type: r.kind, Body: b, Tail: r.tail}
	}
	return &Payload{Type: r.kind, Body: append(b, '}')}
}

func failed(err error) reply {
	return reply{kind: "ErrorResponse", code: codes.Of(err).RPC, text: err.Error()}
}

// withList is a reply that ends with a list of instances.
func withList(kind string, v *registry.View, q registry.Query) reply {
	// The list is shared and closed by the memo: see renderReply.
	return reply{kind: kind, extra: []byte(`,"serviceInfo":`), tail: renderReply(v, q)}
}

// withoutList is withList while instances may be missing, for a client that
// would take what it is given for all there is: hosts is null, which libraries
// take for an answer that went wrong, and keep what they have.
func withoutList(kind string, v *registry.View, q registry.Query) reply {
	return reply{kind: kind, extra: []byte(`,"serviceInfo":`), tail: append(shape.Unknown(v, q), '}')}
}

// Forms of what is kept encoded, beyond those of package shape.
const formReply uint8 = 100

// renderReply makes a list and the end of the object it is the last field of.
func renderReply(v *registry.View, q registry.Query) []byte {
	return v.Memo(v.Variant(formReply, q), func() []byte {
		return append(shape.Bare(v, shape.FormRPC, q), '}')
	})
}

func renderPush(v *registry.View, q registry.Query) []byte { return shape.Push(v, q) }

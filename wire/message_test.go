package wire

import (
	"bytes"
	"errors"
	"reflect"
	"strings"
	"testing"
)

// frames are one of each kind, as they are sent.
func frames() []Frame {
	return []Frame{
		{Kind: FrameHello, Hello: Hello{Version: FrameVersion, Session: 0x0102030405060708, Epoch: 3, From: "a", To: "b", Namespace: "shop/cart"}},
		{Kind: FrameHello, Hello: Hello{Version: FrameVersion}},
		{Kind: FrameSend, ID: 1, Size: 5, Topic: "news", Payload: []byte("hello")},
		{Kind: FrameSend, ID: 2, Size: MaxUserMessage, Payload: make([]byte, MaxFramePayload)},
		{Kind: FrameRequest, ID: 300, Wait: 1500, Size: 2, Topic: strings.Repeat("t", MaxTopic), Payload: []byte("hi")},
		{Kind: FrameRequest, ID: 301, Topic: "t"},
		{Kind: FramePart, ID: 2, Payload: []byte("more")},
		{Kind: FrameAck, ID: 1},
		{Kind: FrameReply, ID: 300, Size: 3, Payload: []byte("yes")},
		{Kind: FrameFailure, ID: 301, Code: FailHandler, Payload: []byte("no such cart")},
		{Kind: FrameCancel, ID: 1<<64 - 1},
	}
}

func TestFrames(t *testing.T) {
	for _, f := range frames() {
		msg := f.Append([]byte("before"))[len("before"):]
		if Type(msg[0]) != TypeMessage || len(msg) > MaxFrame {
			t.Errorf("%+v takes %d bytes, type %d", f, len(msg), msg[0])
		}
		var back Frame
		if err := back.Decode(msg); err != nil {
			t.Errorf("%+v: %v", f, err)
		}
		if f.Payload == nil {
			f.Payload = []byte{}
		}
		if !reflect.DeepEqual(back, f) {
			t.Errorf("%+v came back as %+v", f, back)
		}
		for n := range msg { // cut anywhere, with its length right
			cut := EndFramed(bytes.Clone(msg[:max(n, framedHead)]), 0)
			if err := back.Decode(cut); err == nil && !reflect.DeepEqual(back.Append(nil), cut) {
				t.Fatalf("%x, %d bytes of a frame, was read as %+v", cut, n, back)
			}
		}
	}
}

func TestFramesRefused(t *testing.T) {
	frame := func(f Frame) []byte { return f.Append(nil) }
	for what, c := range map[string]struct {
		msg  []byte
		want error
	}{
		"no length":                 {[]byte{byte(TypeMessage)}, ErrTruncated},
		"another length":            {append(frame(Frame{Kind: FrameAck, ID: 1}), 0), ErrTruncated},
		"a kind from the future":    {frame(Frame{Kind: 99, ID: 1}), ErrType},
		"a payload over its size":   {frame(Frame{Kind: FrameSend, Size: 1, Payload: []byte("ab")}), ErrMalformed},
		"a payload of an ack":       {frame(Frame{Kind: FrameAck, Payload: []byte("a")}), ErrMalformed},
		"more than a frame carries": {frame(Frame{Kind: FramePart, Payload: make([]byte, MaxFramePayload+1)}), ErrMalformed},
		"more than a message":       {frame(Frame{Kind: FrameReply, Size: MaxUserMessage + 1}), ErrRange},
		"a long topic":              {frame(Frame{Kind: FrameSend, Topic: strings.Repeat("t", MaxTopic+1)}), ErrRange},
		"a long failure":            {frame(Frame{Kind: FrameFailure, Payload: make([]byte, MaxFailure+1)}), ErrMalformed},
	} {
		var f Frame
		if err := f.Decode(c.msg); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", what, err, c.want)
		}
	}
}

// What is read from arbitrary bytes is within the limits and is written and
// read again as the same.
func FuzzFrame(f *testing.F) {
	for _, frame := range frames() {
		f.Add(frame.Append(nil)[framedHead:])
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		msg := EndFramed(append(BeginFramed(nil, TypeMessage), body...), 0)
		var frame, again Frame
		if frame.Decode(msg) != nil {
			return
		}
		switch {
		case frame.Size > MaxUserMessage, len(frame.Topic) > MaxTopic, len(frame.Payload) > MaxFramePayload:
			t.Fatalf("%+v is out of bounds", frame)
		case frame.Size > 0 && len(frame.Payload) > frame.Size:
			t.Fatalf("%+v has more than it says", frame)
		}
		if err := again.Decode(frame.Append(nil)); err != nil || !reflect.DeepEqual(frame, again) {
			t.Fatalf("%+v was read again as %+v: %v", frame, again, err)
		}
	})
}

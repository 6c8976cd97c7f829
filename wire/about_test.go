package wire

import (
	"bufio"
	"bytes"
	"errors"
	"testing"
)

func TestScopedRumor(t *testing.T) {
	in := Rumor{Origin: 1, Seq: 2, Scope: "dev/a", Payload: []byte("x")}
	b := in.Append(nil)
	if Type(b[0]) != TypeScopedRumor {
		t.Fatalf("type %d: a peer without namespaces would deliver it", b[0])
	}
	var out Rumor
	if err := out.DecodeScoped(b[1:]); err != nil || out.Scope != in.Scope || string(out.Payload) != "x" || out.Seq != 2 {
		t.Fatalf("%+v, %v", out, err)
	}
	for n := 1; n < len(b)-1; n++ {
		if err := out.DecodeScoped(b[1:n]); !errors.Is(err, ErrTruncated) {
			t.Fatalf("cut at %d: %v", n, err)
		}
	}
	if err := out.DecodeScoped(append(b[1:17:17], 0, 'x')); !errors.Is(err, ErrTruncated) {
		t.Fatalf("a scope that is empty: %v", err)
	}
}

func TestWithUserState(t *testing.T) {
	states := []PushNodeState{{Name: "a", Addr: local1, Port: 1, Incarnation: 3, Versions: Versions{1, 5, 2}}}
	plain := AppendPushPull(nil, PushPullHeader{Join: true, Caps: CapMuster}, states, nil)
	for _, size := range []int{0, 1, 200, 70_000} {
		state := bytes.Repeat([]byte{7}, size)
		msg, err := WithUserState(plain, state)
		if err != nil {
			t.Fatal(err)
		}
		if want := AppendPushPull(nil, PushPullHeader{Join: true, Caps: CapMuster}, states, state); !bytes.Equal(msg, want) {
			t.Fatalf("%d bytes of state: got %.80x, want %.80x", size, msg, want)
		}
	}
	if _, err := WithUserState(plain, make([]byte, MaxUserState+1)); !errors.Is(err, ErrTooLarge) {
		t.Fatal(err)
	}
}

// TestFramed sends muster's own stream messages between others, with and
// without encryption.
func TestFramed(t *testing.T) {
	for _, keys := range []bool{false, true} {
		var c Codec
		if keys {
			ring, err := NewKeyring(nil, make([]byte, 16))
			if err != nil {
				t.Fatal(err)
			}
			c.Keyring = ring
		}
		var stream []byte
		want := [][]byte{}
		for i, typ := range []Type{TypeSync, TypeRecordStream, TypeMessage} {
			b := append(BeginFramed(nil, typ), bytes.Repeat([]byte{byte(i)}, i*5000)...)
			b = EndFramed(b, 0)
			want = append(want, b)
			var err error
			if stream, err = c.AppendStreamMessage(stream, b); err != nil {
				t.Fatal(err)
			}
		}
		r := bufio.NewReader(bytes.NewReader(stream))
		for i := range want {
			got, err := c.ReadStreamMessage(r, 0)
			if err != nil || !bytes.Equal(got, want[i]) {
				t.Fatalf("message %d: %v, %d bytes", i, err, len(got))
			}
			if body, ok := FramedBody(got); !ok || len(body) != i*5000 {
				t.Fatalf("body of message %d: %d bytes, %v", i, len(body), ok)
			}
		}
	}
	if _, ok := FramedBody([]byte{byte(TypeSync), 0, 0, 0, 2, 1}); ok {
		t.Fatal("a frame that lacks a byte")
	}
	c, b := Codec{}, []byte{byte(TypeSync), 0xff, 0xff, 0xff, 0xff, 1}
	if _, err := c.ReadStreamMessage(bufio.NewReader(bytes.NewReader(b)), 0); !errors.Is(err, ErrTooLarge) {
		t.Fatalf("a frame of 4 GiB: %v", err)
	}
}

func FuzzScopedRumor(f *testing.F) {
	f.Add((&Rumor{Origin: 1, Seq: 2, Scope: "a/b", Payload: []byte("x")}).Append(nil)[1:])
	f.Fuzz(func(t *testing.T, b []byte) {
		var m, again Rumor
		if m.DecodeScoped(b) != nil {
			return
		}
		if err := again.DecodeScoped(m.Append(nil)[1:]); err != nil || again.Scope != m.Scope || !bytes.Equal(again.Payload, m.Payload) {
			t.Fatalf("%+v became %+v: %v", m, again, err)
		}
	})
}

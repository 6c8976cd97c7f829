package wire

import (
	"errors"
	"fmt"
	"reflect"
	"testing"
)

func somePushPull(n int) (PushPullHeader, []PushNodeState, []byte) {
	states := make([]PushNodeState, n)
	for i := range states {
		states[i] = PushNodeState{Name: fmt.Sprintf("node-%d", i), Addr: local1, Port: 7946, Meta: []byte("meta"),
			Incarnation: uint32(i), State: State(i % 4), Versions: versions}
	}
	user := []byte("user state")
	return PushPullHeader{Nodes: n, UserStateLen: len(user), Join: true, Caps: CapMuster}, states, user
}

func TestPushPull(t *testing.T) {
	wantH, want, wantUser := somePushPull(300)
	b := AppendPushPull(nil, PushPullHeader{Join: true, Caps: CapMuster}, want, wantUser)
	var got []PushNodeState
	h, user, err := DecodePushPull(b[1:], func(s *PushNodeState) error {
		got = append(got, *s)
		return nil
	})
	if err != nil || h != wantH || string(user) != string(wantUser) || !reflect.DeepEqual(got, want) {
		t.Fatalf("%+v, %q, %v, %d states", h, user, err, len(got))
	}
}

func TestPushPullStops(t *testing.T) {
	h, states, user := somePushPull(3)
	b := AppendPushPull(nil, h, states, user)
	stop := errors.New("enough")
	calls := 0
	_, _, err := DecodePushPull(b[1:], func(*PushNodeState) error { calls++; return stop })
	if !errors.Is(err, stop) || calls != 1 {
		t.Fatalf("%v after %d calls", err, calls)
	}
	for n := range b[1:] {
		if _, _, err := DecodePushPull(b[1:1+n], func(*PushNodeState) error { return nil }); !errors.Is(err, ErrTruncated) {
			t.Fatalf("cut to %d bytes: %v", n, err)
		}
	}
}

// TestPushPullOddAddress: one member without a usable address must not keep
// us from learning of the others.
func TestPushPullOddAddress(t *testing.T) {
	b := (&PushPullHeader{Nodes: 4, UserStateLen: 4}).Append(nil)
	b = (&PushNodeState{Name: "a", Addr: local1}).Append(b)
	b = (&PushNodeState{Name: "nowhere"}).Append(b)
	b = (&PushNodeState{Name: "c", Addr: local2}).Append(b)
	b = (&PushNodeState{Name: "nowhere either"}).Append(b)
	b = append(b, "user"...)
	var names []string
	_, user, err := DecodePushPull(b[1:], func(s *PushNodeState) error {
		names = append(names, s.Name)
		return nil
	})
	if err != nil || fmt.Sprint(names) != "[a c]" || string(user) != "user" {
		t.Fatalf("%v, %q, %v", names, user, err)
	}
}

// TestPushPullClaim: a header that claims a million states costs nothing.
func TestPushPullClaim(t *testing.T) {
	body := (&PushPullHeader{Nodes: MaxNodes, UserStateLen: MaxUserState}).Append(nil)[1:]
	allocs := testing.AllocsPerRun(10, func() {
		if _, _, err := DecodePushPull(body, func(*PushNodeState) error { return nil }); !errors.Is(err, ErrTruncated) {
			t.Fatal(err)
		}
	})
	if allocs > 10 { // the state and the error
		t.Fatalf("%v allocations", allocs)
	}
}

// TestPushPullOfNobody: passing over states costs nothing either. With an
// error for each, a megabyte of them would keep a member busy for a second.
func TestPushPullOfNobody(t *testing.T) {
	const n = 10_000
	b := (&PushPullHeader{Nodes: n}).Append(nil)
	for range n {
		b = append(b, codeFixArr) // an array of no values
	}
	allocs := testing.AllocsPerRun(10, func() {
		if _, _, err := DecodePushPull(b[1:], func(*PushNodeState) error { return nil }); err != nil {
			t.Fatal(err)
		}
	})
	if allocs > 10 {
		t.Fatalf("%v allocations for %d states", allocs, n)
	}
}

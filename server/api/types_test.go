package api

import (
	"encoding/json"
	"net/netip"
	"testing"

	"github.com/musterhq/muster"
)

func TestMemberJSON(t *testing.T) {
	m := muster.Member{
		Name: "web-1", Addr: netip.MustParseAddrPort("[::1]:7946"),
		State: muster.Suspect, Incarnation: 7, Meta: []byte("role=web"),
	}
	for _, tt := range []struct{ meta, want string }{
		{"role=web", `{"name":"web-1","addr":"[::1]:7946","state":"suspect","incarnation":7,"meta":"role=web"}`},
		{"", `{"name":"web-1","addr":"[::1]:7946","state":"suspect","incarnation":7,"meta":""}`},
		{"\xff", `{"name":"web-1","addr":"[::1]:7946","state":"suspect","incarnation":7,"meta":"\ufffd","meta_base64":"/w=="}`},
	} {
		m.Meta = []byte(tt.meta)
		got, err := json.Marshal(FromMember(m))
		if err != nil {
			t.Fatal(err)
		}
		if string(got) != tt.want {
			t.Errorf("meta %q:\n got %s\nwant %s", tt.meta, got, tt.want)
		}
	}
}

func TestStateWords(t *testing.T) {
	for state, want := range map[muster.State]string{
		muster.Alive: "alive", muster.Suspect: "suspect", muster.Dead: "dead", muster.Left: "left",
	} {
		if got := FromMember(muster.Member{State: state}).State; got != want {
			t.Errorf("state %d is called %q, want %q", state, got, want)
		}
	}
}

func TestPayloadCarriesAnyBytes(t *testing.T) {
	for _, want := range []string{"", "plain text", "Grüße \x00", "\xff\xfe"} {
		wire, err := json.Marshal(BroadcastRequest{NewPayload([]byte(want))})
		if err != nil {
			t.Fatal(err)
		}
		var back BroadcastRequest
		if err := json.Unmarshal(wire, &back); err != nil {
			t.Fatal(err)
		}
		got, err := back.Value()
		if err != nil || string(got) != want {
			t.Errorf("%q came back as %q by %s, error %v", want, got, wire, err)
		}
	}
	if _, err := (Payload{Text: "a", Bytes: []byte("b")}).Value(); err == nil {
		t.Error("two payloads in one request were accepted")
	}
}

package grpcapi

import (
	"testing"
	"time"

	"github.com/musterhq/muster/server/registry"
)

// What a client has registered outlives its connection for a moment if it was
// asked to move, and the check by which clients of Go decide whether to stay
// fails.
func TestMoving(t *testing.T) {
	d := newDoor(t, nil)
	p := d.dial().setUp(plainSetup)
	p.want(0, "InstanceResponse", "InstanceRequest",
		`{"namespace":"public","serviceName":"demo","groupName":"DEFAULT_GROUP","type":"registerInstance","instance":{"ip":"10.0.0.1","port":80,"weight":1,"healthy":true,"enabled":true,"ephemeral":true}}`)
	if err := d.server.Reload(0, ""); err != nil {
		t.Fatal(err)
	}
	p.wait("ConnectResetRequest", has(`"connectionId":"`))
	if kind, body := p.ask("HealthCheckRequest", `{}`); kind != "ErrorResponse" || body["errorCode"] != 500.0 {
		t.Errorf("it may stay: %s %v", kind, body)
	}
	if err := p.conn.Close(); err != nil {
		t.Fatal(err)
	}
	listed := func() int { return len(d.reg.View(registry.Key("", "", "demo")).Hosts) }
	eventually(t, "the connection has ended", func() bool { return len(d.server.Connections()) == 0 })
	if listed() != 1 {
		t.Fatal("it is gone at once")
	}
	d.server.departures(time.Now().Add(movesWithin - 10*time.Millisecond))
	if listed() != 1 {
		t.Fatal("it is gone too early")
	}
	d.server.departures(time.Now().Add(movesWithin))
	if listed() != 0 {
		t.Fatal("it stays for ever")
	}
}

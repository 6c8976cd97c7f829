package httpapi

import (
	"context"
	"testing"
	"time"

	"github.com/musterhq/muster/server/push"
	"github.com/musterhq/muster/server/registry"
	"github.com/musterhq/muster/server/registry/registrytest"
)

// Pushes are counted anew where that is asked for.
func TestPushStateIsReset(t *testing.T) {
	reg := registrytest.New(registry.Options{})
	engine := push.New(reg, push.Options{})
	reg.Observe(engine)
	reg.Ready(0)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); engine.Run(ctx) }()
	defer func() { cancel(); <-done }()
	to := &sink{}
	to.receiver = engine.NewReceiver(to)
	defer to.receiver.Close()
	d := newDoor(t, func(o *Options) { o.Registry, o.Push = reg, engine })
	if err := to.receiver.Subscribe(registry.Key("", "", "s"), registry.Query{}, registry.SubscriberInfo{}, 10); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(10 * time.Second); engine.Stats().Acked == 0; time.Sleep(time.Millisecond) { // between looks
		if time.Now().After(deadline) {
			t.Fatal("it was not pushed to")
		}
	}
	const state = "GET /v1/ns/operator/push/state"
	d.want(200, `{"total":1,"succeed":1,"ratio":1,"reset":false}`, state, "")
	d.want(200, `{"total":1,"succeed":1,"ratio":1,"reset":true}`, state+"?reset=true", "")
	d.want(200, `{"total":0,"succeed":0,"ratio":0,"reset":false,"detail":{"avgPushCost":-1,"maxPushCost":0}}`, state+"?detail=true", "")
	if engine.Stats().Sent != 1 {
		t.Error("what Prometheus is told was set back")
	}
}

// sink acknowledges all that it is sent.
type sink struct{ receiver *push.Receiver }

func (s *sink) Render(*registry.View, registry.Query) []byte { return nil }

func (s *sink) Send(id uint64, _ registry.ServiceKey, _ []byte) error {
	s.receiver.Ack(id, true)
	return nil
}

func (s *sink) SendWatch(uint64, push.WatchMessage) error { return nil }

package grpcapi

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/musterhq/muster/server/push"
	"github.com/musterhq/muster/server/registry"
	"github.com/musterhq/muster/server/registry/registrytest"
)

// A batch is replaced by the next one, down to one of none: so the client of
// Java takes out the last instance of its batch.
func TestBatchShrinks(t *testing.T) {
	d := newDoor(t, nil)
	p, q := d.dial().setUp(plainSetup), d.dial().setUp(plainSetup)
	q.want(0, "SubscribeServiceResponse", "SubscribeServiceRequest", `{`+names+`,"subscribe":true}`)
	batch := func(ips ...string) {
		t.Helper()
		var list []string
		for _, ip := range ips {
			list = append(list, `{"ip":"`+ip+`","port":80,"metadata":{"n":"`+ip+`"}}`)
		}
		m := p.want(0, "BatchInstanceResponse", "BatchInstanceRequest", `{`+names+`,"type":"batchRegisterInstance","instances":[`+strings.Join(list, ",")+`]}`)
		if m["type"] != "batchRegisterInstance" {
			t.Fatal(m)
		}
		var have []string
		for _, h := range d.reg.View(registry.Key("", "", "demo")).Hosts {
			have = append(have, h.IP)
		}
		if fmt.Sprint(have) != fmt.Sprint(ips) {
			t.Fatalf("%v, want %v", have, ips)
		}
	}
	batch("10.0.0.1", "10.0.0.2", "10.0.0.3")
	q.wait("NotifySubscriberRequest", has(`"ip":"10.0.0.1"`, `"ip":"10.0.0.2"`, `"ip":"10.0.0.3"`))
	batch("10.0.0.1", "10.0.0.3")
	batch("10.0.0.3")
	q.mu.Lock()
	q.got = nil
	q.mu.Unlock()
	batch()
	q.wait("NotifySubscriberRequest", has(`"hosts":[]`))
	batch() // as after a reconnection, when there was none before
	if n := d.reg.Stats().Instances; n != 0 {
		t.Fatalf("%d instances", n)
	}
	p.want(0, "InstanceResponse", "PersistentInstanceRequest", `{"serviceName":"db","type":"registerInstance","instance":{"ip":"10.0.0.9","port":3306}}`)
	m := p.want(400, "ErrorResponse", "BatchInstanceRequest", `{"serviceName":"db","type":"batchRegisterInstance","instances":[`+instance+`]}`)
	if m["message"] != "Current service DEFAULT_GROUP@@db is persistent service, can't batch register ephemeral instance." {
		t.Fatal(m)
	}
	p.want(0, "InstanceResponse", "InstanceRequest", `{"serviceName":"web","type":"registerInstance","instance":`+instance+`}`)
	m = p.want(400, "ErrorResponse", "PersistentInstanceRequest", `{"serviceName":"web","type":"registerInstance","instance":{"ip":"10.0.0.9","port":3306}}`)
	if m["message"] != "Current service DEFAULT_GROUP@@web is ephemeral service, can't register persistent instance." {
		t.Fatal(m)
	}
}

// What an operator has said of a service is in what its subscribers are told:
// its overlays, and its protection.
func TestPushesAreProtected(t *testing.T) {
	d := newDoor(t, nil)
	key := registry.Key("", "", "demo")
	if err := d.reg.Declare(t.Context(), key, registry.Declaration{Threshold: 0.9}); err != nil {
		t.Fatal(err)
	}
	p, q := d.dial().setUp(plainSetup), d.dial().setUp(plainSetup)
	q.want(0, "SubscribeServiceResponse", "SubscribeServiceRequest", `{`+names+`,"subscribe":true,"clusters":"A"}`)
	p.want(0, "BatchInstanceResponse", "BatchInstanceRequest", `{`+names+`,"type":"batchRegisterInstance","instances":[
		{"ip":"10.0.0.1","port":1,"clusterName":"A"},{"ip":"10.0.0.2","port":1,"clusterName":"A","healthy":false},{"ip":"10.0.0.3","port":1,"clusterName":"B"}]}`)
	q.wait("NotifySubscriberRequest", func(body string) bool {
		return strings.Contains(body, `"reachProtectionThreshold":true`) && strings.Count(body, `"healthy":true`) == 2 && strings.Contains(body, `"clusters":"A"`) &&
			!strings.Contains(body, "10.0.0.3")
	})
	off := false
	if err := d.reg.PatchInstances(t.Context(), key, []registry.InstanceKey{{IP: "10.0.0.2", Port: 1, Cluster: "A"}}, registry.Patch{Enabled: &off}); err != nil {
		t.Fatal(err)
	}
	q.wait("NotifySubscriberRequest", func(body string) bool {
		return strings.Contains(body, `"reachProtectionThreshold":false`) && strings.Contains(body, "10.0.0.1") && !strings.Contains(body, "10.0.0.2")
	})
}

// A pattern may match so many services, and there may be so many patterns.
func TestFuzzyWatchLimits(t *testing.T) {
	reg := registrytest.New(registry.Options{Limits: registry.Limits{FuzzyPatterns: 2, FuzzyMatches: 3}})
	d := newDoor(t, func(o *Options) { o.Registry, o.Push = reg, push.New(reg, push.Options{}) })
	reg.Ready(0)
	p := d.dial().setUp(ableSetup)
	for i := range 5 {
		p.want(0, "InstanceResponse", "InstanceRequest", fmt.Sprintf(`{"serviceName":"s%d","type":"registerInstance","instance":%s}`, i, instance))
	}
	watch := func(code int, pattern string) {
		t.Helper()
		p.want(code, "NamingFuzzyWatchResponse", "NamingFuzzyWatchRequest", `{"initializing":true,"groupKeyPattern":"`+pattern+`","watchType":"WATCH"}`)
	}
	watch(50311, "public>>*>>s*")
	watch(0, "public>>*>>s1")
	watch(0, "public>>*>>s1") // the same again is no third one
	watch(50310, "public>>*>>s2")
	p.want(0, "NamingFuzzyWatchResponse", "NamingFuzzyWatchRequest", `{"groupKeyPattern":"public>>*>>s1","watchType":"CANCEL_WATCH"}`)
	watch(0, "public>>*>>s2")
	p.want(400, "ErrorResponse", "NamingFuzzyWatchRequest", `{"groupKeyPattern":"public>>*>>s2","watchType":"LOOK"}`)
}

// A client that watches again is told what has changed since, and no more.
func TestFuzzyWatchDifferences(t *testing.T) {
	d := newDoor(t, nil)
	p, q := d.dial().setUp(ableSetup), d.dial().setUp(plainSetup)
	for _, name := range []string{"known", "new"} {
		q.want(0, "InstanceResponse", "InstanceRequest", `{"serviceName":"`+name+`","type":"registerInstance","instance":`+instance+`}`)
	}
	p.want(0, "NamingFuzzyWatchResponse", "NamingFuzzyWatchRequest", `{"initializing":false,"groupKeyPattern":"public>>*>>*","watchType":"WATCH",
		"receivedGroupKeys":["public@@DEFAULT_GROUP@@known","public@@DEFAULT_GROUP@@gone","nonsense"]}`)
	p.wait("NamingFuzzyWatchSyncRequest", func(body string) bool {
		return strings.Contains(body, `"syncType":"FUZZY_WATCH_DIFF_SYNC_NOTIFY"`) && !strings.Contains(body, "@@known") && !strings.Contains(body, "nonsense") &&
			strings.Contains(body, `{"serviceKey":"public@@DEFAULT_GROUP@@new","changedType":"ADD_SERVICE"}`) &&
			strings.Contains(body, `{"serviceKey":"public@@DEFAULT_GROUP@@gone","changedType":"DELETE_SERVICE"}`)
	})
}

// One client has so many subscriptions, and what goes beyond is refused.
func TestSubscriptionsAreBounded(t *testing.T) {
	reg := registrytest.New(registry.Options{Limits: registry.Limits{Subscriptions: 2}})
	d := newDoor(t, func(o *Options) { o.Registry, o.Push = reg, push.New(reg, push.Options{}) })
	reg.Ready(0)
	p := d.dial().setUp(plainSetup)
	subscribe := func(code int, reply, name string) {
		t.Helper()
		p.want(code, reply, "SubscribeServiceRequest", `{"serviceName":"`+name+`","subscribe":true}`)
	}
	subscribe(0, "SubscribeServiceResponse", "a")
	subscribe(0, "SubscribeServiceResponse", "b")
	subscribe(503, "ErrorResponse", "c")
	subscribe(0, "SubscribeServiceResponse", "a")
	p.want(0, "SubscribeServiceResponse", "SubscribeServiceRequest", `{"serviceName":"a","subscribe":false}`)
	subscribe(0, "SubscribeServiceResponse", "c")
}

// A message that is too long is refused, and its connection goes on.
func TestMessageTooLong(t *testing.T) {
	d := newDoor(t, func(o *Options) { o.MaxMessage = 10_000 })
	p := d.dial().setUp(plainSetup)
	p.want(0, "InstanceResponse", "InstanceRequest", `{`+names+`,"type":"registerInstance","instance":`+instance+`}`)
	long := &Payload{Type: "InstanceRequest", Body: []byte(`{"serviceName":"` + strings.Repeat("x", 20_000) + `"}`)}
	if err := p.conn.Invoke(t.Context(), "/Request/request", long, new(Payload)); status.Code(err) != codes.ResourceExhausted {
		t.Fatal(err)
	}
	many := &Payload{Type: "HealthCheckRequest", Headers: make([]Header, maxHeaders+1)}
	if err := p.conn.Invoke(t.Context(), "/Request/request", many, new(Payload)); err == nil {
		t.Fatal("it has too many headers")
	}
	p.want(0, "HealthCheckResponse", "HealthCheckRequest", `{}`)
	if n := d.reg.Stats().Instances; n != 1 {
		t.Fatalf("%d instances", n)
	}
}

// agreeing is a plane that can say what is agreed on, or cannot.
type agreeing struct {
	registrytest.Direct
	asked int
	err   error
}

func (a *agreeing) Linearizable(context.Context) error { a.asked++; return a.err }

// A read is as new as it asks to be, or fails.
func TestLinearizableReads(t *testing.T) {
	reg := registry.New(registry.Options{Self: "self"})
	plane := &agreeing{Direct: registrytest.Direct{Registry: reg}}
	reg.Use(registrytest.Alone{}, plane)
	reg.Ready(0)
	d := newDoor(t, func(o *Options) { o.Registry, o.Push = reg, push.New(reg, push.Options{}) })
	p := d.dial().setUp(plainSetup)
	query := func(code int, reply string, headers ...Header) map[string]any {
		t.Helper()
		return p.want(code, reply, "ServiceQueryRequest", `{`+names+`}`, headers...)
	}
	query(0, "QueryServiceResponse")
	query(0, "QueryServiceResponse", Header{"linearizable", "false"})
	if plane.asked != 0 {
		t.Fatal("asked for nothing")
	}
	query(0, "QueryServiceResponse", Header{"linearizable", "true"})
	if plane.asked != 1 {
		t.Fatal("it did not ask")
	}
	plane.err = errors.New("no leader")
	if m := query(300, "ErrorResponse", Header{"linearizable", "true"}); !strings.Contains(fmt.Sprint(m["message"]), "no leader") {
		t.Fatal(m)
	}
	query(0, "QueryServiceResponse")
}

// What a client says of itself is kept while it is connected, and is not long.
func TestLabelsAreBounded(t *testing.T) {
	d := newDoor(t, nil)
	for _, labels := range []string{`"AppName":"` + strings.Repeat("x", maxHeader) + `"`, `"` + strings.Repeat("x", maxHeader+1) + `":""`} {
		p := d.dial()
		stream, err := p.conn.NewStream(t.Context(), &grpc.StreamDesc{ServerStreams: true, ClientStreams: true}, "/BiRequestStream/requestBiStream")
		if err != nil {
			t.Fatal(err)
		}
		if err := stream.SendMsg(&Payload{Type: "ConnectionSetupRequest", Body: []byte(`{"labels":{` + labels + `}}`)}); err != nil {
			t.Fatal(err)
		}
		if err := stream.RecvMsg(new(Payload)); status.Code(err) != codes.InvalidArgument {
			t.Errorf("labels of %d bytes: %v", len(labels), err)
		}
	}
	p := d.dial().setUp(plainSetup)
	p.want(0, "SubscribeServiceResponse", "SubscribeServiceRequest", `{`+names+`,"subscribe":true}`, Header{"app", strings.Repeat("x", maxName+1)})
	d.reg.EachSubscriber(func(_ registry.ServiceKey, i registry.SubscriberInfo) {
		if i.App != "" {
			t.Errorf("it calls itself %q", i.App)
		}
	})
}

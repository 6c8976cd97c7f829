package grpcapi

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/musterhq/muster/server/nacos"
	"github.com/musterhq/muster/server/push"
	"github.com/musterhq/muster/server/registry"
	"github.com/musterhq/muster/server/registry/registrytest"
)

// door is a server on a socket.
type door struct {
	t      *testing.T
	reg    *registry.Registry
	server *Server
	addr   string
}

func newDoor(t *testing.T, change func(*Options)) *door {
	t.Helper()
	reg := registrytest.New(registry.Options{EmptyAfter: time.Second})
	engine := push.New(reg, push.Options{})
	reg.Observe(engine)
	o := Options{Registry: reg, Push: engine}
	if change != nil {
		change(&o)
	}
	s := New(o)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { reg.Run(ctx) })
	wg.Go(func() { engine.Run(ctx) })
	wg.Go(func() { s.Run(ctx) })
	wg.Go(func() { _ = s.Serve(l) })
	t.Cleanup(func() { s.Close(); cancel(); wg.Wait() })
	reg.Ready(0)
	return &door{t, reg, s, l.Addr().String()}
}

// peer is a client that speaks the protocol and nothing else.
type peer struct {
	d      *door
	conn   *grpc.ClientConn
	stream grpc.ClientStream

	mu     sync.Mutex
	got    []*Payload
	silent bool // it answers nothing
}

func (d *door) dial(opts ...grpc.DialOption) *peer {
	d.t.Helper()
	opts = append(opts, grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithDefaultCallOptions(grpc.ForceCodecV2(codec{})))
	conn, err := grpc.NewClient("passthrough:"+d.addr, opts...)
	if err != nil {
		d.t.Fatal(err)
	}
	d.t.Cleanup(func() { _ = conn.Close() })
	return &peer{d: d, conn: conn}
}

// setUp opens the stream and introduces the client.
func (p *peer) setUp(body string) *peer {
	p.d.t.Helper()
	stream, err := p.conn.NewStream(context.Background(), &grpc.StreamDesc{ServerStreams: true, ClientStreams: true}, "/BiRequestStream/requestBiStream")
	if err != nil {
		p.d.t.Fatal(err)
	}
	p.stream = stream
	if err := stream.SendMsg(&Payload{Type: "ConnectionSetupRequest", Body: []byte(body)}); err != nil {
		p.d.t.Fatal(err)
	}
	go p.receive()
	return p
}

func (p *peer) receive() {
	for {
		m := new(Payload)
		if err := p.stream.RecvMsg(m); err != nil {
			return
		}
		p.mu.Lock()
		p.got = append(p.got, m)
		silent := p.silent
		p.mu.Unlock()
		var r struct{ RequestID string }
		if json.Unmarshal(m.Body, &r) != nil || silent || m.Type == "SetupAckRequest" {
			continue
		}
		body := fmt.Sprintf(`{"resultCode":200,"errorCode":0,"success":true,"message":"","requestId":%q}`, r.RequestID)
		_ = p.stream.SendMsg(&Payload{Type: strings.TrimSuffix(m.Type, "Request") + "Response", Body: []byte(body)})
	}
}

// ask sends a request and returns the answer's type and body.
func (p *peer) ask(kind, body string, headers ...Header) (string, map[string]any) {
	p.d.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	r := new(Payload)
	if err := p.conn.Invoke(ctx, "/Request/request", &Payload{Type: kind, Body: []byte(body), Headers: headers}, r); err != nil {
		p.d.t.Fatalf("%s: %v", kind, err)
	}
	var m map[string]any
	if err := json.Unmarshal(r.Body, &m); err != nil {
		p.d.t.Fatalf("%s: %q: %v", kind, r.Body, err)
	}
	return r.Type, m
}

// want asks and compares: code is the errorCode, zero for success.
func (p *peer) want(code int, reply, kind, body string, headers ...Header) map[string]any {
	p.d.t.Helper()
	got, m := p.ask(kind, body, headers...)
	if got != reply || m["errorCode"] != float64(code) || m["success"] != (code == 0) {
		p.d.t.Fatalf("%s: %s %v, want %s %d", kind, got, m, reply, code)
	}
	return m
}

// wait waits for a message on the stream that f accepts.
func (p *peer) wait(kind string, f func(body string) bool) {
	p.d.t.Helper()
	eventually(p.d.t, kind, func() bool {
		p.mu.Lock()
		defer p.mu.Unlock()
		return slices.ContainsFunc(p.got, func(m *Payload) bool { return m.Type == kind && f(string(m.Body)) })
	})
}

func has(parts ...string) func(string) bool {
	return func(body string) bool {
		for _, s := range parts {
			if !strings.Contains(body, s) {
				return false
			}
		}
		return true
	}
}

// eventually waits for what real sockets bring in their own time.
func eventually(t *testing.T, what string, f func() bool) {
	t.Helper()
	deadline := time.Now().Add(15 * time.Second)
	for !f() {
		if time.Now().After(deadline) {
			t.Fatal("it did not happen in time: " + what)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

const (
	plainSetup = `{"requestId":"","module":"internal","clientVersion":"Nacos-Go-Client:v2.3.5","tenant":"","labels":{"source":"sdk","module":"naming"},"clientAbilities":{}}`
	ableSetup  = `{"module":"internal","clientVersion":"Nacos-Java-Client:v3.1.0","labels":{"source":"sdk","module":"naming","AppName":"shop"},"abilityTable":{"fuzzyWatch":true}}`
	names      = `"namespace":"public","serviceName":"demo","groupName":"DEFAULT_GROUP"`
	instance   = `{"instanceId":"","ip":"10.0.0.1","port":8080,"weight":10,"healthy":true,"enabled":true,"ephemeral":true,"clusterName":"","serviceName":"","metadata":{"k":"v"}}`
)

func TestSetUp(t *testing.T) {
	d := newDoor(t, nil)
	p := d.dial()
	m := p.want(0, "ServerCheckResponse", "ServerCheckRequest", `{"requestId":"7","module":"internal"}`)
	id, _ := m["connectionId"].(string)
	if m["supportAbilityNegotiation"] != true || m["requestId"] != "7" || m["resultCode"] != 200.0 || len(strings.Split(id, "_")) != 3 {
		t.Fatal(m)
	}
	// Before its set-up a connection is nobody's; the answer takes the moment
	// that a set-up on its way may need.
	begin := time.Now()
	m = p.want(301, "ErrorResponse", "ServiceListRequest", `{}`)
	if m["message"] != "Connection is unregistered." || m["resultCode"] != 500.0 || time.Since(begin) < 900*time.Millisecond {
		t.Fatal(m, time.Since(begin))
	}
	// To a check of health 301 would say that all is well.
	m = p.want(500, "ErrorResponse", "HealthCheckRequest", `{}`)
	if m["message"] != "Connection is unregistered." {
		t.Fatal(m)
	}
	p.setUp(ableSetup)
	p.wait("SetupAckRequest", has(`"supportPersistentInstanceByGrpc":true`, `"fuzzyWatch":true`, `"lock":false`, `"mcp":false`))
	p.want(0, "HealthCheckResponse", "HealthCheckRequest", `{}`)
	c, _, ok := d.reg.Client(registry.ClientID(id))
	if !ok || c.Info.Version != "Nacos-Java-Client:v3.1.0" || c.Info.App != "shop" || c.Info.Type != "GRPC" {
		t.Fatalf("%+v", c)
	}
	// One that does not negotiate is not sent what it does not know.
	q := d.dial().setUp(plainSetup)
	q.want(0, "HealthCheckResponse", "HealthCheckRequest", `{}`)
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.got) != 0 {
		t.Fatalf("was sent %s", q.got[0].Type)
	}
}

// A client hears of its stream's end though it was never told anything: the
// library for Rust takes a stream for open from its headers on, and does not
// notice the end of one that is not.
func TestStreamOpensAtOnce(t *testing.T) {
	d := newDoor(t, nil)
	p := d.dial()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	stream, err := p.conn.NewStream(ctx, &grpc.StreamDesc{ServerStreams: true, ClientStreams: true}, "/BiRequestStream/requestBiStream")
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.SendMsg(&Payload{Type: "ConnectionSetupRequest", Body: []byte(`{}`)}); err != nil {
		t.Fatal(err)
	}
	if md, err := stream.Header(); err != nil || md == nil {
		t.Fatal("no headers before the first push:", md, err)
	}
}

// A request that overtakes its connection's set-up is answered after it.
func TestOvertaking(t *testing.T) {
	d := newDoor(t, nil)
	p := d.dial()
	p.ask("ServerCheckRequest", `{}`)
	go func() {
		time.Sleep(200 * time.Millisecond) // the set-up is late: that is what is tested
		p.setUp(plainSetup)
	}()
	p.want(0, "InstanceResponse", "InstanceRequest", `{`+names+`,"type":"registerInstance","instance":`+instance+`}`)
}

func TestNaming(t *testing.T) {
	d := newDoor(t, nil)
	p, q := d.dial().setUp(plainSetup), d.dial().setUp(plainSetup)
	m := q.want(0, "SubscribeServiceResponse", "SubscribeServiceRequest", `{`+names+`,"subscribe":true,"clusters":""}`)
	info, _ := m["serviceInfo"].(map[string]any)
	if hosts, ok := info["hosts"].([]any); !ok || len(hosts) != 0 || info["name"] != "demo" || info["groupName"] != "DEFAULT_GROUP" {
		t.Fatal(m)
	}
	q.wait("NotifySubscriberRequest", has(`"hosts":[]`)) // a push follows in any case
	m = p.want(0, "InstanceResponse", "InstanceRequest", `{"headers":{},"requestId":"",`+names+`,"module":"naming","type":"registerInstance","instance":`+instance+`}`)
	if m["type"] != "registerInstance" {
		t.Fatal(m)
	}
	q.wait("NotifySubscriberRequest", has(`"ip":"10.0.0.1"`, `"module":"naming"`, `"namespace":"public"`, `"serviceName":"demo"`, `"weight":10.0`, `"requestId":"`))
	m = q.want(0, "QueryServiceResponse", "ServiceQueryRequest", `{`+names+`,"cluster":"","healthyOnly":true,"udpPort":0}`)
	if hosts := m["serviceInfo"].(map[string]any)["hosts"].([]any); len(hosts) != 1 || hosts[0].(map[string]any)["instanceId"] != "10.0.0.1#8080#DEFAULT#DEFAULT_GROUP@@demo" {
		t.Fatal(m)
	}
	m = q.want(0, "ServiceListResponse", "ServiceListRequest", `{"namespace":"","groupName":"","pageNo":1,"pageSize":10,"selector":""}`)
	if m["count"] != 1.0 || m["serviceNames"].([]any)[0] != "demo" {
		t.Fatal(m)
	}
	p.want(0, "BatchInstanceResponse", "BatchInstanceRequest", `{`+names+`,"type":"batchRegisterInstance","instances":[`+instance+`,{"ip":"10.0.0.2","port":1}]}`)
	q.wait("NotifySubscriberRequest", has(`"ip":"10.0.0.1"`, `"ip":"10.0.0.2"`))
	p.want(0, "InstanceResponse", "InstanceRequest", `{`+names+`,"type":"deregisterInstance","instance":{"ip":"10.0.0.1","port":8080,"weight":0,"metadata":null,"enabled":false}}`)
	eventually(t, "the list is empty", func() bool { return len(d.reg.View(registry.Key("", "", "demo")).Hosts) == 0 })

	p.want(0, "InstanceResponse", "PersistentInstanceRequest", `{"serviceName":"db","type":"registerInstance","instance":{"ip":"10.0.0.9","port":3306,"ephemeral":false}}`)
	m = p.want(400, "ErrorResponse", "InstanceRequest", `{"serviceName":"db","type":"registerInstance","instance":`+instance+`}`)
	if m["message"] != "Current service DEFAULT_GROUP@@db is persistent service, can't register ephemeral instance." {
		t.Fatal(m)
	}
	p.want(0, "InstanceResponse", "PersistentInstanceRequest", `{"serviceName":"db","type":"deregisterInstance","instance":{"ip":"10.0.0.9","port":3306,"ephemeral":false}}`)

	q.want(0, "SubscribeServiceResponse", "SubscribeServiceRequest", `{`+names+`,"subscribe":false,"clusters":""}`)
	if d.reg.Stats().Subscribers != 0 {
		t.Fatal("it is still subscribed")
	}
}

// The end of a connection is the end of all its client has registered.
func TestEndOfConnection(t *testing.T) {
	d := newDoor(t, nil)
	for _, end := range []func(*peer){
		func(p *peer) { _ = p.conn.Close() },
		func(p *peer) { _ = p.stream.CloseSend() }, // its stream only: it cannot be pushed to any more
	} {
		p := d.dial().setUp(plainSetup)
		p.want(0, "InstanceResponse", "InstanceRequest", `{`+names+`,"type":"registerInstance","instance":`+instance+`}`)
		p.want(0, "SubscribeServiceResponse", "SubscribeServiceRequest", `{`+names+`,"subscribe":true}`)
		end(p)
		eventually(t, "it is all gone", func() bool {
			st := d.reg.Stats()
			return st.Instances == 0 && st.Subscribers == 0 && st.Clients == 0
		})
	}
}

// A second introduction is refused, and does not end the first.
func TestSecondStream(t *testing.T) {
	d := newDoor(t, nil)
	p := d.dial().setUp(plainSetup)
	p.want(0, "InstanceResponse", "InstanceRequest", `{`+names+`,"type":"registerInstance","instance":`+instance+`}`)
	second, err := p.conn.NewStream(context.Background(), &grpc.StreamDesc{ServerStreams: true, ClientStreams: true}, "/BiRequestStream/requestBiStream")
	if err != nil {
		t.Fatal(err)
	}
	if err := second.SendMsg(&Payload{Type: "ConnectionSetupRequest", Body: []byte(plainSetup)}); err != nil {
		t.Fatal(err)
	}
	if err := second.RecvMsg(new(Payload)); err == nil {
		t.Fatal("it was taken")
	}
	p.want(0, "HealthCheckResponse", "HealthCheckRequest", `{}`)
	if d.reg.Stats().Instances != 1 {
		t.Fatal("the first one's instance is gone")
	}
}

func TestRefusals(t *testing.T) {
	d := newDoor(t, nil)
	p := d.dial().setUp(plainSetup)
	for _, c := range []struct {
		code        int
		kind, body  string
		reply, text string
	}{
		{302, "NoSuchRequest", `{}`, "ErrorResponse", "RequestHandler Not Found"},
		{302, "LockOperationRequest", `{}`, "ErrorResponse", "RequestHandler Not Found"},
		{502, "DistroDataRequest", `{}`, "ErrorResponse", "Invalid request"},
		{502, "InstanceRequest", `{`, "ErrorResponse", ""},
		{502, "InstanceRequest", `[]`, "ErrorResponse", ""},
		{502, "NamingFuzzyWatchRequest", `[]`, "ErrorResponse", ""},
		{400, "InstanceRequest", `{` + names + `,"type":"x","instance":` + instance + `}`, "ErrorResponse", "Unsupported request type x"},
		{400, "InstanceRequest", `{"serviceName":"","type":"registerInstance","instance":` + instance + `}`, "ErrorResponse", ""},
		{400, "InstanceRequest", `{` + names + `,"type":"registerInstance","instance":{"ip":"1.1.1.1","port":65536}}`, "ErrorResponse", ""},
		{400, "ServiceQueryRequest", `{"serviceName":"a b"}`, "ErrorResponse", ""},
		{400, "SubscribeServiceRequest", `{` + names + `,"subscribe":true,"clusters":"a/b"}`, "ErrorResponse", ""},
		{400, "NamingFuzzyWatchRequest", `{"groupKeyPattern":"x","watchType":"WATCH"}`, "ErrorResponse", ""},
		{300, "ConfigQueryRequest", `{"dataId":"a","group":"b"}`, "ConfigQueryResponse", "config data not exist"},
		{501, "ConfigPublishRequest", `{"dataId":"a","group":"b","content":"c"}`, "ConfigPublishResponse", ""},
		{501, "ConfigRemoveRequest", `{"dataId":"a","group":"b"}`, "ConfigRemoveResponse", ""},
	} {
		if m := p.want(c.code, c.reply, c.kind, c.body); c.text != "" && m["message"] != c.text {
			t.Errorf("%s: %v", c.kind, m)
		}
	}
	m := p.want(0, "ConfigChangeBatchListenResponse", "ConfigBatchListenRequest", `{"listen":true,"configListenContexts":[{"group":"b","md5":"","dataId":"a","tenant":""}]}`)
	if l, ok := m["changedConfigs"].([]any); !ok || len(l) != 0 {
		t.Fatal(m)
	}
}

func TestFuzzyWatch(t *testing.T) {
	d := newDoor(t, nil)
	p, q := d.dial().setUp(ableSetup), d.dial().setUp(plainSetup)
	q.want(0, "InstanceResponse", "InstanceRequest", `{"serviceName":"shop-a","type":"registerInstance","instance":`+instance+`}`)
	p.want(0, "NamingFuzzyWatchResponse", "NamingFuzzyWatchRequest", `{"initializing":true,"namespace":"public","groupKeyPattern":"public>>DEFAULT_GROUP>>shop*","receivedGroupKeys":[],"watchType":"WATCH"}`)
	p.wait("NamingFuzzyWatchSyncRequest", has(`"syncType":"FUZZY_WATCH_INIT_NOTIFY"`, `"groupKeyPattern":"public>>DEFAULT_GROUP>>shop*"`,
		`{"serviceKey":"public@@DEFAULT_GROUP@@shop-a","changedType":"ADD_SERVICE"}`, `"totalBatch":1,"currentBatch":1`))
	p.wait("NamingFuzzyWatchSyncRequest", has(`"syncType":"FINISH_FUZZY_WATCH_INIT_NOTIFY"`, `"contexts":[]`))
	q.want(0, "InstanceResponse", "InstanceRequest", `{"serviceName":"shop-b","type":"registerInstance","instance":`+instance+`}`)
	p.wait("NamingFuzzyWatchChangeNotifyRequest", has(`"syncType":"FUZZY_WATCH_RESOURCE_CHANGED"`, `"serviceKey":"public@@DEFAULT_GROUP@@shop-b"`, `"changedType":"ADD_SERVICE"`))
	_ = q.conn.Close()
	p.wait("NamingFuzzyWatchChangeNotifyRequest", has(`"serviceKey":"public@@DEFAULT_GROUP@@shop-b"`, `"changedType":"DELETE_SERVICE"`))
	p.want(0, "NamingFuzzyWatchResponse", "NamingFuzzyWatchRequest", `{"groupKeyPattern":"public>>DEFAULT_GROUP>>shop*","watchType":"CANCEL_WATCH"}`)
}

// A silent client is asked whether it is there, and let go if it is not.
func TestDetection(t *testing.T) {
	d := newDoor(t, func(o *Options) { o.Idle, o.DetectTimeout = 300*time.Millisecond, 200*time.Millisecond })
	p, q := d.dial().setUp(plainSetup), d.dial().setUp(plainSetup)
	for _, c := range []*peer{p, q} {
		c.want(0, "HealthCheckResponse", "HealthCheckRequest", `{}`)
	}
	q.mu.Lock()
	q.silent = true
	q.mu.Unlock()
	p.wait("ClientDetectionRequest", has(`"module":"internal"`))
	eventually(t, "the silent one is gone", func() bool { return len(d.server.Connections()) == 1 })
	for range 5 { // the other one stays: it answers
		p.want(0, "HealthCheckResponse", "HealthCheckRequest", `{}`)
	}
	if d.reg.Stats().Connected != 1 {
		t.Fatal(d.reg.Stats())
	}
}

func TestReload(t *testing.T) {
	d := newDoor(t, nil)
	p, q := d.dial().setUp(plainSetup), d.dial().setUp(plainSetup)
	for _, c := range []*peer{p, q} {
		c.want(0, "HealthCheckResponse", "HealthCheckRequest", `{}`)
	}
	if err := d.server.Reload(0, "10.0.0.9:8848"); err != nil {
		t.Fatal(err)
	}
	for _, c := range []*peer{p, q} {
		c.wait("ConnectResetRequest", has(`"serverIp":"10.0.0.9"`, `"serverPort":"8848"`, `"connectionId":"`))
	}
	if err := d.server.ReloadOne("nobody", ""); err == nil {
		t.Fatal("nobody was moved")
	}
	if err := d.server.Reload(0, "nonsense"); err == nil {
		t.Fatal("an address that is none")
	}
}

func TestBounds(t *testing.T) {
	d := newDoor(t, func(o *Options) { o.MaxConnections, o.MaxRate = 1, 3 })
	p := d.dial().setUp(plainSetup)
	p.want(0, "HealthCheckResponse", "HealthCheckRequest", `{}`)
	q := d.dial()
	q.want(503, "ErrorResponse", "ServerCheckRequest", `{}`)
	slow := false
	for range 6 {
		begin := time.Now()
		if kind, m := p.ask("HealthCheckRequest", `{}`); kind == "ErrorResponse" {
			if m["errorCode"] != 503.0 || time.Since(begin) < 900*time.Millisecond {
				t.Fatal(m, time.Since(begin))
			}
			slow = true
		}
	}
	if !slow {
		t.Fatal("it may ask without end")
	}
}

// Before a server knows all it should, it takes nobody in.
func TestStarting(t *testing.T) {
	reg := registrytest.New(registry.Options{})
	d := newDoor(t, func(o *Options) { o.Registry, o.Push = reg, push.New(reg, push.Options{}) })
	p := d.dial()
	p.want(300, "ErrorResponse", "ServerCheckRequest", `{}`)
	reg.Ready(0)
	p.want(0, "ServerCheckResponse", "ServerCheckRequest", `{}`)
}

// While clients of before may be on their way back, nobody who has a list is
// made to lose a part of it: one who asks is told to ask later, and one who
// subscribes gets what is there only if its library does not take it for newer.
func TestIncomplete(t *testing.T) {
	reg := registrytest.New(registry.Options{})
	d := newDoor(t, func(o *Options) { o.Registry, o.Push = reg, push.New(reg, push.Options{}) })
	reg.Ready(time.Hour)
	plain, able := d.dial().setUp(plainSetup), d.dial().setUp(ableSetup)
	plain.want(0, "InstanceResponse", "InstanceRequest", `{`+names+`,"type":"registerInstance","instance":`+instance+`}`)
	subscribe := `{` + names + `,"subscribe":true,"clusters":""}`
	listed := func(p *peer, kind, reply, body string) []any {
		t.Helper()
		info, _ := p.want(0, reply, kind, body)["serviceInfo"].(map[string]any)
		if info["name"] != "demo" {
			t.Fatal(info)
		}
		if info["lastRefTime"] != 0.0 {
			return []any{"newer than any"}
		}
		hosts, has := info["hosts"]
		if !has {
			t.Fatal("libraries for Java make an empty list of none")
		}
		list, _ := hosts.([]any)
		return list
	}
	if hosts := listed(plain, "SubscribeServiceRequest", "SubscribeServiceResponse", subscribe); len(hosts) != 1 {
		t.Fatal(hosts)
	}
	if hosts := listed(able, "SubscribeServiceRequest", "SubscribeServiceResponse", subscribe); hosts != nil {
		t.Fatal(hosts)
	}
	for _, p := range []*peer{plain, able} {
		m := p.want(300, "ErrorResponse", "ServiceQueryRequest", `{`+names+`}`)
		if text, _ := m["message"].(string); !strings.HasPrefix(text, "server is STARTING now, please try again later!") {
			t.Fatal(m)
		}
	}
	// What Raft keeps is known.
	lasting := strings.NewReplacer("demo", "p", `"ephemeral":true`, `"ephemeral":false`)
	plain.want(0, "InstanceResponse", "PersistentInstanceRequest", lasting.Replace(`{`+names+`,"type":"registerInstance","instance":`+instance+`}`))
	m := able.want(0, "QueryServiceResponse", "ServiceQueryRequest", lasting.Replace(`{`+names+`}`))
	info, _ := m["serviceInfo"].(map[string]any)
	if hosts, _ := info["hosts"].([]any); len(hosts) != 1 || info["lastRefTime"] == 0.0 {
		t.Fatal(info)
	}
}

type strict struct{ nacos.Open }

func (strict) Enabled() bool { return true }

func (strict) Check(_ context.Context, c nacos.Credentials, r nacos.Resource, a nacos.Action) error {
	if c.Token != "good" || r.Type != "naming" {
		return nacos.ErrToken
	}
	if a == nacos.Write && r.Name == "closed" {
		return nacos.ErrForbidden
	}
	return nil
}

func TestAccess(t *testing.T) {
	d := newDoor(t, func(o *Options) { o.Access = strict{} })
	p := d.dial().setUp(plainSetup)
	p.want(0, "HealthCheckResponse", "HealthCheckRequest", `{}`)
	good := Header{"accessToken", "good"}
	p.want(403, "ErrorResponse", "ServiceQueryRequest", `{`+names+`}`)
	p.want(0, "QueryServiceResponse", "ServiceQueryRequest", `{`+names+`}`, good)
	for _, kind := range []string{"InstanceRequest", "BatchInstanceRequest", "PersistentInstanceRequest"} {
		p.want(403, "ErrorResponse", kind, `{"serviceName":"closed","type":"registerInstance","instance":`+instance+`}`, good)
	}
	p.want(403, "ErrorResponse", "SubscribeServiceRequest", `{`+names+`,"subscribe":true}`)
	p.want(403, "ErrorResponse", "ServiceListRequest", `{}`)
	p.want(403, "ErrorResponse", "NamingFuzzyWatchRequest", `{"groupKeyPattern":"a>>b>>c","watchType":"WATCH"}`)
}

// Every request that is answered asks for rights, but those that say nothing.
func TestEveryRequestAsksForRights(t *testing.T) {
	d := newDoor(t, func(o *Options) { o.Access = strict{} })
	p := d.dial().setUp(plainSetup)
	free := []string{"ServerCheckRequest", "HealthCheckRequest"}
	for kind := range handlers {
		reply, m := p.ask(kind, `{`+names+`,"type":"registerInstance","instance":`+instance+`,"groupKeyPattern":"a>>b>>c","watchType":"WATCH"}`)
		if ok := m["success"] == true; ok != slices.Contains(free, kind) && !strings.HasPrefix(kind, "Config") {
			t.Errorf("%s: %s %v", kind, reply, m)
		}
	}
}

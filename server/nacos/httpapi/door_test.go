package httpapi

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/musterhq/muster/server/nacos"
	"github.com/musterhq/muster/server/push"
	"github.com/musterhq/muster/server/registry"
	"github.com/musterhq/muster/server/registry/registrytest"
)

// door is a server in front of a registry of its own.
type door struct {
	t    *testing.T
	reg  *registry.Registry
	api  *Server
	udp  *udp
	last atomic.Pointer[string] // the route that answered last
}

// udp remembers who was subscribed.
type udp struct {
	mu   sync.Mutex
	subs map[netip.AddrPort]registry.SubscriberInfo
}

func (u *udp) Subscribe(to netip.AddrPort, _ registry.ServiceKey, _ registry.Query, i registry.SubscriberInfo) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.subs[to] = i
	return nil
}

func (u *udp) Addresses() []netip.AddrPort {
	u.mu.Lock()
	defer u.mu.Unlock()
	var out []netip.AddrPort
	for a := range u.subs {
		out = append(out, a)
	}
	return out
}

func newDoor(t *testing.T, change func(*Options)) *door {
	t.Helper()
	reg := registrytest.New(registry.Options{})
	reg.Ready(0)
	engine := push.New(reg, push.Options{})
	reg.Observe(engine)
	d := &door{t: t, reg: reg, udp: &udp{subs: make(map[netip.AddrPort]registry.SubscriberInfo)}}
	o := Options{Registry: reg, Push: engine, Subscribers: d.udp, Address: netip.MustParseAddrPort("10.0.0.100:8848")}
	o.Requests = func(route string, _ int, _ time.Duration) { d.last.Store(&route) }
	if change != nil {
		change(&o)
	}
	d.api = New(o)
	return d
}

// do asks for something: "GET /v1/ns/instance?a=b", or with a form as body.
func (d *door) do(what, body string, headers ...string) (int, string) {
	d.t.Helper()
	method, path, _ := strings.Cut(what, " ")
	var r *http.Request
	if body == "" {
		r = httptest.NewRequest(method, "/nacos"+path, nil)
	} else {
		r = httptest.NewRequest(method, "/nacos"+path, strings.NewReader(body))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded;charset=UTF-8")
	}
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	r.RemoteAddr = "192.0.2.1:40000"
	w := httptest.NewRecorder()
	d.api.ServeHTTP(w, r)
	return w.Code, w.Body.String()
}

// want asks and compares the answer: as JSON if it is that, of which the
// fields that are wanted must be there, else as text.
func (d *door) want(status int, answer, what, body string, headers ...string) {
	d.t.Helper()
	code, got := d.do(what, body, headers...)
	if code != status {
		d.t.Fatalf("%s: status %d, want %d: %s", what, code, status, got)
	}
	var w, g any
	if json.Unmarshal([]byte(answer), &w) != nil {
		if got != answer {
			d.t.Fatalf("%s: %q, want %q", what, got, answer)
		}
		if code == http.StatusOK {
			d.noteAsserted()
		}
		return
	}
	if err := json.Unmarshal([]byte(got), &g); err != nil {
		d.t.Fatalf("%s: %q is no JSON: %v", what, got, err)
	}
	if !within(w, g) {
		d.t.Fatalf("%s:\n%s\nhas not all of\n%s", what, got, answer)
	}
	if code == http.StatusOK {
		d.noteAsserted()
	}
}

func (d *door) noteAsserted() {
	if route := d.last.Load(); route != nil {
		noteAsserted(*route)
	}
}

// within reports whether all of want is in got.
func within(want, got any) bool {
	switch w := want.(type) {
	case map[string]any:
		g, ok := got.(map[string]any)
		if !ok {
			return false
		}
		for k, v := range w {
			gv, there := g[k]
			if !there || !within(v, gv) {
				return false
			}
		}
		return true
	case []any:
		g, ok := got.([]any)
		if !ok || len(g) != len(w) {
			return false
		}
		for i := range w {
			if !within(w[i], g[i]) {
				return false
			}
		}
		return true
	}
	return want == got
}

func form(pairs ...string) string {
	v := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		v.Set(pairs[i], pairs[i+1])
	}
	return v.Encode()
}

// All of version 1 that clients use, in the order they do.
func TestV1Naming(t *testing.T) {
	d := newDoor(t, nil)
	const list = "GET /v1/ns/instance/list?serviceName=DEFAULT_GROUP%40%40demo&namespaceId=public"
	d.want(200, `{"name":"DEFAULT_GROUP@@demo","dom":"DEFAULT_GROUP@@demo","groupName":"DEFAULT_GROUP","clusters":"","hosts":[],"cacheMillis":3000,
		"checksum":"","allIPs":false,"reachProtectionThreshold":false,"valid":true,"useSpecifiedURL":false,"env":"","metadata":{}}`, list, "")
	// The way of the Go client: a form, and "enable".
	d.want(200, "ok", "POST /v1/ns/instance", form("app", "", "clusterName", "", "enable", "true", "ephemeral", "true", "groupName", "DEFAULT_GROUP",
		"healthy", "true", "ip", "10.0.0.1", "metadata", `{"a":"b"}`, "namespaceId", "public", "port", "8080", "serviceName", "DEFAULT_GROUP@@demo", "weight", "10"))
	// The way of the npm client: all in the query.
	d.want(200, "ok", "POST /v1/ns/instance?"+form("ip", "10.0.0.2", "port", "80", "serviceName", "demo", "metadata", "k=v,l=w", "healthy", "false"), "")
	d.want(200, `{"hosts":[{"instanceId":"10.0.0.1#8080#DEFAULT#DEFAULT_GROUP@@demo","ip":"10.0.0.1","port":8080,"weight":10,"healthy":true,"valid":true,
		"marked":false,"enabled":true,"ephemeral":true,"clusterName":"DEFAULT","serviceName":"DEFAULT_GROUP@@demo","metadata":{"a":"b"},
		"instanceHeartBeatInterval":5000,"instanceHeartBeatTimeOut":15000,"ipDeleteTimeout":30000,"instanceIdGenerator":"simple"},
		{"ip":"10.0.0.2","healthy":false,"valid":false,"metadata":{"k":"v","l":"w"}}]}`, list, "")
	d.want(200, `{"hosts":[{"ip":"10.0.0.1"}]}`, list+"&healthyOnly=true", "")
	d.want(200, `{"hosts":[],"clusters":"X"}`, list+"&clusters=X", "")
	d.want(200, `{"service":"DEFAULT_GROUP@@demo","ip":"10.0.0.1","port":8080,"clusterName":"DEFAULT","weight":10,"healthy":true,
		"instanceId":"10.0.0.1#8080#DEFAULT#DEFAULT_GROUP@@demo","metadata":{"a":"b"}}`, "GET /v1/ns/instance?serviceName=demo&ip=10.0.0.1&port=8080", "")
	d.want(404, "caused: no matched ip found!;", "GET /v1/ns/instance?serviceName=demo&ip=10.0.0.9&port=8080", "")
	d.want(404, "caused: no ips found for cluster DEFAULT in service DEFAULT_GROUP@@none;", "GET /v1/ns/instance?serviceName=none&ip=10.0.0.9&port=8080", "")

	d.want(200, `{"clientBeatInterval":5000,"code":10200,"lightBeatEnabled":true}`, "PUT /v1/ns/instance/beat", form("serviceName", "demo", "ip", "10.0.0.2", "port", "80"))
	d.want(200, `{"hosts":[{"ip":"10.0.0.1"},{"ip":"10.0.0.2","healthy":true}]}`, list, "")
	d.want(200, `{"clientBeatInterval":5000,"code":20404,"lightBeatEnabled":true}`, "PUT /v1/ns/instance/beat", form("serviceName", "demo", "ip", "10.0.0.3", "port", "80"))
	d.want(200, `{"code":10200}`, "PUT /v1/ns/instance/beat", form("serviceName", "demo", "beat",
		`{"cluster":"C","ip":"10.0.0.3","metadata":{"x":1},"period":5000,"port":80,"scheduled":false,"serviceName":"DEFAULT_GROUP@@demo","stopped":false,"weight":2.5}`))
	d.want(200, `{"hosts":[{"ip":"10.0.0.3","weight":2.5,"metadata":{"x":"1"},"clusterName":"C"}]}`, list+"&clusters=C", "")
	d.want(200, `{"ips":["10.0.0.1:8080_true","10.0.0.2:80_true","10.0.0.3:80_true"]}`, "GET /v1/ns/instance/statuses?key=demo", "")
	d.want(200, `{"count":1,"doms":["demo"]}`, "GET /v1/ns/service/list?pageNo=1&pageSize=10", "")
	d.want(200, `{"count":0,"doms":[]}`, "GET /v1/ns/service/list?pageNo=1&pageSize=10&groupName=G", "")
	d.want(200, `{"META-INF/services":{"public":["DEFAULT_GROUP@@demo"]},"count":1}`, "GET /v1/ns/service/names?expr=dem", "")

	// What an operator says goes above it.
	d.want(200, "ok", "PUT /v1/ns/instance?"+form("serviceName", "demo", "ip", "10.0.0.1", "port", "8080", "weight", "3", "enabled", "true", "metadata", `{"o":"p"}`), "")
	d.want(200, `{"hosts":[{"ip":"10.0.0.1","weight":3,"metadata":{"a":"b","o":"p"}},{},{}]}`, list, "")
	d.want(200, "ok", "PATCH /v1/ns/instance?"+form("serviceName", "demo", "ip", "10.0.0.1", "port", "8080", "enabled", "false"), "")
	d.want(200, `{"hosts":[{"ip":"10.0.0.2"},{"ip":"10.0.0.3"}]}`, list, "")
	d.want(404, "caused: no matched ip found!;", "PATCH /v1/ns/instance?"+form("serviceName", "demo", "ip", "10.0.0.9", "port", "8080"), "")
	d.want(200, `{"updated":["10.0.0.2:80:unknown:DEFAULT:ephemeral"]}`, "PUT /v1/ns/instance/metadata/batch", form("serviceName", "demo", "consistencyType", "ephemeral",
		"instances", `[{"ip":"10.0.0.2","port":80},{"ip":"10.9.9.9","port":80}]`, "metadata", `{"batch":"1"}`))
	d.want(200, `{"metadata":{"batch":"1","k":"v"}}`, "GET /v1/ns/instance?serviceName=demo&ip=10.0.0.2&port=80", "")
	d.want(200, `{"updated":["10.0.0.1:8080:unknown:DEFAULT:ephemeral","10.0.0.2:80:unknown:DEFAULT:ephemeral","10.0.0.3:80:unknown:C:ephemeral"]}`,
		"DELETE /v1/ns/instance/metadata/batch?"+form("serviceName", "demo", "metadata", `{"batch":""}`), "")
	_, got := d.do("GET /v1/ns/instance?serviceName=demo&ip=10.0.0.2&port=80", "")
	if strings.Contains(got, "batch") {
		t.Fatal(got)
	}

	for _, ip := range []string{"10.0.0.1&port=8080", "10.0.0.2&port=80", "10.0.0.3&port=80", "10.0.0.4&port=80"} {
		d.want(200, "ok", "DELETE /v1/ns/instance?serviceName=DEFAULT_GROUP%40%40demo&ip="+ip, "")
	}
	d.want(200, `{"hosts":[]}`, list, "")
}

func TestV1Persistent(t *testing.T) {
	d := newDoor(t, nil)
	const at = "serviceName=db&ip=10.0.0.1&port=3306"
	d.want(200, "ok", "POST /v1/ns/instance?ephemeral=false&"+at, "")
	d.want(400, "caused: Current service DEFAULT_GROUP@@db is persistent service, can't register ephemeral instance.;", "POST /v1/ns/instance?serviceName=db&ip=10.0.0.2&port=1", "")
	d.want(400, "caused: Current service DEFAULT_GROUP@@db is persistent service, can't register ephemeral instance.;", "PUT /v1/ns/instance/beat?serviceName=db", form("beat", `{"ip":"10.0.0.2","port":1}`))
	d.want(400, "caused: Param 'healthy' is required.;", "PUT /v1/ns/health?"+at, "")
	d.want(400, "caused: health check for instance 10.0.0.1:3306:DEFAULT is still working;", "PUT /v1/ns/health?healthy=false&"+at, "")
	d.want(200, "ok", "PUT /v1/ns/cluster", form("serviceName", "db", "clusterName", "DEFAULT", "checkPort", "80", "useInstancePort4Check", "true", "healthChecker", `{"type":"NONE"}`, "metadata", "m=1"))
	d.want(200, "ok", "PUT /v1/ns/health/instance?healthy=false&"+at, "")
	d.want(200, `{"namespaceId":"public","groupName":"DEFAULT_GROUP","name":"db","protectThreshold":0,"metadata":{},"selector":{"type":"none"},
		"clusters":[{"name":"DEFAULT","healthChecker":{"type":"NONE"},"metadata":{"m":"1"}}]}`, "GET /v1/ns/service?serviceName=db", "")
	d.want(200, `{"healthy":false}`, "GET /v1/ns/instance?"+at, "")
	d.want(200, "ok", "DELETE /v1/ns/instance?ephemeral=false&"+at, "")
	d.want(200, "ok", "DELETE /v1/ns/instance?ephemeral=false&"+at, "")
	// As clients do that forget which kind it was: it is no error, and nothing
	// is removed.
	d.want(200, "ok", "POST /v1/ns/instance?serviceName=web&ip=10.0.0.1&port=80", "")
	d.want(200, "ok", "DELETE /v1/ns/instance?ephemeral=false&serviceName=web&ip=10.0.0.1&port=80", "")
	d.want(200, `{"healthy":true}`, "GET /v1/ns/instance?serviceName=web&ip=10.0.0.1&port=80", "")
}

func TestV1Service(t *testing.T) {
	d := newDoor(t, nil)
	d.want(200, "ok", "POST /v1/ns/service", form("serviceName", "G@@s", "protectThreshold", "0.5", "metadata", "a=b", "selector", `{"type":"none"}`))
	d.want(400, "caused: specified service already exists, serviceName: G@@s;", "POST /v1/ns/service?serviceName=s&groupName=G", "")
	d.want(200, `{"groupName":"G","name":"s","protectThreshold":0.5,"metadata":{"a":"b"},"clusters":[]}`, "GET /v1/ns/service?serviceName=G@@s", "")
	d.want(400, "caused: Param 'protectThreshold' is required.;", "PUT /v1/ns/service?serviceName=G@@s", "")
	d.want(200, "ok", "PUT /v1/ns/service?serviceName=G@@s&protectThreshold=0.7", "")
	d.want(400, "caused: not match any type of selector!;", "PUT /v1/ns/service?serviceName=G@@s&protectThreshold=0.7&selector="+url.QueryEscape(`{"type":"x"}`), "")
	d.want(400, "caused: protectThreshold must be between 0 and 1;", "PUT /v1/ns/service?serviceName=G@@s&protectThreshold=7", "")
	d.want(200, "ok", "POST /v1/ns/instance?serviceName=G@@s&ip=10.0.0.1&port=1", "")
	d.want(400, "caused: Service G@@s is not empty, can't be delete. Please unregister instance first;", "DELETE /v1/ns/service?serviceName=G@@s", "")
	d.want(200, "ok", "DELETE /v1/ns/instance?serviceName=G@@s&ip=10.0.0.1&port=1", "")
	d.want(200, "ok", "DELETE /v1/ns/service?serviceName=G@@s", "")
	d.want(400, "caused: service G@@s not found!;", "DELETE /v1/ns/service?serviceName=G@@s", "")
	d.want(400, "caused: service not found, namespace: public, serviceName: G@@s;", "GET /v1/ns/service?serviceName=G@@s", "")
	d.want(200, `{"code":200,"message":null,"data":["none","label"]}`, "GET /v1/ns/service/selector/types", "")
}

func TestV1Catalog(t *testing.T) {
	d := newDoor(t, nil)
	for _, q := range []string{"serviceName=a&ip=10.0.0.1&port=1", "serviceName=a&ip=10.0.0.2&port=1&clusterName=C&healthy=false", "serviceName=b&ip=10.0.0.1&port=1&groupName=G"} {
		d.want(200, "ok", "POST /v1/ns/instance?"+q, "")
	}
	d.want(200, "ok", "POST /v1/ns/service?serviceName=empty&protectThreshold=0.9", "")
	d.want(200, `{"count":3,"serviceList":[{"name":"a","groupName":"DEFAULT_GROUP","clusterCount":2,"ipCount":2,"healthyInstanceCount":1,"triggerFlag":"false"},{"name":"empty"},{"name":"b"}]}`,
		"GET /v1/ns/catalog/services?pageNo=1&pageSize=10", "")
	d.want(200, `{"count":2,"serviceList":[{"name":"a"},{"name":"b"}]}`, "GET /v1/ns/catalog/services?pageNo=1&pageSize=10&hasIpCount=true", "")
	d.want(200, `{"count":1,"serviceList":[{"name":"b"}]}`, "GET /v1/ns/catalog/services?pageNo=1&pageSize=10&groupNameParam=G&serviceNameParam=b", "")
	d.want(200, `[{"serviceName":"b","groupName":"G","clusterMap":{"DEFAULT":{"hosts":[{"ip":"10.0.0.1","port":1,"valid":true,"enabled":true,"weight":1}]}}}]`,
		"GET /v1/ns/catalog/services?withInstances=true&groupNameParam=G&serviceNameParam=b&pageNo=1&pageSize=10", "")
	d.want(200, `{"service":{"name":"a","groupName":"DEFAULT_GROUP"},"clusters":[{"name":"C"},{"name":"DEFAULT","healthChecker":{"type":"TCP"}}]}`, "GET /v1/ns/catalog/service?serviceName=a", "")
	d.want(404, "caused: service DEFAULT_GROUP@@zz is not found!;", "GET /v1/ns/catalog/service?serviceName=zz", "")
	d.want(200, `{"count":1,"list":[{"ip":"10.0.0.2","healthy":false}]}`, "GET /v1/ns/catalog/instances?serviceName=a&clusterName=C&pageNo=1&pageSize=10", "")
	d.want(404, "caused: cluster X is not found!;", "GET /v1/ns/catalog/instances?serviceName=a&clusterName=X&pageNo=1&pageSize=10", "")
}

func TestV2Naming(t *testing.T) {
	d := newDoor(t, nil)
	ok := `{"code":0,"message":"success","data":"ok"}`
	d.want(200, ok, "POST /v2/ns/instance", form("serviceName", "demo", "ip", "10.0.0.1", "port", "80", "weight", "2", "metadata", `{"a":"b"}`))
	d.want(200, `{"code":0,"message":"success","data":{"name":"DEFAULT_GROUP@@demo","hosts":[{"ip":"10.0.0.1","weight":2}]}}`, "GET /v2/ns/instance/list?serviceName=demo", "")
	d.want(200, `{"code":0,"data":{"serviceName":"DEFAULT_GROUP@@demo","ip":"10.0.0.1","port":80,"clusterName":"DEFAULT","weight":2,"healthy":true,"metadata":{"a":"b"}}}`, "GET /v2/ns/instance?serviceName=demo&ip=10.0.0.1&port=80", "")
	d.want(404, `{"code":20004,"message":"resource not found","data":"no matched ip found!"}`, "GET /v2/ns/instance?serviceName=demo&ip=10.0.0.2&port=80", "")
	d.want(400, `{"code":10000,"message":"parameter missing","data":"Required parameter 'serviceName' type String is not present"}`, "POST /v2/ns/instance?ip=10.0.0.1&port=80", "")
	d.want(400, `{"code":21001,"message":"weight error"}`, "POST /v2/ns/instance?serviceName=demo&ip=10.0.0.1&port=80&weight=10001", "")
	d.want(400, `{"code":20002}`, "POST /v2/ns/instance?serviceName=demo&ip=10.0.0.1&port=99999", "")
	d.want(200, ok, "PUT /v2/ns/instance?serviceName=demo&ip=10.0.0.1&port=80&weight=5", "")
	d.want(200, "ok", "PATCH /v2/ns/instance?serviceName=demo&ip=10.0.0.1&port=80&weight=6", "")
	d.want(200, `{"clientBeatInterval":5000,"code":10200,"lightBeatEnabled":true}`, "PUT /v2/ns/instance/beat?serviceName=demo&ip=10.0.0.1&port=80", "")
	d.want(200, `{"ips":["10.0.0.1:80_true"]}`, "GET /v2/ns/instance/statuses/demo", "")
	d.want(200, `{"code":0,"data":{"updated":["10.0.0.1:80:unknown:DEFAULT:ephemeral"]}}`, "PUT /v2/ns/instance/metadata/batch", form("serviceName", "demo", "metadata", `{"x":"y"}`))
	d.want(200, ok, "POST /v2/ns/service?serviceName=s&ephemeral=true&protectThreshold=0.1", "")
	d.want(400, `{"code":21007,"message":"service already exist"}`, "POST /v2/ns/service?serviceName=s", "")
	d.want(200, `{"code":0,"data":{"namespace":"public","serviceName":"s","groupName":"DEFAULT_GROUP","clusterMap":{},"metadata":{},"protectThreshold":0.1,"selector":{"type":"none"},"ephemeral":true}}`, "GET /v2/ns/service?serviceName=s", "")
	d.want(400, `{"code":21008,"message":"service not exist"}`, "GET /v2/ns/service?serviceName=zz", "")
	d.want(400, `{"code":21009}`, "DELETE /v2/ns/service?serviceName=demo", "")
	d.want(400, `{"code":21004}`, "POST /v2/ns/instance?serviceName=s&ip=10.0.0.1&port=80&ephemeral=false", "")
	d.want(200, `{"code":0,"data":{"count":2,"services":["demo","s"]}}`, "GET /v2/ns/service/list?pageNo=1&pageSize=10", "")
	d.want(200, `{"code":0,"data":{"count":1,"instances":[{"ip":"10.0.0.1"}]}}`, "GET /v2/ns/catalog/instances?serviceName=demo&pageNo=1&pageSize=10", "")
	d.want(200, `{"code":0,"data":["10.0.0.1:80#true"]}`, "GET /v2/ns/client/list", "")
	d.want(200, `{"code":0,"data":{"clientId":"10.0.0.1:80#true","ephemeral":true,"clientType":"ipPort","clientIp":"10.0.0.1","clientPort":80}}`, "GET /v2/ns/client?clientId=10.0.0.1:80%23true", "")
	d.want(200, `{"code":0,"data":[{"namespace":"public","group":"DEFAULT_GROUP","serviceName":"demo","registeredInstance":{"ip":"10.0.0.1","port":80,"cluster":"DEFAULT"}}]}`, "GET /v2/ns/client/publish/list?clientId=10.0.0.1:80%23true", "")
	d.want(404, `{"code":20004,"data":"clientId [ nobody ] not exist"}`, "GET /v2/ns/client?clientId=nobody", "")
	d.want(200, `{"code":0,"data":[{"clientId":"10.0.0.1:80#true","ip":"10.0.0.1","port":80}]}`, "GET /v2/ns/client/service/publisher/list?serviceName=demo", "")
	d.want(200, `{"code":0,"data":[]}`, "GET /v2/ns/client/service/publisher/list?serviceName=demo&port=81", "")
	d.want(200, `{"code":0,"data":[]}`, "GET /v2/ns/client/service/subscriber/list?serviceName=demo", "")
	d.want(200, ok, "DELETE /v2/ns/instance?serviceName=demo&ip=10.0.0.1&port=80", "")
}

func TestV3Naming(t *testing.T) {
	d := newDoor(t, nil)
	ok := `{"code":0,"message":"success","data":"ok"}`
	d.want(200, `{"code":21003,"message":"instance not found"}`, "POST /v3/client/ns/instance", form("serviceName", "demo", "ip", "10.0.0.1", "port", "80", "heartBeat", "true"))
	d.want(200, ok, "POST /v3/client/ns/instance", form("serviceName", "demo", "ip", "10.0.0.1", "port", "80"))
	d.want(200, ok, "POST /v3/client/ns/instance", form("serviceName", "demo", "ip", "10.0.0.1", "port", "80", "heartBeat", "true"))
	d.want(200, `{"code":0,"data":[{"ip":"10.0.0.1","port":80,"serviceName":"DEFAULT_GROUP@@demo"}]}`, "GET /v3/client/ns/instance/list?serviceName=demo", "")
	d.want(200, `{"code":0,"data":{"ip":"10.0.0.1","enabled":true}}`, "GET /v3/admin/ns/instance?serviceName=demo&ip=10.0.0.1&port=80", "")
	d.want(200, ok, "PUT /v3/admin/ns/instance/partial?serviceName=demo&ip=10.0.0.1&port=80&weight=4", "")
	d.want(200, `{"code":0,"data":{"totalCount":1,"pageNumber":1,"pagesAvailable":1,"pageItems":[{"name":"demo","ipCount":1,"healthyInstanceCount":1}]}}`, "GET /v3/admin/ns/service/list?pageNo=1&pageSize=10", "")
	d.want(200, `{"code":0,"data":{"totalCount":1,"pageItems":[{"ip":"10.0.0.1","weight":4}]}}`, "GET /v3/console/ns/instance/list?serviceName=demo&pageNo=1&pageSize=10", "")
	d.want(200, `{"code":0,"data":{"totalCount":0,"pageItems":[]}}`, "GET /v3/admin/ns/service/subscribers?serviceName=demo&pageNo=1&pageSize=10", "")
	d.want(200, `{"code":0,"data":["none","label"]}`, "GET /v3/admin/ns/service/selector/types", "")
	d.want(200, `{"code":0,"data":{"TCP":{"type":"TCP"},"HTTP":{"expectedResponseCode":200}}}`, "GET /v3/admin/ns/health/checkers", "")
	d.want(200, `{"code":0,"data":{"responsibleServer":"10.0.0.100:8848"}}`, "GET /v3/admin/ns/client/distro?ip=10.0.0.1&port=80", "")
	d.want(200, ok, "DELETE /v3/client/ns/instance?serviceName=demo&ip=10.0.0.1&port=80", "")
}

func TestNamespaces(t *testing.T) {
	d := newDoor(t, nil)
	d.want(200, `{"code":200,"message":null,"data":[{"namespace":"","namespaceShowName":"public","type":0,"quota":200,"configCount":0}]}`, "GET /v1/console/namespaces", "")
	d.want(200, "true", "POST /v1/console/namespaces", form("customNamespaceId", "n1", "namespaceName", "one", "namespaceDesc", "first"))
	d.want(200, "false", "POST /v1/console/namespaces", form("customNamespaceId", "n1", "namespaceName", "one"))
	d.want(200, "false", "POST /v1/console/namespaces", form("customNamespaceId", "n.1", "namespaceName", "one"))
	d.want(200, "true", "GET /v1/console/namespaces?checkNamespaceIdExist=true&customNamespaceId=n1", "")
	d.want(200, "false", "GET /v1/console/namespaces?checkNamespaceIdExist=true&customNamespaceId=n2", "")
	d.want(200, `{"namespace":"n1","namespaceShowName":"one","namespaceDesc":"first","type":2}`, "GET /v1/console/namespaces?show=all&namespaceId=n1", "")
	d.want(200, "true", "PUT /v1/console/namespaces?namespace=n1&namespaceShowName=uno", "")
	d.want(200, `{"code":0,"data":[{"namespace":"public"},{"namespace":"n1","namespaceShowName":"uno"}]}`, "GET /v2/console/namespace/list", "")
	d.want(200, `{"code":0,"data":true}`, "POST /v2/console/namespace?namespaceId=n2&namespaceName=two", "")
	d.want(400, `{"code":22002,"message":"namespace already exist","data":"namespaceId [n2] already exist."}`, "POST /v2/console/namespace?namespaceId=n2&namespaceName=two", "")
	d.want(400, `{"code":22000}`, "POST /v2/console/namespace?namespaceId=n3&namespaceName=a@b", "")
	d.want(404, `{"code":22001,"message":"namespace not exist","data":"namespaceId [ n9 ] not exist"}`, "GET /v2/console/namespace?namespaceId=n9", "")
	d.want(200, `{"code":0,"data":1}`, "GET /v3/admin/core/namespace/check?namespaceId=n2", "")
	d.want(200, `{"code":0,"data":true}`, "GET /v3/console/core/namespace/exist?customNamespaceId=n2", "")
	d.want(200, `{"code":0,"data":true}`, "DELETE /v3/admin/core/namespace?namespaceId=n2", "")
	d.want(200, "true", "DELETE /v1/console/namespaces?namespaceId=n1", "")
}

func TestOperator(t *testing.T) {
	d := newDoor(t, nil)
	d.want(200, "ok", "POST /v1/ns/instance?serviceName=a&ip=10.0.0.1&port=1", "")
	d.want(200, "ok", "POST /v1/ns/instance?serviceName=b&ip=10.0.0.1&port=1&ephemeral=false", "")
	d.want(200, `{"status":"UP"}`, "GET /v1/ns/operator/metrics", "")
	d.want(200, `{"status":"UP","serviceCount":2,"instanceCount":2,"subscribeCount":0,"responsibleInstanceCount":1,"clientCount":2,"connectionBasedClientCount":0,
		"ephemeralIpPortClientCount":1,"persistentIpPortClientCount":1,"responsibleClientCount":1}`, "GET /v1/ns/operator/metrics?onlyStatus=false", "")
	d.want(200, `{"overriddenServerStatus":null,"clientBeatInterval":5000,"distroThreshold":0.7,"checkTimes":3,"pushGoVersion":"0.1.0","lightBeatEnabled":true}`, "GET /v1/ns/operator/switches", "")
	d.want(200, "ok", "PUT /v1/ns/operator/switches?entry=clientBeatInterval&value=3000", "")
	d.want(200, `{"code":0,"data":{"clientBeatInterval":3000}}`, "GET /v2/ns/operator/switches", "")
	d.want(400, "caused: update entry not found: nonsense;", "PUT /v1/ns/operator/switches?entry=nonsense&value=3000", "")
	d.want(200, "ok", "PUT /v1/ns/operator/switches?entry=overriddenServerStatus&value=DOWN", "")
	d.want(503, "server is DOWN now, please try again later!", "GET /v1/ns/instance/list?serviceName=a", "")
	d.want(200, `{"status":"DOWN"}`, "GET /v1/ns/operator/metrics", "")
	d.want(200, "ok", "PUT /v1/ns/operator/switches?entry=overriddenServerStatus&value=READ_ONLY", "")
	d.want(200, `{"hosts":[{}]}`, "GET /v1/ns/instance/list?serviceName=a", "")
	d.want(503, "server is READ_ONLY now, please try again later!", "POST /v1/ns/instance?serviceName=a&ip=10.0.0.2&port=1", "")
	d.want(200, "ok", "PUT /v1/ns/operator/switches?entry=overriddenServerStatus&value=WRITE_ONLY", "")
	d.want(503, "server is WRITE_ONLY now, please try again later!", "GET /v1/ns/instance/list?serviceName=a", "")
	d.want(200, "ok", "POST /v1/ns/instance?serviceName=a&ip=10.0.0.2&port=1", "")
	d.want(200, "ok", "PUT /v1/ns/operator/switches?entry=overriddenServerStatus&value=", "")
	d.want(200, `{"status":"UP"}`, "GET /v1/ns/operator/metrics", "")
	d.want(200, "ok", "PUT /v1/ns/operator/switches?entry=limitedUrlMap&value=/nacos/v1/ns/service:429", "")
	d.want(429, "", "GET /v1/ns/service/list?pageNo=1&pageSize=1", "")
	d.want(200, `{"succeed":0,"total":0,"ratio":0,"reset":false,"detail":{"avgPushCost":-1,"maxPushCost":0}}`, "GET /v1/ns/operator/push/state?detail=true", "")
	d.want(501, "caused: the log level of this server cannot be set;", "PUT /v1/ns/operator/log?logName=x&logLevel=DEBUG", "")
}

func TestCore(t *testing.T) {
	d := newDoor(t, nil)
	member := `{"ip":"10.0.0.100","port":8848,"state":"UP","address":"10.0.0.100:8848","failAccessCnt":0,
		"extendInfo":{"raftPort":"7848","version":"3.1.0","raftMetaData":{"metaDataMap":{"naming_persistent_service_v2":{"leader":"10.0.0.100:8848","raftGroupMember":["10.0.0.100:8848"],"term":0}}}}}`
	d.want(200, `{"code":200,"message":null,"data":`+member+`}`, "GET /v1/core/cluster/self", "")
	d.want(200, `{"code":200,"data":[`+member+`]}`, "GET /v1/core/cluster/nodes", "")
	d.want(200, `{"code":200,"data":[]}`, "GET /v1/core/cluster/nodes?keyword=nothing", "")
	d.want(200, `{"code":200,"data":["10.0.0.100:8848"]}`, "GET /v1/core/cluster/simple/nodes", "")
	d.want(200, `{"code":0,"data":[`+member+`]}`, "GET /v2/core/cluster/node/list?state=up", "")
	d.want(200, `{"code":0,"data":[]}`, "GET /v2/core/cluster/node/list?state=DOWN", "")
	d.want(200, `{"code":0,"data":"UP"}`, "GET /v2/core/cluster/node/self/health", "")
	d.want(200, "OK", "GET /v1/console/health/liveness", "")
	d.want(200, "OK", "GET /v1/console/health/readiness", "")
	d.want(200, `{"code":0,"data":"ok"}`, "GET /v3/admin/core/state/readiness", "")
	d.want(200, `{"standalone_mode":"standalone","version":"3.1.0"}`, "GET /v1/console/server/state", "")
	d.want(200, `{"code":0,"data":{"standalone_mode":"standalone"}}`, "GET /v3/admin/core/state", "")
	d.want(200, "success", "GET /v2/core/loader/reloadCurrent?count=0", "")
	d.want(200, `{"total":0,"max":0,"min":0,"memberCount":1,"metricsCount":1,"completed":true}`, "GET /v2/core/loader/cluster", "")
	d.want(200, `{"peers":[{"ip":"10.0.0.100:8848","state":"LEADER","term":0}],"services":0}`, "GET /v1/ns/raft/state", "")
	d.want(200, "{\"leader\":\"{\\\"heartbeatDueMs\\\":0,\\\"ip\\\":\\\"10.0.0.100:8848\\\",\\\"leaderDueMs\\\":0,\\\"state\\\":\\\"LEADER\\\",\\\"term\\\":0,\\\"voteFor\\\":\\\"10.0.0.100:8848\\\"}\"}", "GET /v1/ns/raft/leader", "")
	d.want(501, `{"code":40001}`, "POST /v3/admin/core/ops/raft?command=transferLeader&value=x", "")
	d.want(200, "10.0.0.100:8848\n", "GET /serverlist", "")
	d.want(200, "ok", "POST /v1/ns/instance?serviceName=a&ip=10.0.0.1&port=1&metadata=app.kubernetes-io=x", "")
	d.want(200, `[{"targets":["10.0.0.1:1"],"labels":{"__meta_clusterName":"DEFAULT","app_kubernetes_io":"x"}}]`, "GET /prometheus", "")
	d.want(200, `[{"targets":["10.0.0.1:1"]}]`, "GET /prometheus/namespaceId/public/service/a", "")
	d.want(200, `[]`, "GET /prometheus/namespaceId/other", "")
}

// There is no config service, and nothing says that there is.
func TestNoConfig(t *testing.T) {
	d := newDoor(t, nil)
	d.want(404, "config data not exist", "GET /v1/cs/configs?dataId=a&group=b", "")
	d.want(200, `{"totalCount":0,"pageItems":[]}`, "GET /v1/cs/configs?search=accurate&dataId=a&group=b&pageNo=1&pageSize=1", "")
	d.want(501, "caused: the config service is not implemented;", "POST /v1/cs/configs", form("dataId", "a", "group", "b", "content", "c"))
	d.want(501, "caused: the config service is not implemented;", "DELETE /v1/cs/configs?dataId=a&group=b", "")
	d.want(200, "", "POST /v1/cs/configs/listener", form("Listening-Configs", "a\x02b\x02c\x01"), "Long-Pulling-Timeout", "600")
	d.want(404, `{"code":20004,"data":"config data not exist"}`, "GET /v2/cs/config?dataId=a&group=b", "")
	d.want(501, `{"code":40001}`, "POST /v3/admin/cs/config", form("dataId", "a"))
	d.want(501, `{"code":40001}`, "GET /v3/admin/cs/history", "")
	d.want(501, "caused: no such api:GET:/nacos/v1/cs/history is not implemented;", "GET /v1/cs/history", "")
}

// What is not there says so.
func TestNotThere(t *testing.T) {
	d := newDoor(t, nil)
	d.want(501, "no such api:GET:/nacos/v1/ns/nothing", "GET /v1/ns/nothing", "")
	d.want(404, `{"code":20004}`, "GET /v9/ns/instance", "")
	d.want(501, `{"code":40001}`, "GET /v3/admin/ai/mcp/list", "")
	for _, p := range []string{"GET /v1/ns/instances", "POST /v1/ns/instance/list", "GET /v1/auth/users"} {
		if code, got := d.do(p, ""); code < 400 {
			t.Errorf("%s: %d %s", p, code, got)
		}
	}
}

// Every route answers, in its own style, whatever it is given.
func TestEveryRoute(t *testing.T) {
	d := newDoor(t, nil)
	for _, rt := range routes {
		for m := range strings.FieldsSeq(rt.methods) {
			path := strings.NewReplacer("{key}", "k", "{namespaceId}", "n", "{service}", "s").Replace(rt.path)
			for _, query := range []string{"", "?serviceName=x&ip=1.1.1.1&port=1", "?serviceName=%20&port=x&pageNo=-1&pageSize=x&weight=x&metadata=%7B&selector=x&healthChecker=x"} {
				code, got := d.do(m+" "+path+query, "")
				if code == http.StatusNotFound && strings.Contains(got, "no such api") || strings.Contains(got, "is not implemented") && rt.kind != "config" {
					t.Errorf("%s %s%s: %d %s", m, path, query, code, got)
				}
				if rt.style != plain && !json.Valid([]byte(got)) {
					t.Errorf("%s %s%s: %d %q is no JSON", m, path, query, code, got)
				}
				if code >= 500 && code != http.StatusNotImplemented {
					t.Errorf("%s %s%s: %d %s", m, path, query, code, got)
				}
			}
		}
	}
}

// 1.x clients are pushed to when they say where, and their version knows how.
func TestUDPSubscription(t *testing.T) {
	d := newDoor(t, nil)
	const list = "GET /v1/ns/instance/list?serviceName=a&clientIP=10.1.1.1&app=shop&udpPort="
	d.want(200, `{"cacheMillis":10000,"dom":"DEFAULT_GROUP@@a"}`, list+"55000", "", "User-Agent", "Nacos-Go-Client:v1.1.6")
	d.want(200, `{"cacheMillis":3000}`, list+"55001", "", "User-Agent", "curl/8")
	d.want(200, `{}`, list+"55000", "", "User-Agent", "Nacos-Go-Client:v1.1.6"+strings.Repeat("x", 10_000))
	if kept := len(d.udp.subs[netip.MustParseAddrPort("10.1.1.1:55000")].Agent); kept > 256 {
		t.Errorf("%d bytes of an agent are kept", kept)
	}
	d.want(200, `{}`, list+"55002", "", "User-Agent", "Nacos-C-Client:v1.0.11")
	d.want(200, `{}`, list+"0", "", "User-Agent", "Nacos-Java-Client:v1.4.8")
	// As the client of 1.4.8 does: its name in one header, its bare version in the other.
	d.want(200, `{}`, list+"55003", "", "Client-Version", "1.4.8", "User-Agent", "Nacos-Java-Client:v1.4.8")
	d.want(200, `{}`, list+"55004", "", "Client-Version", "Nacos-Go-Client:v1.1.6", "User-Agent", "")
	d.want(400, "caused: Param 'udpPort' is illegal;", list+"70000", "", "User-Agent", "Nacos-Java-Client:v1.4.8")
	if len(d.udp.subs) != 3 || d.udp.subs[netip.MustParseAddrPort("10.1.1.1:55000")].App != "shop" {
		t.Fatal(d.udp.subs)
	}
	d = newDoor(t, func(o *Options) { o.PushToCaller = true })
	d.want(200, `{}`, list+"55000", "", "User-Agent", "Nacos-Go-Client:v1.1.6")
	if _, ok := d.udp.subs[netip.MustParseAddrPort("192.0.2.1:55000")]; !ok {
		t.Fatal(d.udp.subs)
	}
}

// A server that has not verified its lists does not give them to those who
// would take them for the truth.
func TestStarting(t *testing.T) {
	d := newDoor(t, nil)
	d.reg = registrytest.New(registry.Options{})
	d.api = New(Options{Registry: d.reg, Push: push.New(d.reg, push.Options{}), Subscribers: d.udp})
	d.want(503, "server is STARTING now, please try again later!", "GET /v1/ns/instance/list?serviceName=a", "")
	d.want(200, `{"status":"STARTING"}`, "GET /v1/ns/operator/metrics", "")
	d.want(500, "naming not in readiness: server is not ready", "GET /v1/console/health/readiness", "")
	d.want(200, "OK", "GET /v1/console/health/liveness", "")
	d.reg.Ready(time.Hour)
	d.want(200, "OK", "GET /v1/console/health/readiness", "")
	const starting = "caused: server is STARTING now, please try again later! Clients of before may not all be back.;"
	d.want(200, "ok", "POST /v1/ns/instance?serviceName=a&ip=10.0.0.1&port=80", "")
	d.want(503, starting, "GET /v1/ns/instance/list?serviceName=a", "")
	d.want(503, starting, "GET /v1/ns/instance/list?serviceName=a&udpPort=55000", "", "User-Agent", "Nacos-Java-Client:v1.4.8")
	d.want(503, `{"code":30000}`, "GET /v2/ns/instance/list?serviceName=a", "")
	d.want(503, `{"code":30000}`, "GET /v3/client/ns/instance/list?serviceName=a", "")
	d.want(503, starting, "GET /v1/ns/instance/statuses?key=public%23%23a", "")
	d.want(503, starting, "GET /v1/ns/instance?serviceName=a&ip=10.0.0.2&port=80", "")
	// What is there is there, an operator is shown what is, and what Raft keeps is known.
	d.want(200, `{"ip":"10.0.0.1"}`, "GET /v1/ns/instance?serviceName=a&ip=10.0.0.1&port=80", "")
	d.want(200, `{"count":1}`, "GET /v1/ns/catalog/instances?serviceName=a&clusterName=DEFAULT&pageNo=1&pageSize=9", "")
	d.want(200, "ok", "POST /v1/ns/instance?serviceName=p&ip=10.0.0.1&port=80&ephemeral=false", "")
	d.want(200, `{"hosts":[{"ip":"10.0.0.1"}]}`, "GET /v1/ns/instance/list?serviceName=p", "")
	d.want(503, starting, "GET /v1/ns/instance/list?serviceName=nobody.knows", "")
}

// strict is an Authorizer that lets one token in.
type strict struct{ nacos.Open }

func (strict) Enabled() bool { return true }

func (strict) Login(_ context.Context, c nacos.Credentials) (nacos.Session, error) {
	if c.User != "nacos" || c.Password != "secret" {
		return nacos.Session{}, nacos.ErrLogin
	}
	return nacos.Session{Token: "good", TTL: time.Hour, User: c.User}, nil
}

func (strict) Check(_ context.Context, c nacos.Credentials, r nacos.Resource, a nacos.Action) error {
	switch {
	case c.Token != "good":
		return nacos.ErrToken
	case r.Namespace == "closed", r.Admin && a == nacos.Write:
		return nacos.ErrForbidden
	}
	return nil
}

func TestAccess(t *testing.T) {
	d := newDoor(t, func(o *Options) { o.Access = strict{} })
	d.want(403, "caused: unknown user!;", "POST /v1/auth/users/login", form("username", "nacos", "password", "x"))
	d.want(200, `{"accessToken":"good","tokenTtl":3600,"globalAdmin":false,"username":"nacos"}`, "POST /v1/auth/users/login", form("username", "nacos", "password", "secret"))
	d.want(200, `{"accessToken":"good"}`, "POST /v3/auth/user/login?username=nacos", form("password", "secret"))
	const list = "GET /v1/ns/service/list?pageNo=1&pageSize=1"
	d.want(403, "caused: token invalid;", list, "")
	d.want(200, `{"count":0}`, list+"&accessToken=good", "")
	d.want(200, `{"count":0}`, list, "", "accessToken", "good")
	d.want(200, `{"count":0}`, list, "", "Authorization", "Bearer good")
	d.want(403, "caused: authorization failed;", list+"&accessToken=good&namespaceId=closed", "")
	d.want(403, `{"code":10001,"message":"access denied"}`, "POST /v3/admin/ns/service?serviceName=x&accessToken=good", "")
	d.want(200, `{"status":"UP"}`, "GET /v1/ns/operator/metrics", "")
	// No word of a client's about itself lets it in.
	d.want(403, "caused: token invalid;", list, "", "User-Agent", "Nacos-Server", "serverIdentity", "security")
}

// Requests of HTTP clients go to the server that has them.
func TestRoute(t *testing.T) {
	var asked []registry.ClientID
	d := newDoor(t, func(o *Options) {
		o.Route = func(id registry.ClientID) http.Handler {
			asked = append(asked, id)
			if id != "10.0.0.9:80#true" {
				return nil
			}
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if err := r.ParseForm(); err != nil || r.Form.Get("serviceName") != "demo" {
					t.Errorf("the form is gone: %v %v", r.Form, err)
				}
				_, _ = w.Write([]byte("from elsewhere"))
			})
		}
	})
	d.want(200, "from elsewhere", "POST /v1/ns/instance", form("serviceName", "demo", "ip", "10.0.0.9", "port", "80"))
	d.want(200, "from elsewhere", "PUT /v1/ns/instance/beat", form("serviceName", "demo", "beat", `{"ip":"10.0.0.9","port":80}`))
	d.want(200, "ok", "POST /v1/ns/instance", form("serviceName", "demo", "ip", "10.0.0.8", "port", "80"))
	d.want(200, "ok", "POST /v1/ns/instance", form("serviceName", "db", "ip", "10.0.0.9", "port", "80", "ephemeral", "false"))
	if len(asked) != 4 || asked[3] != "" {
		t.Fatal(asked)
	}
	// What the other one answers is what is counted.
	counted := 0
	d = newDoor(t, func(o *Options) {
		o.Route = func(registry.ClientID) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) })
		}
		o.Requests = func(_ string, status int, _ time.Duration) { counted = status }
	})
	if code, _ := d.do("POST /v1/ns/instance?serviceName=demo&ip=10.0.0.9&port=80", ""); code != http.StatusTeapot || counted != code {
		t.Fatalf("%d, and %d is counted", code, counted)
	}
}

func TestTooMuch(t *testing.T) {
	d := newDoor(t, func(o *Options) { o.MaxBody = 1000 })
	d.want(400, "caused: body: http: request body too large;", "POST /v1/ns/instance", form("metadata", strings.Repeat("x", 2000)))
	d = newDoor(t, func(o *Options) { o.MaxBodies = 100 })
	d.want(503, "caused: server is overloaded, please try again later!;", "POST /v1/ns/instance", form("metadata", strings.Repeat("x", 200)))
	d.want(400, "caused: Param 'serviceName' is required.;", "POST /v1/ns/instance", "a=b")
	if n := d.api.bodies.Load(); n != 0 {
		t.Fatalf("%d bytes are held by nobody", n)
	}
	d = newDoor(t, func(o *Options) { o.MaxInFlight = 1 })
	d.api.inFlight <- struct{}{}
	d.want(503, "server is overloaded, please try again later!", "GET /v1/ns/operator/metrics", "")
}

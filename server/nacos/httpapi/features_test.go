package httpapi

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/musterhq/muster/server/registry"
	"github.com/musterhq/muster/server/registry/registrytest"
)

// When too few instances are healthy all are given, as healthy ones: to send
// all callers to the few would bring these down too.
func TestProtectionIsShown(t *testing.T) {
	d := newDoor(t, nil)
	d.want(200, "ok", "POST /v1/ns/service?serviceName=s&protectThreshold=0.6", "")
	for i, healthy := range []string{"true", "true", "false"} {
		d.want(200, "ok", "POST /v1/ns/instance", form("serviceName", "s", "ip", fmt.Sprint("10.0.0.", i+1), "port", "80", "healthy", healthy))
	}
	const list = "GET /v1/ns/instance/list?serviceName=s"
	// Two of three are more than 0.6.
	d.want(200, `{"reachProtectionThreshold":false,"hosts":[{"healthy":true},{"healthy":true},{"healthy":false,"valid":false}]}`, list, "")
	d.want(200, `{"reachProtectionThreshold":false,"hosts":[{},{}]}`, list+"&healthyOnly=true", "")
	d.want(200, "ok", "PUT /v1/ns/service?serviceName=s&protectThreshold=0.7", "")
	d.want(200, `{"reachProtectionThreshold":true,"hosts":[{"healthy":true},{"healthy":true},{"healthy":true,"valid":true}]}`, list, "")
	d.want(200, `{"reachProtectionThreshold":true,"hosts":[{},{},{"ip":"10.0.0.3","healthy":true}]}`, list+"&healthyOnly=true", "")
	d.want(200, `{"code":0,"data":{"reachProtectionThreshold":true,"hosts":[{},{},{}]}}`, "GET /v2/ns/instance/list?serviceName=s&healthyOnly=true", "")
	d.want(200, `{"serviceList":[{"name":"s","healthyInstanceCount":2,"triggerFlag":"true"}]}`, "GET /v1/ns/catalog/services?pageNo=1&pageSize=10", "")
	// Operators are shown what is.
	d.want(200, `{"healthy":false}`, "GET /v1/ns/instance?serviceName=s&ip=10.0.0.3&port=80", "")
}

// An instance may say how often it beats, how long it may be silent, and how
// its name is made.
func TestPreservedMetadata(t *testing.T) {
	d := newDoor(t, nil)
	const meta = `{"preserved.heart.beat.interval":"1000","preserved.heart.beat.timeout":"3000","preserved.ip.delete.timeout":"4000","preserved.instance.id.generator":"snowflake"}`
	d.want(200, "ok", "POST /v1/ns/instance", form("serviceName", "s", "ip", "10.0.0.1", "port", "80", "metadata", meta))
	d.want(200, `{"hosts":[{"instanceHeartBeatInterval":1000,"instanceHeartBeatTimeOut":3000,"ipDeleteTimeout":4000,"instanceIdGenerator":"snowflake"}]}`,
		"GET /v1/ns/instance/list?serviceName=s", "")
	d.want(200, `{"clientBeatInterval":1000,"code":10200}`, "PUT /v1/ns/instance/beat?serviceName=s&ip=10.0.0.1&port=80", "")
	d.want(200, "ok", "POST /v1/ns/instance?serviceName=s&ip=10.0.0.2&port=80", "")
	d.want(200, "ok", "PUT /v1/ns/operator/switches?entry=clientBeatInterval&value=7000", "")
	d.want(200, `{"clientBeatInterval":7000,"code":10200}`, "PUT /v1/ns/instance/beat?serviceName=s&ip=10.0.0.2&port=80", "")
	d.want(200, `{"clientBeatInterval":7000,"code":20404,"lightBeatEnabled":true}`, "PUT /v1/ns/instance/beat?serviceName=s&ip=10.0.0.3&port=80", "")
	d.want(200, `{"clientBeatInterval":7000,"code":20404,"lightBeatEnabled":true}`, "PUT /v2/ns/instance/beat?serviceName=s&ip=10.0.0.3&port=80", "")
	for _, bad := range []string{`{"preserved.heart.beat.timeout":"4000"}`, `{"preserved.ip.delete.timeout":"4999"}`, `{"preserved.heart.beat.interval":"20000"}`} {
		d.want(400, "caused: instance format invalid: 'heart beat interval' must less than 'heart beat timeout' and 'ip delete timeout'.;",
			"POST /v1/ns/instance", form("serviceName", "s", "ip", "10.0.0.4", "port", "80", "metadata", bad))
	}
}

// Each fault is said in the words of the version that is asked, and nothing is
// registered.
func TestFaults(t *testing.T) {
	long := func(n int) string { return strings.Repeat("a", n) }
	d := newDoor(t, nil)
	for _, f := range []struct {
		name, value string // what is wrong
		code        int
		text        string
	}{
		{"serviceName", "", 10000, "Required parameter 'serviceName' type String is not present"},
		{"ip", "", 10000, "Required parameter 'ip' type String is not present"},
		{"port", "", 10000, "Required parameter 'port' type Integer is not present"},
		{"serviceName", "a b", 21000, "Param 'serviceName' is illegal, illegal characters should not appear in the param."},
		{"serviceName", "@a", 21000, "Param 'serviceName' is illegal, illegal characters should not appear in the param."},
		{"serviceName", "服务", 21000, "Param 'serviceName' is illegal, illegal characters should not appear in the param."},
		{"serviceName", long(513), 21000, "Param 'serviceName' is illegal, the param length should not exceed 512."},
		{"groupName", "a/b", 20002, "Param 'group' is illegal, illegal characters should not appear in the param."},
		{"groupName", long(129), 20002, "Param 'group' is illegal, the param length should not exceed 128."},
		{"namespaceId", "a.b", 22000, "Param 'namespaceId/tenant' is illegal, illegal characters should not appear in the param."},
		{"namespaceId", long(65), 22000, "Param 'namespaceId/tenant' is illegal, the param length should not exceed 64."},
		{"clusterName", "a_b!", 20002, "Param 'cluster' is illegal, illegal characters should not appear in the param."},
		{"clusterName", long(65), 20002, "Param 'cluster' is illegal, the param length should not exceed 64."},
		{"ip", "10.0.0.1 ; drop", 20002, "Param 'ip' is illegal, illegal characters should not appear in the param."},
		{"ip", long(129), 20002, "Param 'ip' is illegal, the param length should not exceed 128."},
		{"port", "65536", 20002, "Param 'port' is illegal, the value should be between 0 and 65535."},
		{"port", "-1", 20002, "Param 'port' is illegal, the value should be between 0 and 65535."},
		{"port", "x", 20002, "Param 'port' is illegal, the value should be between 0 and 65535."},
		{"weight", "10000.1", 21001, "instance format invalid: The weights range from 0 to 10000"},
		{"weight", "-1", 21001, "instance format invalid: The weights range from 0 to 10000"},
		{"weight", "NaN", 21001, "instance format invalid: The weights range from 0 to 10000"},
		{"weight", "heavy", 21001, `Param 'weight' is no number: "heavy"`},
		{"metadata", "{", 21002, "metadata format incorrect:{"},
		{"metadata", "a=b=c", 21002, "metadata format incorrect:a=b=c"},
		{"metadata", "k=" + long(1025), 21002, "Param 'Metadata' is illegal, the param length should not exceed 1024."},
	} {
		for _, base := range []string{"/v1/ns", "/v2/ns", "/v3/client/ns", "/v3/admin/ns"} {
			v := url.Values{"serviceName": {"s"}, "ip": {"10.0.0.1"}, "port": {"80"}}
			v.Set(f.name, f.value)
			if base != "/v1/ns" {
				d.want(400, fmt.Sprintf(`{"code":%d,"data":%q}`, f.code, f.text), "POST "+base+"/instance", v.Encode())
				continue
			}
			text := f.text
			if f.code == 10000 {
				text = "Param '" + f.name + "' is required."
			}
			d.want(400, "caused: "+text+";", "POST "+base+"/instance", v.Encode())
		}
	}
	if n := d.reg.Stats(); n.Instances != 0 || n.Services != 0 {
		t.Fatalf("%+v", n)
	}
}

// What is too much is refused, and said so.
func TestLimitsAreSaid(t *testing.T) {
	reg := registrytest.New(registry.Options{Limits: registry.Limits{Services: 2, PerService: 2, Instances: 3}})
	reg.Ready(0)
	d := newDoor(t, func(o *Options) { o.Registry = reg })
	for _, q := range []string{"serviceName=a&ip=10.0.0.1", "serviceName=a&ip=10.0.0.2", "serviceName=b&ip=10.0.0.1&ephemeral=false"} {
		d.want(200, "ok", "POST /v1/ns/instance?port=1&"+q, "")
	}
	for _, q := range []string{"serviceName=a&ip=10.0.0.3", "serviceName=b&ip=10.0.0.2&ephemeral=false", "serviceName=c&ip=10.0.0.1"} {
		if code, got := d.do("POST /v1/ns/instance?port=1&"+q, ""); code != 503 || !strings.Contains(got, "limit reached") {
			t.Errorf("%s: %d %s", q, code, got)
		}
		if code, got := d.do("POST /v2/ns/instance?port=1&"+q, ""); code != 503 || !strings.Contains(got, `"code":30000`) {
			t.Errorf("%s: %d %s", q, code, got)
		}
	}
}

// One who listens to configuration is held until shortly before it would give
// up, holds up nobody else, and is let go when it goes away.
func TestListeningIsHeld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDoor(t, func(o *Options) { o.MaxInFlight, o.MaxWaiting = 1, 2 })
		const listen = "POST /v1/cs/configs/listener"
		body := form("Listening-Configs", "a\x02b\x02c\x01")
		begin := time.Now()
		done := make(chan time.Duration, 2)
		for range 2 {
			go func() {
				if code, got := d.do(listen, body, "Long-Pulling-Timeout", "30000"); code != 200 || got != "" {
					t.Errorf("%d %q", code, got)
				}
				done <- time.Since(begin)
			}()
		}
		synctest.Wait()
		d.want(200, `{"status":"UP"}`, "GET /v1/ns/operator/metrics", "") // there is one place, and it is free
		d.want(503, "server is overloaded, please try again later!", listen, body, "Long-Pulling-Timeout", "30000")
		for range 2 {
			if took := <-done; took != 29500*time.Millisecond {
				t.Errorf("held for %v", took)
			}
		}
		begin = time.Now()
		d.want(200, "", listen, body, "Long-Pulling-Timeout", "30000", "Long-Pulling-Timeout-No-Hangup", "true")
		d.want(200, "", listen, body)
		d.want(200, "", listen, body, "Long-Pulling-Timeout", "nonsense")
		if took := time.Since(begin); took != 0 {
			t.Errorf("not to be held, and held for %v", took)
		}
		d.want(200, "", listen, body, "Long-Pulling-Timeout", "3600000")
		if took := time.Since(begin); took != 29500*time.Millisecond {
			t.Errorf("patience of an hour: held for %v", took)
		}
		ctx, cancel := context.WithCancel(t.Context())
		r, err := http.NewRequestWithContext(ctx, "POST", "/nacos/v1/cs/configs/listener", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Long-Pulling-Timeout", "30000")
		begin = time.Now()
		time.AfterFunc(time.Second, cancel)
		d.api.ServeHTTP(discard{}, r)
		if took := time.Since(begin); took != time.Second {
			t.Errorf("the caller has gone, and is held for %v", took)
		}
	})
}

// discard is an http.ResponseWriter of one who has gone.
type discard struct{}

func (discard) Header() http.Header         { return http.Header{} }
func (discard) Write(b []byte) (int, error) { return len(b), nil }
func (discard) WriteHeader(int)             {}

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
	d := newDoor(t, func(o *Options) { o.Registry = reg })
	d.want(200, "ok", "POST /v1/ns/instance?serviceName=db&ip=10.0.0.1&port=1&ephemeral=false&linearizable=true", "")
	d.want(200, `{"hosts":[{}]}`, "GET /v1/ns/instance/list?serviceName=db", "")
	if plane.asked != 0 {
		t.Fatal("asked for nothing")
	}
	reads := []string{
		"GET /v1/ns/instance/list?serviceName=db", "GET /v2/ns/instance/list?serviceName=db", "GET /v3/admin/ns/instance/list?serviceName=db", "GET /v1/ns/service?serviceName=db",
		"GET /v1/console/namespaces?", "GET /v1/ns/operator/switches?",
	}
	for i, read := range reads {
		d.want(200, `{}`, read+"&linearizable=true", "")
		if plane.asked != i+1 {
			t.Fatalf("%s has not asked", read)
		}
	}
	plane.err = errors.New("no leader")
	for _, read := range reads {
		if code, got := d.do(read+"&linearizable=true", ""); code != 503 || !strings.Contains(got, "no leader") {
			t.Errorf("%s: %d %s", read, code, got)
		}
		d.want(200, `{}`, read, "")
	}
}

// The rest of what old tools ask for.
func TestOldTools(t *testing.T) {
	d := newDoor(t, nil)
	d.want(200, "Nacos runs in UP mode.", "GET /v1/ns/health/server", "")
	d.want(200, `{"TCP":{"type":"TCP"},"NONE":{"type":"NONE"},"HTTP":{"type":"HTTP"},"MYSQL":{"type":"MYSQL"}}`, "GET /v1/ns/health/checkers", "")
	d.want(200, "ok", "POST /v1/ns/instance?serviceName=db&ip=10.0.0.1&port=1&ephemeral=false", "")
	d.want(200, "ok", "PUT /v1/ns/cluster", form("serviceName", "db", "clusterName", "DEFAULT", "checkPort", "80", "useInstancePort4Check", "true", "healthChecker", `{"type":"NONE"}`))
	d.want(200, "ok", "PUT /v1/ns/health?serviceName=db&ip=10.0.0.1&port=1&valid=false", "")
	d.want(200, `{"code":0,"data":{"updated":["10.0.0.1:1:unknown:DEFAULT:persist"]}}`, "DELETE /v2/ns/instance/metadata/batch?serviceName=db&metadata=a%3Db&consistencyType=persist", "")
	d.want(200, okResult, "POST /v2/ns/service?serviceName=s", "")
	d.want(200, okResult, "PUT /v2/ns/service?serviceName=s&protectThreshold=0.2", "")
	d.want(200, okResult, "DELETE /v2/ns/service?serviceName=s", "")
	d.want(200, "UP", "GET /v1/cs/health", "")
	d.want(400, "caused: healthChecker: invalid character 'x' looking for beginning of value;", "PUT /v1/ns/cluster",
		form("serviceName", "db", "clusterName", "DEFAULT", "checkPort", "80", "useInstancePort4Check", "true", "healthChecker", "x"))
}

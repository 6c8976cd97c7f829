package httpapi

import (
	"fmt"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
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

// The rest of what old tools ask for.
func TestOldTools(t *testing.T) {
	d := newDoor(t, nil)
	d.want(200, `{"msg":"Hello! I am Nacos-Naming and healthy! total services: 0, local port:8848"}`, "GET /v1/ns/health/server", "")
	d.want(200, `{"TCP":{"type":"TCP"},"NONE":{"type":"NONE"},"HTTP":{"type":"HTTP"},"MYSQL":{"type":"MYSQL"}}`, "GET /v1/ns/health/checkers", "")
	d.want(200, "ok", "POST /v1/ns/instance?serviceName=db&ip=10.0.0.1&port=1&ephemeral=false", "")
	d.want(200, "ok", "PUT /v1/ns/cluster", form("serviceName", "db", "clusterName", "DEFAULT", "checkPort", "80", "useInstancePort4Check", "true", "healthChecker", `{"type":"NONE"}`))
	d.want(200, "ok", "PUT /v1/ns/health?serviceName=db&ip=10.0.0.1&port=1&valid=false", "")
	d.want(200, `{"code":0,"data":{"updated":["10.0.0.1:1:unknown:DEFAULT:persist"]}}`, "DELETE /v2/ns/instance/metadata/batch?serviceName=db&metadata=a%3Db&consistencyType=persist", "")
	d.want(200, okResult, "POST /v2/ns/service?serviceName=s", "")
	d.want(200, okResult, "PUT /v2/ns/service?serviceName=s&protectThreshold=0.2", "")
	d.want(200, okResult, "DELETE /v2/ns/service?serviceName=s", "")
	d.want(200, "UP", "GET /v1/cs/health", "")
	d.want(200, `{"code":0,"data":{"count":0,"instances":[]}}`, "GET /v2/ns/catalog/instances?serviceName=none", "")
	d.want(400, "caused: healthChecker: invalid character 'x' looking for beginning of value;", "PUT /v1/ns/cluster",
		form("serviceName", "db", "clusterName", "DEFAULT", "checkPort", "80", "useInstancePort4Check", "true", "healthChecker", "x"))
}

// A path with slashes too many is the one that is meant, also for a POST.
func TestSlashes(t *testing.T) {
	d := newDoor(t, nil)
	h := d.api.HTTPServer().Handler
	for _, path := range []string{"//nacos/v1/ns/instance", "/nacos//v1/ns///instance", "/nacos/v1/ns/instance/"} {
		r := httptest.NewRequest("POST", "http://host"+path+"?serviceName=s&ip=10.0.0.1&port=1", nil)
		w := httptest.NewRecorder()
		if h.ServeHTTP(w, r); w.Code != 200 || w.Body.String() != "ok" {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
	}
	r := httptest.NewRequest("GET", "/nacos/v2/ns/instance/statuses/G%2F@@s", nil)
	w := httptest.NewRecorder()
	if h.ServeHTTP(w, r); w.Code != 400 || !strings.Contains(w.Body.String(), "'group' is illegal") {
		t.Errorf("a slash that is part of a name: %d %s", w.Code, w.Body)
	}
}

// Services are found in all namespaces, whether or not these were created.
func TestAllNamespacesAreSearched(t *testing.T) {
	d := newDoor(t, nil)
	d.want(200, "true", "POST /v1/console/namespaces?customNamespaceId=empty&namespaceName=empty", "")
	d.want(200, "ok", "POST /v1/ns/instance?serviceName=a&ip=10.0.0.1&port=1", "")
	d.want(200, "ok", "POST /v1/ns/instance?serviceName=b&ip=10.0.0.2&port=1&namespaceId=other", "")
	d.want(200, `{"META-INF/services":{"public":["DEFAULT_GROUP@@a"],"other":["DEFAULT_GROUP@@b"]},"count":2}`, "GET /v1/ns/service/names", "")
	d.want(200, `{"META-INF/services":{"other":["DEFAULT_GROUP@@b"]},"count":1}`, "GET /v1/ns/service/names?namespaceId=other", "")
	d.want(200, `[{"targets":["10.0.0.2:1"]},{"targets":["10.0.0.1:1"]}]`, "GET /prometheus", "")
	d.want(200, `[{"targets":["10.0.0.2:1"]}]`, "GET /prometheus/namespaceId/other", "")
}

// Pages are as long as they are asked to be, and version 2 has its own bound.
func TestLongPages(t *testing.T) {
	d := newDoor(t, nil)
	for i := range 600 {
		d.want(200, "ok", fmt.Sprintf("POST /v1/ns/instance?serviceName=s%03d&ip=10.0.%d.%d&port=1", i, i/256, i%256), "")
		d.want(200, "ok", fmt.Sprintf("POST /v1/ns/instance?serviceName=all&groupName=G&ip=10.0.%d.%d&port=2", i/256, i%256), "")
	}
	for _, c := range []struct {
		what, each string // what there is once for each
		want       int
	}{
		{"GET /v1/ns/service/list?pageNo=1&pageSize=2147483647", `"s[0-9]`, 600},
		{"GET /v1/ns/service/list?pageNo=2&pageSize=400", `"s[0-9]`, 200},
		{"GET /v2/ns/service/list?pageNo=1&pageSize=600", `"s[0-9]`, 500},
		{"GET /v2/ns/service/list?pageNo=2&pageSize=600", `"s[0-9]`, 100},
		{"GET /v2/ns/service/list", `"s[0-9]`, 20},
		{"GET /v1/ns/catalog/services?pageNo=1&pageSize=1000", `"groupName"`, 601},
		{"GET /v1/ns/catalog/services?withInstances=true&pageNo=1&pageSize=10", `"groupName"`, 10},
		{"GET /v3/admin/ns/service/list?pageNo=2&pageSize=550", `"groupName"`, 51},
		{"GET /v3/admin/ns/service/list", `"groupName"`, 100},
		{"GET /v1/ns/catalog/instances?serviceName=G@@all&clusterName=DEFAULT&pageSize=1000", `"instanceId"`, 600},
		{"GET /v3/console/ns/instance/list?serviceName=all&groupName=G&pageNo=2&pageSize=500", `"instanceId"`, 100},
		{"GET /v2/ns/catalog/instances?serviceName=all&groupName=G&pageNo=3&pageSize=300", `"instanceId"`, 0},
	} {
		_, got := d.do(c.what, "")
		if n := len(regexp.MustCompile(c.each).FindAllString(got, -1)); n != c.want {
			t.Errorf("%s: %d, want %d", c.what, n, c.want)
		}
	}
}

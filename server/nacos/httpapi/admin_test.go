package httpapi

import (
	"net/netip"
	"testing"

	"github.com/musterhq/muster/server/registry"
)

const okResult = `{"code":0,"message":"success","data":"ok"}`

// What operators do to services by version 3, by its two ways.
func TestV3Services(t *testing.T) {
	for _, base := range []string{"/v3/admin/ns", "/v3/console/ns"} {
		d := newDoor(t, nil)
		d.want(200, okResult, "POST "+base+"/service", form("serviceName", "s", "groupName", "G", "protectThreshold", "0.5", "metadata", `{"a":"b"}`,
			"ephemeral", "false", "selector", `{"type":"label","expression":"CONSUMER.label.zone = PROVIDER.label.zone"}`))
		const at = "/service?serviceName=s&groupName=G"
		d.want(200, `{"code":0,"data":{"namespaceId":"public","groupName":"G","serviceName":"s","protectThreshold":0.5,"metadata":{"a":"b"},"ephemeral":false,
			"clusterMap":{},"selector":{"type":"label","expression":"CONSUMER.label.zone = PROVIDER.label.zone"}}}`, "GET "+base+at, "")
		d.want(200, okResult, "PUT "+base+"/service", form("serviceName", "s", "groupName", "G", "metadata", `{"c":"d"}`))
		d.want(200, `{"code":0,"data":{"protectThreshold":0,"metadata":{"c":"d"},"ephemeral":false,"selector":{"type":"none"}}}`, "GET "+base+at, "")
		d.want(400, `{"code":21006,"message":"selector error","data":"not match any type of selector!"}`, "PUT "+base+at+"&selector=%7B%22type%22%3A%22x%22%7D", "")
		d.want(400, `{"code":21005,"message":"service metadata error"}`, "PUT "+base+at+"&protectThreshold=2", "")
		d.want(400, `{"code":21008,"message":"service not exist","data":"service G@@z not found!"}`, "PUT "+base+"/service?serviceName=z&groupName=G", "")
		setting := base + "/cluster"
		if base == "/v3/console/ns" {
			setting = base + "/service/cluster"
		}
		d.want(200, okResult, "PUT "+setting, form("serviceName", "s", "groupName", "G", "clusterName", "C", "checkPort", "81", "useInstancePort4Check", "false",
			"healthChecker", `{"type":"HTTP","path":"/up","headers":"a:b","expectedResponseCode":204}`, "metadata", `{"m":"n"}`))
		d.want(200, `{"code":0,"data":{"clusterMap":{"C":{"clusterName":"C","healthyCheckPort":81,"useInstancePortForCheck":false,"metadata":{"m":"n"},
			"healthChecker":{"type":"HTTP","path":"/up","headers":"a:b","expectedResponseCode":204}}}}}`, "GET "+base+at, "")
		d.want(400, `{"code":10000,"data":"Required parameter 'checkPort' type Integer is not present"}`, "PUT "+setting+"?serviceName=s&clusterName=C", "")
		d.want(200, `{"code":0,"data":{"totalCount":1,"pageNumber":1,"pagesAvailable":1,"pageItems":[{"name":"s","groupName":"G","clusterCount":0,"ipCount":0,
			"healthyInstanceCount":0,"triggerFlag":"false"}]}}`, "GET "+base+"/service/list?serviceNameParam=s&groupNameParam=G", "")
		d.want(200, `{"code":0,"data":{"totalCount":0,"pageItems":[]}}`, "GET "+base+"/service/list?ignoreEmptyService=true", "")
		d.want(200, okResult, "POST /v2/ns/instance?serviceName=s&groupName=G&ip=10.0.0.1&port=80&ephemeral=false&clusterName=C", "")
		d.want(200, `{"code":0,"data":{"totalCount":1,"pagesAvailable":1,"pageItems":[{"serviceName":"s","groupName":"G","clusterMap":{"C":{"clusterName":"C",
			"hosts":[{"ip":"10.0.0.1","port":80,"healthy":true,"enabled":true,"clusterName":"C","serviceName":"G@@s"}]}}}]}}`, "GET "+base+"/service/list?withInstances=true", "")
		d.want(200, `{"code":0,"data":{"totalCount":0,"pageItems":[]}}`, "GET "+base+"/service/subscribers?serviceName=s&groupName=G", "")
		d.want(200, `{"code":0,"data":["none","label"]}`, "GET "+base+"/service/selector/types", "")
		d.want(400, `{"code":21009,"data":"Service G@@s is not empty, can't be delete. Please unregister instance first"}`, "DELETE "+base+at, "")
		d.want(200, okResult, "DELETE /v2/ns/instance?serviceName=s&groupName=G&ip=10.0.0.1&port=80&ephemeral=false", "")
		d.want(200, okResult, "DELETE "+base+at, "")
		d.want(400, `{"code":21008,"data":"service not found, namespace: public, serviceName: G@@s"}`, "GET "+base+at, "")
	}
}

// What operators do to instances by version 3.
func TestV3Instances(t *testing.T) {
	d := newDoor(t, nil)
	const at = "serviceName=s&ip=10.0.0.1&port=80"
	d.want(200, okResult, "POST /v3/admin/ns/instance?metadata=a%3Db&"+at, "")
	d.want(200, okResult, "POST /v3/admin/ns/instance?serviceName=s&ip=10.0.0.2&port=80&clusterName=C&healthy=false", "")
	d.want(200, okResult, "PUT /v3/admin/ns/instance?enabled=false&weight=2&metadata=o%3Dp&"+at, "")
	// It is taken out, and operators still see it.
	d.want(200, `{"code":0,"data":[{"ip":"10.0.0.2"}]}`, "GET /v3/client/ns/instance/list?serviceName=s", "")
	d.want(200, `{"code":0,"data":[{"ip":"10.0.0.1","enabled":false,"weight":2,"metadata":{"a":"b","o":"p"}},{"ip":"10.0.0.2"}]}`, "GET /v3/admin/ns/instance/list?serviceName=s", "")
	d.want(200, `{"code":0,"data":[{"ip":"10.0.0.1"}]}`, "GET /v3/admin/ns/instance/list?serviceName=s&healthyOnly=true", "")
	d.want(200, `{"code":0,"data":[{"ip":"10.0.0.2"}]}`, "GET /v3/admin/ns/instance/list?serviceName=s&clusterName=C", "")
	d.want(404, `{"code":20004,"data":"service DEFAULT_GROUP@@z is not found!"}`, "GET /v3/admin/ns/instance/list?serviceName=z", "")
	d.want(200, okResult, "PUT /v3/console/ns/instance?enabled=true&weight=3&"+at, "")
	d.want(200, `{"code":0,"data":{"enabled":true,"weight":3,"metadata":{"a":"b"}}}`, "GET /v3/admin/ns/instance?"+at, "")
	d.want(200, `{"code":0,"data":{"updated":["10.0.0.1:80:unknown:DEFAULT:ephemeral"]}}`, "PUT /v3/admin/ns/instance/metadata/batch",
		form("serviceName", "s", "metadata", `{"x":"y","z":"z"}`, "instances", `[{"ip":"10.0.0.1","port":80,"clusterName":""}]`))
	d.want(200, `{"code":0,"data":{"updated":["10.0.0.1:80:unknown:DEFAULT:ephemeral","10.0.0.2:80:unknown:C:ephemeral"]}}`,
		"DELETE /v3/admin/ns/instance/metadata/batch?"+form("serviceName", "s", "metadata", `{"z":""}`), "")
	d.want(200, `{"code":0,"data":{"metadata":{"a":"b","x":"y"}}}`, "GET /v3/admin/ns/instance?"+at, "")
	d.want(400, `{"code":20002}`, "PUT /v3/admin/ns/instance/metadata/batch", form("serviceName", "s", "metadata", `{"x":"y"}`, "instances", `nonsense`))
	d.want(400, `{"code":10000,"data":"Required parameter 'ip' type String is not present"}`, "POST /v3/admin/ns/instance?serviceName=s", "")
	d.want(400, `{"code":10000,"data":"Required parameter 'port' type Integer is not present"}`, "PUT /v3/admin/ns/instance/partial?serviceName=s&ip=10.0.0.1", "")
	d.want(200, okResult, "DELETE /v3/admin/ns/instance?"+at, "")
	d.want(404, `{"code":20004,"data":"no matched ip found!"}`, "GET /v3/admin/ns/instance?"+at, "")
	d.want(200, okResult, "DELETE /v3/admin/ns/instance?"+at, "")

	const db = "serviceName=db&ip=10.0.0.3&port=3306&ephemeral=false"
	for _, path := range []string{"/v2/ns/health", "/v2/ns/health/instance", "/v3/admin/ns/health/instance"} {
		d := newDoor(t, nil)
		d.want(200, okResult, "POST /v3/admin/ns/instance?"+db, "")
		d.want(400, `{"code":10000,"data":"Required parameter 'healthy' type Boolean is not present"}`, "PUT "+path+"?"+db, "")
		d.want(400, `{"code":21011,"message":"health check still running"}`, "PUT "+path+"?healthy=false&"+db, "")
		d.want(200, okResult, "PUT /v3/admin/ns/cluster", form("serviceName", "db", "clusterName", "DEFAULT", "checkPort", "80", "useInstancePort4Check", "true", "healthChecker", `{"type":"NONE"}`))
		d.want(200, okResult, "PUT "+path+"?healthy=false&"+db, "")
		d.want(200, `{"code":0,"data":{"healthy":false}}`, "GET /v3/admin/ns/instance?"+db, "")
	}
}

// Who has registered what, and who is subscribed to what.
func TestV3Clients(t *testing.T) {
	d := newDoor(t, nil)
	if err := d.reg.Connect("1_10.9.9.9_5000", registry.ClientInfo{IP: "10.9.9.9", Port: 5000, Version: "Nacos-Go-Client:v2.3.5", App: "shop", Type: "GRPC"}); err != nil {
		t.Fatal(err)
	}
	key := registry.Key("", "", "s")
	if err := d.reg.Register("1_10.9.9.9_5000", key, []registry.Instance{{IP: "10.0.0.1", Port: 80, Weight: 1, Healthy: true, Enabled: true, Ephemeral: true}}); err != nil {
		t.Fatal(err)
	}
	sub := &subscriber{registry.SubscriberInfo{Client: "1_10.9.9.9_5000", IP: "10.9.9.9", Port: 5000, Agent: "Nacos-Go-Client:v2.3.5", App: "shop", Clusters: "C"}}
	if _, err := d.reg.Subscribe(key, sub); err != nil {
		t.Fatal(err)
	}
	if err := d.udp.Subscribe(netip.MustParseAddrPort("10.8.8.8:55000"), key, registry.Query{}, registry.SubscriberInfo{}); err != nil {
		t.Fatal(err)
	}
	for _, base := range []string{"/v2/ns/client", "/v3/admin/ns/client"} {
		const id = "?clientId=1_10.9.9.9_5000"
		d.want(200, `{"code":0,"data":["10.8.8.8:55000#true","1_10.9.9.9_5000"]}`, "GET "+base+"/list", "")
		d.want(200, `{"code":0,"data":{"clientId":"1_10.9.9.9_5000","ephemeral":true,"clientType":"connection","connectType":"GRPC","appName":"shop",
			"version":"Nacos-Go-Client:v2.3.5","clientIp":"10.9.9.9","clientPort":5000}}`, "GET "+base+id, "")
		d.want(200, `{"code":0,"data":[{"namespaceId":"public","groupName":"DEFAULT_GROUP","serviceName":"s",
			"publisherInfo":{"clientId":"1_10.9.9.9_5000","ip":"10.0.0.1","port":80,"clusterName":"DEFAULT"}}]}`, "GET "+base+"/publish/list"+id, "")
		d.want(200, `{"code":0,"data":[{"namespaceId":"public","groupName":"DEFAULT_GROUP","serviceName":"s",
			"subscriberInfo":{"agent":"Nacos-Go-Client:v2.3.5","appName":"shop"}}]}`, "GET "+base+"/subscribe/list"+id, "")
		d.want(404, `{"code":20004,"data":"clientId [ x ] not exist"}`, "GET "+base+"/publish/list?clientId=x", "")
		d.want(404, `{"code":20004,"data":"clientId [ x ] not exist"}`, "GET "+base+"/subscribe/list?clientId=x", "")
		d.want(200, `{"code":0,"data":[{"clientId":"1_10.9.9.9_5000","ip":"10.0.0.1","port":80}]}`, "GET "+base+"/service/publisher/list?serviceName=s", "")
		d.want(200, `{"code":0,"data":[]}`, "GET "+base+"/service/publisher/list?serviceName=s&ephemeral=false", "")
		d.want(200, `{"code":0,"data":[{"clientId":"1_10.9.9.9_5000","ip":"10.9.9.9","port":5000,"appName":"shop","agent":"Nacos-Go-Client:v2.3.5"}]}`, "GET "+base+"/service/subscriber/list?serviceName=s", "")
		d.want(200, `{"code":0,"data":[]}`, "GET "+base+"/service/subscriber/list?serviceName=s&ip=10.0.0.7", "")
	}
	d.want(200, `{"responsibleServer":"10.0.0.100:8848"}`, "GET /v1/ns/operator/distro/client?ip=10.0.0.1&port=80", "")
}

// subscriber is one that is told of nothing.
type subscriber struct{ info registry.SubscriberInfo }

func (s *subscriber) Info() registry.SubscriberInfo { return s.info }

// Switches, counters and the log by version 3.
func TestV3Operations(t *testing.T) {
	var levels []string
	d := newDoor(t, func(o *Options) {
		whole(o)
		o.SetLogLevel = func(name, level string) error { levels = append(levels, name+"="+level); return nil }
	})
	d.want(200, okResult, "PUT /v3/admin/ns/ops/switches?entry=lightBeatEnabled&value=false", "")
	d.want(200, okResult, "PUT /v2/ns/operator/switches?entry=pushEnabled&value=false&debug=true", "")
	d.want(200, `{"code":0,"data":{"lightBeatEnabled":false,"pushEnabled":false}}`, "GET /v3/admin/ns/ops/switches", "")
	d.want(200, `{"lightBeatEnabled":false}`, "PUT /v1/ns/instance/beat?serviceName=s&ip=10.0.0.1&port=1", "")
	d.want(400, `{"code":10000,"data":"Required parameter 'value' type String is not present"}`, "PUT /v3/admin/ns/ops/switches?entry=pushEnabled", "")
	d.want(400, `{"code":20002}`, "PUT /v3/admin/ns/ops/switches?entry=pushEnabled&value=maybe", "")
	d.want(200, `{"code":0,"data":{"status":"UP","serviceCount":0}}`, "GET /v3/admin/ns/ops/metrics?onlyStatus=false", "")
	d.want(200, `{"code":0,"data":{"status":"UP"}}`, "GET /v2/ns/operator/metrics", "")
	d.want(200, okResult, "PUT /v3/admin/ns/ops/log?logName=naming&logLevel=DEBUG", "")
	d.want(200, "ok", "PUT /v1/ns/operator/log?logName=naming&logLevel=INFO", "")
	// The servers' own take it as a JSON body.
	const body = `{"logName":"core","logLevel":"WARN"}`
	d.want(200, "ok", "PUT /v1/core/ops/log", body, "Content-Type", "application/json")
	d.want(200, `{"code":200,"data":"ok"}`, "PUT /v2/core/ops/log", body, "Content-Type", "application/json")
	d.want(200, okResult, "PUT /v3/admin/core/ops/log", body, "Content-Type", "application/json")
	if len(levels) != 5 || levels[0] != "naming=DEBUG" || levels[4] != "core=WARN" {
		t.Fatal(levels)
	}
	d.want(200, "counters", "GET /actuator/prometheus", "")
	d.want(200, `{"status":"UP"}`, "GET /actuator/health", "")
}

// A path that an operator has closed by mistake is opened again by the way it
// was closed.
func TestLimitedPathsCanBeTakenBack(t *testing.T) {
	d := newDoor(t, nil)
	d.want(200, "ok", "PUT /v1/ns/operator/switches?entry=limitedUrlMap&value=/nacos:503", "")
	d.want(503, "", "GET /v1/ns/operator/metrics", "")
	d.want(503, "", "GET /v1/ns/service/list?pageNo=1&pageSize=1", "")
	d.want(200, "ok", "PUT /v1/ns/operator/switches?entry=limitedUrlMap&value=/none:500", "")
	d.want(200, `{"status":"UP"}`, "GET /v1/ns/operator/metrics", "")
}

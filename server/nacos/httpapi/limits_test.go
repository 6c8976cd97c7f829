package httpapi

import (
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/musterhq/muster/server/registry"
	"github.com/musterhq/muster/server/registry/registrytest"
)

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
		{"weight", "10000.1", 21001, "instance format invalid: The weights range from 0.0 to 10000.0"},
		{"weight", "-1", 21001, "instance format invalid: The weights range from 0.0 to 10000.0"},
		{"weight", "NaN", 21001, "instance format invalid: The weights range from 0.0 to 10000.0"},
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

// Package shape makes and reads the JSON that clients of Nacos know services
// and instances by.
package shape

import (
	"strconv"
	"time"

	"github.com/musterhq/muster/server/registry"
)

// Forms of a list of instances.
const (
	FormRPC      uint8 = iota + 1 // gRPC, HTTP v2 and v3: the service's name is plain
	FormV1                        // HTTP v1 and v2: its group is in it
	FormV1Pushed                  // the same, for a client that is told of changes
	FormPush                      // the inner document of a gRPC push, from after its requestId
	FormDom                       // the inner document of a UDP push
	formUnknown
)

// CacheMillis is how long clients that are told of changes keep a list before
// they ask again.
const CacheMillis = 10000

// List returns the instances that a query selects, as ServiceInfo. The bytes
// are shared.
func List(v *registry.View, form uint8, q registry.Query, cacheMillis int64) []byte {
	return v.Memo(v.Variant(form, q), func() []byte { return appendList(nil, v, form, q, cacheMillis) })
}

// Push returns what goes after the requestId in a push by gRPC.
func Push(v *registry.View, q registry.Query) []byte {
	return v.Memo(v.Variant(FormPush, q), func() []byte {
		list := Bare(v, FormRPC, q)
		b := make([]byte, 0, len(list)+len(v.Service.Name)+160)
		b = append(b, `,"module":"naming","headers":{},"namespace":`...)
		b = registry.AppendJSONString(b, v.Service.Namespace)
		b = append(b, `,"serviceName":`...)
		b = registry.AppendJSONString(b, v.Service.Name)
		b = append(b, `,"groupName":`...)
		b = registry.AppendJSONString(b, v.Service.Group)
		b = append(b, `,"serviceInfo":`...)
		b = append(b, list...)
		return append(b, '}')
	})
}

// Bare is List without being kept: for what is kept in another form.
func Bare(v *registry.View, form uint8, q registry.Query) []byte {
	return appendList(nil, v, form, q, CacheMillis)
}

// Unknown is Bare with null for the instances.
func Unknown(v *registry.View, q registry.Query) []byte {
	return appendList(nil, v, formUnknown, q, CacheMillis)
}

func appendList(b []byte, v *registry.View, form uint8, q registry.Query, cacheMillis int64) []byte {
	sel := v.Select(q)
	if b == nil {
		b = make([]byte, 0, 256+len(sel.Hosts)*384)
	}
	name := v.Service.Name
	if v1(form) {
		name = v.Service.Grouped()
	}
	b = append(b, `{"name":`...)
	b = registry.AppendJSONString(b, name)
	b = append(b, `,"groupName":`...)
	b = registry.AppendJSONString(b, v.Service.Group)
	b = append(b, `,"clusters":`...)
	b = registry.AppendJSONString(b, q.Clusters)
	b = append(b, `,"cacheMillis":`...)
	b = strconv.AppendInt(b, cacheMillis, 10)
	b = append(b, `,"hosts":`...)
	if form == formUnknown {
		b = append(b, `null`...)
	} else {
		b = AppendInstances(b, v.Service, sel.Hosts, v1(form))
	}
	b = append(b, `,"lastRefTime":`...)
	b = strconv.AppendUint(b, lastRefTime(v), 10)
	b = append(b, `,"checksum":"","allIPs":false,"reachProtectionThreshold":`...)
	b = strconv.AppendBool(b, sel.Protected)
	b = append(b, `,"valid":true`...)
	if v1(form) {
		b = append(b, `,"dom":`...)
		b = registry.AppendJSONString(b, name)
		b = append(b, `,"useSpecifiedURL":false,"env":"","metadata":{}`...)
	}
	return append(b, '}')
}

// AppendInstances appends a list of instances of a service.
func AppendInstances(b []byte, key registry.ServiceKey, hosts []*registry.Instance, v1 bool) []byte {
	b = append(b, '[')
	for i, h := range hosts {
		if i > 0 {
			b = append(b, ',')
		}
		b = AppendInstance(b, key, h, v1)
	}
	return append(b, ']')
}

func v1(form uint8) bool { return form == FormV1 || form == FormV1Pushed }

// lastRefTime is what a client orders lists by. A list that is not verified is
// older than any: with libraries that order lists it serves who has none, and
// replaces nobody's.
func lastRefTime(v *registry.View) uint64 {
	if v.Unverified {
		return 0
	}
	return v.Revision
}

// AppendInstance appends an instance. 1.x clients look at valid and marked.
func AppendInstance(b []byte, key registry.ServiceKey, i *registry.Instance, v1 bool) []byte {
	b = append(b, `{"instanceId":`...)
	b = appendInstanceID(b, key, i)
	b = append(b, `,"ip":`...)
	b = registry.AppendJSONString(b, i.IP)
	b = append(b, `,"port":`...)
	b = strconv.AppendUint(b, uint64(i.Port), 10)
	b = append(b, `,"weight":`...)
	b = AppendWeight(b, i.Weight)
	b = append(b, `,"healthy":`...)
	b = strconv.AppendBool(b, i.Healthy)
	b = append(b, `,"enabled":`...)
	b = strconv.AppendBool(b, i.Enabled)
	b = append(b, `,"ephemeral":`...)
	b = strconv.AppendBool(b, i.Ephemeral)
	b = append(b, `,"clusterName":`...)
	b = registry.AppendJSONString(b, i.Cluster)
	b = append(b, `,"serviceName":`...)
	b = registry.AppendJSONString(b, key.Grouped())
	b = append(b, `,"metadata":`...)
	b = append(b, i.Meta.JSON()...)
	if v1 {
		b = append(b, `,"valid":`...)
		b = strconv.AppendBool(b, i.Healthy)
		b = append(b, `,"marked":false`...)
	}
	b = append(b, `,"instanceHeartBeatInterval":`...)
	b = appendMillis(b, i.Meta.BeatInterval())
	b = append(b, `,"instanceHeartBeatTimeOut":`...)
	b = appendMillis(b, i.Meta.BeatTimeout())
	b = append(b, `,"ipDeleteTimeout":`...)
	b = appendMillis(b, i.Meta.DeleteAfter())
	b = append(b, `,"instanceIdGenerator":`...)
	b = registry.AppendJSONString(b, i.Meta.Generator())
	return append(b, '}')
}

func appendMillis(b []byte, d time.Duration) []byte {
	return strconv.AppendInt(b, d.Milliseconds(), 10)
}

func appendInstanceID(b []byte, key registry.ServiceKey, i *registry.Instance) []byte {
	if id := i.CustomID(); id != "" {
		return registry.AppendJSONString(b, id)
	}
	// None of the parts needs escaping but, perhaps, the names.
	return registry.AppendJSONString(b, i.ID(key))
}

// AppendWeight appends a weight as Java prints it, with a decimal point: it is
// a number of that kind to all clients.
func AppendWeight(b []byte, w float64) []byte {
	start := len(b)
	b = strconv.AppendFloat(b, w, 'f', -1, 64)
	for _, c := range b[start:] {
		if c == '.' {
			return b
		}
	}
	return append(b, '.', '0')
}

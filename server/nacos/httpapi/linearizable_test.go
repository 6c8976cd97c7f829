package httpapi

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/musterhq/muster/server/registry"
	"github.com/musterhq/muster/server/registry/registrytest"
)

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

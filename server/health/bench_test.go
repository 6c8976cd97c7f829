package health

import (
	"fmt"
	"testing"

	"github.com/musterhq/muster/server/registry"
)

// BenchmarkReconcile is what a change of one instance among 10,000 of its
// service costs. It is paid at most twenty times a second.
func BenchmarkReconcile(b *testing.B) {
	reg := registry.New(registry.Options{Self: "a"})
	reg.Use(nil, &plane{reg: reg})
	for i := range 10_000 {
		must(b, reg.RegisterPersistent(b.Context(), svc, registry.Instance{IP: fmt.Sprint("host", i), Port: 80, Weight: 1, Enabled: true}))
	}
	m := New(Options{Registry: reg, Prober: &probes{}})
	m.reconcile(svc)
	b.ReportAllocs()
	for b.Loop() {
		m.reconcile(svc)
	}
}

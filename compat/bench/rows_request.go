package main

import (
	"fmt"

	"github.com/musterhq/muster/compat/bench/measure"
)

// requestRows: what is promised is three times the round trips of a fresh TCP
// connection for each, which is what the other column shows.
func (b *rowBuilder) requestRows() {
	for _, callers := range measure.RequestCallers {
		metric := fmt.Sprintf("request_%d", callers)
		name := fmt.Sprintf("request 100 B, callers=%d, ", callers)
		b.add(name+"answered", "/s", ratioAtLeast(3), source{setupRequest, metric})
		b.add(name+"allocations per request", "", target{}, source{setupRequest, metric + "_allocs"})
	}
}

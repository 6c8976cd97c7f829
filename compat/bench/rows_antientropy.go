package main

import (
	"fmt"

	"github.com/musterhq/muster/compat/bench/measure"
)

// antiEntropyRows: what is promised is that equal states cost one digest, and
// ten differences among ten thousand members at most 2 kB.
func (b *rowBuilder) antiEntropyRows() {
	promised := map[[2]int]target{{1000, 0}: valueAtMost(80), {10_000, 0}: valueAtMost(80), {10_000, 10}: valueAtMost(2000)}
	for _, n := range measure.AntiEntropySizes {
		for _, d := range measure.AntiEntropyDifferences {
			name := fmt.Sprintf("anti-entropy N=%d, %d differences, ", n, d)
			metric := measure.AntiEntropyMetric(n, d)
			b.add(name+"bytes", "B", promised[[2]int{n, d}], source{setupAntiEntropy, metric + "_bytes"})
			b.add(name+"time of both sides", "ms", target{}, source{setupAntiEntropy, metric + "_ms"})
		}
	}
}

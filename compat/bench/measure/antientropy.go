package measure

import (
	"fmt"

	"github.com/musterhq/muster/compat/bench/antientropy"
	"github.com/musterhq/muster/compat/bench/system"
)

// exchanges is how often each exchange is measured.
const exchanges = 5

// AntiEntropySizes and AntiEntropyDifferences are what the exchanges are
// measured at.
var (
	AntiEntropySizes       = []int{1000, 10_000}
	AntiEntropyDifferences = []int{0, 10, 1000}
)

// antiEntropyGroup has two members exchange their states.
func antiEntropyGroup(sys system.System, job Job, res *Result) error {
	for _, n := range AntiEntropySizes {
		for _, d := range AntiEntropyDifferences {
			for range exchanges {
				c, err := antientropy.Exchange(sys.Name(), n, d)
				if err != nil {
					return fmt.Errorf("%d differences among %d: %w", d, n, err)
				}
				key := AntiEntropyMetric(n, d)
				res.Add(key+"_bytes", float64(c.Bytes))
				res.Add(key+"_ms", float64(c.Took.Microseconds())/1000)
				trace("%s: %+v", key, c)
			}
		}
	}
	return nil
}

// AntiEntropyMetric begins the names of an exchange's metrics.
func AntiEntropyMetric(n, d int) string { return fmt.Sprintf("antientropy_%d_%d", n, d) }

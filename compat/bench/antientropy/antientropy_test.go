package antientropy

import (
	"fmt"
	"testing"
)

// Ten differences among ten thousand members cost at most 2 kB, while the
// push/pull of the same state costs hundreds.
func TestExchange(t *testing.T) {
	sizes := []int{1000, 10_000}
	if testing.Short() {
		sizes = sizes[:1]
	}
	for _, n := range sizes {
		for _, d := range []int{0, 10, 1000} {
			t.Run(fmt.Sprintf("%d of %d", d, n), func(t *testing.T) {
				theirs, err := Exchange("memberlist", n, d)
				if err != nil {
					t.Fatal(err)
				}
				ours, err := Exchange("muster", n, d)
				if err != nil {
					t.Fatal(err)
				}
				t.Logf("memberlist %d bytes, %v; muster %d bytes in %d rounds, %v", theirs.Bytes, theirs.Took, ours.Bytes, ours.Rounds, ours.Took)
				if most := uint64(100); d == 0 && ours.Bytes > most {
					t.Errorf("%d bytes for no difference", ours.Bytes)
				}
				if d == 10 && ours.Bytes > 2000 {
					t.Errorf("%d bytes for 10 differences", ours.Bytes)
				}
			})
		}
	}
}

package record

import (
	"testing"

	"github.com/musterhq/muster/internal/pure"
)

// hash/maphash is seeded at random, which hides the order of the tables' slots
// from attackers; no output depends on that order.
func TestPure(t *testing.T) {
	pure.Check(t, "bytes", "cmp", "encoding/binary", "errors", "fmt", "hash/maphash", "math/bits", "math/rand/v2", "net/netip",
		"slices", "sort", "strings", "time", "unsafe",
		"github.com/musterhq/muster/wire", "github.com/musterhq/muster/internal/sketch")
}

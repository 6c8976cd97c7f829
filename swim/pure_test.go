package swim

import (
	"testing"

	"github.com/musterhq/muster/internal/pure"
)

// hash/maphash is seeded at random, which hides the order of the table's index
// from attackers; no output depends on that order.
func TestPure(t *testing.T) {
	pure.Check(t, "encoding/binary", "errors", "fmt", "hash/maphash", "math", "math/bits", "math/rand/v2", "net/netip", "slices", "strings", "time",
		"github.com/musterhq/muster/internal/sketch", "github.com/musterhq/muster/wire")
}

package wire

import (
	"testing"

	"github.com/musterhq/muster/internal/pure"
)

// crypto/rand is here for nonces, which have to be unpredictable.
func TestPure(t *testing.T) {
	pure.Check(t, "bufio", "bytes", "compress/lzw", "crypto/aes", "crypto/cipher", "crypto/rand", "encoding/binary",
		"errors", "fmt", "hash/crc32", "io", "math", "net/netip", "slices", "sync", "sync/atomic", "unsafe")
}

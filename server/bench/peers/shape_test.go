package peers

import (
	"encoding/json"
	"testing"
)

// All systems are asked to keep about so much, and it is an instance.
func TestInstanceSize(t *testing.T) {
	for _, n := range []uint64{0, 1, 12345, 1<<28 + 77, 1 << 33} {
		s := Instance(Service(n/perService), n, false)
		if d := len(s) - InstanceSize; d < -20 || d > 20 {
			t.Errorf("instance %d has %d bytes", n, len(s))
		}
		var i struct {
			IP       string
			Port     uint16
			Metadata map[string]string
		}
		if err := json.Unmarshal([]byte(s), &i); err != nil || i.Port == 0 || i.IP == "" || len(i.Metadata) != 4 {
			t.Errorf("instance %d: %v %s", n, err, s)
		}
	}
}

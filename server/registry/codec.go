package registry

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"strings"
)

// The binary form of what goes to other servers and to disk: unsigned varints,
// and text with its length before it.

func appendUint(b []byte, v uint64) []byte { return binary.AppendUvarint(b, v) }

func appendText[T ~string | ~[]byte](b []byte, s T) []byte {
	b = appendUint(b, uint64(len(s)))
	return append(b, s...)
}

func appendBool(b []byte, v bool) []byte {
	if v {
		return append(b, 1)
	}
	return append(b, 0)
}

func appendKey(b []byte, k ServiceKey) []byte {
	b = appendText(b, k.Namespace)
	b = appendText(b, k.Group)
	return appendText(b, k.Name)
}

func appendMetadata(b []byte, m *Metadata) []byte {
	if m == nil {
		return append(b, 0)
	}
	b = append(b, 1)
	b = appendText(b, m.json)
	return appendText(b, m.instanceID())
}

func appendInstance(b []byte, i *Instance) []byte {
	b = appendText(b, i.IP)
	b = appendUint(b, uint64(i.Port))
	cluster := i.Cluster
	if cluster == DefaultCluster {
		cluster = ""
	}
	b = appendText(b, cluster)
	b = appendUint(b, math.Float64bits(i.Weight))
	var flags byte
	for n, v := range [...]bool{i.Healthy, i.Enabled, i.Ephemeral} {
		if v {
			flags |= 1 << n
		}
	}
	b = append(b, flags)
	return appendMetadata(b, i.Meta)
}

// A reader takes apart what the functions above made. The first fault makes
// all that follows zero, and stays in err.
type reader struct {
	b   []byte
	err error
}

func (r *reader) fail(what string) {
	if r.err == nil {
		r.err = fmt.Errorf("%w: %s", ErrCommand, what)
	}
	r.b = nil
}

func (r *reader) uint() uint64 {
	v, n := binary.Uvarint(r.b)
	if n <= 0 {
		r.fail("truncated number")
		return 0
	}
	r.b = r.b[n:]
	return v
}

func (r *reader) byte() byte {
	if len(r.b) == 0 {
		r.fail("truncated")
		return 0
	}
	c := r.b[0]
	r.b = r.b[1:]
	return c
}

func (r *reader) bool() bool { return r.byte() == 1 }

// bytes returns a part of what is read, not a copy.
func (r *reader) bytes() []byte {
	n := r.uint()
	if n > uint64(len(r.b)) {
		r.fail("truncated text")
		return nil
	}
	s := r.b[:n]
	r.b = r.b[n:]
	return s
}

func (r *reader) text() string { return string(r.bytes()) }

// count reads how many elements of at least size bytes follow.
func (r *reader) count(size int) int {
	n := r.uint()
	if n > uint64(len(r.b)/size) {
		r.fail("more elements than bytes")
		return 0
	}
	return int(n)
}

func (r *reader) key() ServiceKey { return ServiceKey{r.text(), r.text(), r.text()} }

func (r *reader) metadata() *Metadata {
	switch r.byte() {
	case 0:
		return nil
	case 1:
	default:
		r.fail("metadata")
		return nil
	}
	object, id := r.bytes(), r.text()
	var m map[string]string
	if r.err != nil {
		return nil
	}
	if err := json.Unmarshal(object, &m); err != nil {
		r.fail("metadata: " + err.Error())
		return nil
	}
	return NewMetadata(m, id)
}

// sharedMetadata is metadata, or one of the others if it is the same: that of
// two instances of a service mostly is, and taking it apart costs more than all
// the rest of an instance.
func (r *reader) sharedMetadata(others ...*Metadata) *Metadata {
	if len(r.b) > 0 && r.b[0] == 1 {
		peek := reader{b: r.b[1:]}
		object, id := peek.bytes(), peek.bytes()
		for _, other := range others {
			if other != nil && peek.err == nil && string(object) == other.json && string(id) == other.instanceID() {
				r.b = peek.b
				return other
			}
		}
	}
	return r.metadata()
}

func (r *reader) instance(others ...*Metadata) Instance {
	var i Instance
	i.IP = r.text()
	port := r.uint()
	if port > math.MaxUint16 {
		r.fail("port")
	}
	i.Port = uint16(port)
	i.Cluster = r.text()
	if i.Cluster == "" {
		i.Cluster = DefaultCluster
	}
	i.Weight = math.Float64frombits(r.uint())
	flags := r.byte()
	i.Healthy, i.Enabled, i.Ephemeral = flags&1 != 0, flags&2 != 0, flags&4 != 0
	i.Meta = r.sharedMetadata(others...)
	return i
}

// done reports the first fault, and bytes that are left over as one.
func (r *reader) done() error {
	if r.err == nil && len(r.b) > 0 {
		r.fail("trailing bytes")
	}
	return r.err
}

// internCluster returns the one copy of a cluster's name among those given.
func internCluster(name string, known []string) string {
	if name == DefaultCluster || name == "" {
		return DefaultCluster // the constant's memory
	}
	for _, k := range known {
		if k == name {
			return k
		}
	}
	return strings.Clone(name)
}

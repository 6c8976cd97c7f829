package ephemeral

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/musterhq/muster/server/registry"
)

// What a record's key begins with.
const (
	keyPublication = 'p' // a publication, or a part of one that is large
	keyMark        = 'm' // all that the owner wrote before it is there, see Sync
	keyLife        = "l" // the owner's life: there from the first to the last
)

// errKey says that a key is none of this package's.
var errKey = errors.New("key of no publication")

// appendKey makes the key of one part of a publication: the part, client,
// namespace and group with their lengths, and the name. Defaults are left out,
// for a key is held by every server.
func appendKey(b []byte, client registry.ClientID, service registry.ServiceKey, part int) string {
	b = append(b, keyPublication)
	b = binary.AppendUvarint(b, uint64(part))
	b = appendName(b, string(client))
	b = appendName(b, unless(service.Namespace, registry.DefaultNamespace))
	b = appendName(b, unless(service.Group, registry.DefaultGroup))
	return string(append(b, service.Name...))
}

func unless(s, usual string) string {
	if s == usual {
		return ""
	}
	return s
}

func appendName(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

// publicationKey is what a key says.
type publicationKey struct {
	client  registry.ClientID
	service registry.ServiceKey
	part    int
}

func decodeKey(key string) (k publicationKey, err error) {
	rest, ok := key, len(key) > 0 && key[0] == keyPublication
	if !ok {
		return k, errKey
	}
	rest = rest[1:]
	part, rest, ok := cutUvarint(rest)
	if !ok || part >= maxParts {
		return k, fmt.Errorf("%w: part", errKey)
	}
	k.part = int(part)
	var names [3]string
	for i := range names {
		if names[i], rest, ok = cutName(rest); !ok {
			return k, fmt.Errorf("%w: truncated", errKey)
		}
	}
	if names[0] == "" {
		return k, fmt.Errorf("%w: no client", errKey)
	}
	k.client = registry.ClientID(names[0])
	k.service = registry.Key(names[1], names[2], "")
	k.service.Name = rest
	return k, nil
}

func cutName(s string) (name, rest string, ok bool) {
	n, s, ok := cutUvarint(s)
	if !ok || n > uint64(len(s)) {
		return "", "", false
	}
	return s[:n], s[n:], true
}

// cutUvarint is binary.Uvarint for a string. Only the shortest form counts, or
// one publication could have two keys.
func cutUvarint(s string) (v uint64, rest string, ok bool) {
	for i := range min(len(s), binary.MaxVarintLen64) {
		c := s[i]
		v |= uint64(c&0x7f) << (7 * i)
		if c < 0x80 {
			shortest := i == 0 || c != 0
			return v, s[i+1:], shortest && !(i == binary.MaxVarintLen64-1 && c > 1)
		}
	}
	return 0, "", false
}

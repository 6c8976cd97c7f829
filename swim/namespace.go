package swim

import (
	"strings"

	"github.com/musterhq/muster/wire"
)

// ValidNamespace says whether s may be a namespace: "" or words joined by '/',
// each of ASCII letters, digits, '_', '-' and '.', beginning and ending with
// neither of the last two. (scalecube's rule, which allows no empty element
// here and a single letter besides.)
func ValidNamespace(s string) bool {
	if s == "" {
		return true
	}
	if len(s) > wire.MaxNamespace {
		return false
	}
	for e := range strings.SplitSeq(s, "/") {
		if e == "" || !wordByte(e[0]) || !wordByte(e[len(e)-1]) {
			return false
		}
		for i := range len(e) {
			if c := e[i]; !wordByte(c) && c != '-' && c != '.' {
				return false
			}
		}
	}
	return true
}

func wordByte(c byte) bool {
	return c == '_' || '0' <= c && c <= '9' || 'A' <= c && c <= 'Z' || 'a' <= c && c <= 'z'
}

// Related says whether members of two namespaces know each other: they are the
// same, or one is above the other on the path. "" is above all.
func Related(a, b string) bool {
	if len(a) > len(b) {
		a, b = b, a
	}
	return a == "" || a == b || strings.HasPrefix(b, a) && b[len(a)] == '/'
}

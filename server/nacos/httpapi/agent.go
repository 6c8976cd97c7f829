package httpapi

import (
	"strconv"
	"strings"
)

// pushes reports whether a client of 1.x understands pushes by UDP.
func (s *Server) pushes(agent string) bool {
	sw := s.reg.Switches()
	if !sw.Push {
		return false
	}
	for prefix, kind := range map[string]string{
		"Nacos-Java-Client": "java", "Nacos-Go-Client": "go", "Nacos-Python-Client": "python", "Nacos-DNS": "python",
		"Nacos-C-Client": "c", "Nacos-CSharp-Client": "csharp",
	} {
		if version, ok := cutAgent(agent, prefix); ok {
			return atLeast(version, sw.PushVersions[kind])
		}
	}
	return false
}

// cutAgent takes the version out of NAME:vVERSION.
func cutAgent(agent, name string) (string, bool) {
	rest, ok := strings.CutPrefix(agent, name)
	if !ok {
		return "", false
	}
	return strings.TrimLeft(strings.TrimPrefix(rest, ":"), "vV"), true
}

// atLeast compares versions by their numbers, as far as they go.
func atLeast(have, want string) bool {
	h, w := strings.Split(have, "."), strings.Split(want, ".")
	for i := range w {
		if i >= len(h) {
			return false
		}
		a, b := leadingNumber(h[i]), leadingNumber(w[i])
		if a != b {
			return a > b
		}
	}
	return true
}

func leadingNumber(s string) int {
	end := strings.IndexFunc(s, func(r rune) bool { return r < '0' || r > '9' })
	if end >= 0 {
		s = s[:end]
	}
	n, err := strconv.Atoi(s)
	if err != nil {
		return 0
	}
	return n
}

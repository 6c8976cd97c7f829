package registry

import "strings"

// A Pattern names services of one namespace, with * in group and name.
type Pattern struct {
	Namespace, Group, Name string
}

// patternSeparator joins the parts of a pattern, as clients send it.
const patternSeparator = ">>"

// ParsePattern reads NAMESPACE>>GROUP>>NAME. A * stands at the beginning or
// end of a part, or for all of it.
func ParsePattern(s string) (Pattern, error) {
	parts := strings.Split(s, patternSeparator)
	if len(parts) != 3 || parts[1] == "" || parts[2] == "" || len(s) > 1024 {
		return Pattern{}, invalid("groupKeyPattern", "pattern %q is not NAMESPACE>>GROUP>>SERVICE", s)
	}
	p := Pattern{parts[0], parts[1], parts[2]}
	if p.Namespace == "" {
		p.Namespace = DefaultNamespace
	}
	if err := checkNamespace(p.Namespace); err != nil {
		return Pattern{}, err
	}
	return p, nil
}

// Match reports whether the pattern names the service.
func (p Pattern) Match(k ServiceKey) bool {
	return p.Namespace == k.Namespace && matchPart(p.Group, k.Group) && matchPart(p.Name, k.Name)
}

func matchPart(pattern, s string) bool {
	if !strings.Contains(pattern, "*") {
		return pattern == s
	}
	pure := strings.ReplaceAll(pattern, "*", "")
	front, back := strings.HasPrefix(pattern, "*"), strings.HasSuffix(pattern, "*")
	switch {
	case front && back:
		return strings.Contains(s, pure)
	case front:
		return strings.HasSuffix(s, pure)
	case back:
		return strings.HasPrefix(s, pure)
	}
	return false
}

// Matching returns the listed services that a pattern names, at most limit,
// and whether there are more.
func (r *Registry) Matching(p Pattern, limit int) (keys []ServiceKey, more bool) {
	for _, s := range r.Services(p.Namespace) {
		if !p.Match(s.key) {
			continue
		}
		if len(keys) == limit {
			return keys, true
		}
		keys = append(keys, s.key)
	}
	return keys, false
}

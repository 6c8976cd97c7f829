package registry

import (
	"sort"
	"strings"
)

// MaxPage bounds what one page holds, and maxNames a page of names alone, of
// which some clients want all at once.
const (
	MaxPage  = 10_000
	maxNames = 50_000
)

// ServiceNames returns a page of the names of a group's services, and how
// many there are in all. Pages count from one.
func (r *Registry) ServiceNames(namespace, group string, page, size int) (names []string, count int) {
	all := r.Services(namespace)
	from := sort.Search(len(all), func(i int) bool { return all[i].key.Group >= group })
	to := sort.Search(len(all), func(i int) bool { return all[i].key.Group > group })
	first, last := pageOf(to-from, page, min(size, maxNames))
	for _, s := range all[from+first : from+last] {
		names = append(names, s.key.Name)
	}
	return names, to - from
}

// SearchServices returns the services of a namespace whose group and name
// contain the texts given.
func (r *Registry) SearchServices(namespace, group, name string) []*Service {
	all := r.Services(namespace)
	if group == "" && name == "" {
		return all
	}
	var out []*Service
	for _, s := range all {
		if strings.Contains(s.key.Group, group) && strings.Contains(s.key.Name, name) {
			out = append(out, s)
		}
	}
	return out
}

// Page returns which of n things are on a page.
func Page(n, page, size int) (first, last int) { return pageOf(n, page, min(size, MaxPage)) }

func pageOf(n, page, size int) (first, last int) {
	page, size = max(page, 1), max(size, 1)
	if page > n/size+1 {
		return n, n
	}
	first = min((page-1)*size, n)
	return first, min(first+size, n)
}

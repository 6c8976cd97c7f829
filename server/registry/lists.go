package registry

import (
	"cmp"
	"slices"
	"strings"
	"sync"
)

// lists are the listed services of each namespace in order, for those who page
// through them. Services that come and go are noted, and worked in when
// somebody looks: that costs one pass over the namespace's list, and nothing
// while nobody does.
type lists struct {
	mu  sync.Mutex
	all map[string]*list
}

type list struct {
	sorted []*Service // never changed, only replaced
	news   map[*Service]news
}

// news is what has become of a service since sorted was made: it is listed or
// not, and was among the sorted or not. What is as it was then is no news, or
// services that come and go would pile up while nobody looks.
type news struct{ listed, sorted bool }

func (l *lists) note(s *Service, listed bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	of := l.all[s.key.Namespace]
	if of == nil {
		if l.all == nil {
			l.all = make(map[string]*list)
		}
		of = &list{}
		l.all[s.key.Namespace] = of
	}
	if of.news == nil {
		of.news = make(map[*Service]news)
	}
	n, known := of.news[s]
	if !known {
		n.sorted = !listed // for what is listed no more was
	}
	n.listed = listed
	if of.news[s] = n; n.listed == n.sorted {
		delete(of.news, s)
	}
	if len(of.news) == 0 && len(of.sorted) == 0 {
		delete(l.all, s.key.Namespace)
	}
}

// namespaces returns those that have a service, in order.
func (l *lists) namespaces() (names []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for name, of := range l.all {
		if of.work(); len(of.sorted) > 0 {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

func (l *lists) get(namespace string) []*Service {
	l.mu.Lock()
	defer l.mu.Unlock()
	of := l.all[namespace]
	if of == nil {
		return nil
	}
	of.work()
	if len(of.sorted) == 0 {
		delete(l.all, namespace)
	}
	return of.sorted
}

// work works the news in.
func (l *list) work() {
	if len(l.news) == 0 {
		return
	}
	var added []*Service
	for s, n := range l.news {
		if n.listed {
			added = append(added, s)
		}
	}
	slices.SortFunc(added, inOrder)
	out := make([]*Service, 0, len(l.sorted)+len(added))
	for _, s := range l.sorted {
		if _, is := l.news[s]; is {
			continue // it is among the added, or gone
		}
		for len(added) > 0 && inOrder(added[0], s) < 0 {
			out = append(out, added[0])
			added = added[1:]
		}
		out = append(out, s)
	}
	l.sorted, l.news = append(out, added...), nil
}

func inOrder(a, b *Service) int {
	return cmp.Or(strings.Compare(a.key.Group, b.key.Group), strings.Compare(a.key.Name, b.key.Name))
}

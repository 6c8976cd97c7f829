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
	news   map[*Service]bool
}

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
		of.news = make(map[*Service]bool)
	}
	of.news[s] = listed
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
	for s, listed := range l.news {
		if listed {
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

package registry

import "time"

// orphaned returns the overlays whose instance has been gone for a while. It
// notes when it first misses one. The caller holds s.mu.
func (s *Service) orphaned(after time.Duration) []InstanceKey {
	there := make(map[InstanceKey]bool, len(s.settled.overlays))
	note := func(i *Instance) {
		if _, ok := s.settled.overlays[i.Key()]; ok {
			there[i.Key()] = true
		}
	}
	for _, p := range s.pubs {
		for i := range p.list {
			note(&p.list[i])
		}
	}
	for _, i := range s.settled.instances {
		note(i)
	}
	now := time.Now()
	var due []InstanceKey
	for k := range s.settled.overlays {
		since, missed := s.orphans[k]
		switch {
		case there[k]:
			delete(s.orphans, k)
		case !missed:
			if s.orphans == nil {
				s.orphans = make(map[InstanceKey]time.Time)
			}
			s.orphans[k] = now
		case now.Sub(since) >= after:
			due = append(due, k)
			delete(s.orphans, k)
		}
	}
	return due
}

package health

import (
	"sync"

	"github.com/musterhq/muster/server/registry"
)

// marks are services to look at.
type marks struct {
	wake chan struct{}
	mu   sync.Mutex
	keys map[registry.ServiceKey]struct{}
	all  bool
}

func (m *marks) init() {
	m.wake = make(chan struct{}, 1)
	m.keys = make(map[registry.ServiceKey]struct{})
}

func (m *marks) add(key registry.ServiceKey) {
	m.mu.Lock()
	m.keys[key] = struct{}{}
	m.mu.Unlock()
	m.signal()
}

func (m *marks) addAll() {
	m.mu.Lock()
	m.all = true
	m.mu.Unlock()
	m.signal()
}

func (m *marks) signal() {
	select {
	case m.wake <- struct{}{}:
	default: // it is awake
	}
}

func (m *marks) any() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.all || len(m.keys) > 0
}

func (m *marks) take() (keys map[registry.ServiceKey]struct{}, all bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	all, m.all = m.all, false
	if len(m.keys) > 0 {
		keys, m.keys = m.keys, make(map[registry.ServiceKey]struct{})
	}
	return keys, all
}

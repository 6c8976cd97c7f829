package registry

import (
	"maps"
	"slices"
)

// What commands do to a service. Each is given the service and what is agreed
// about it, which it may change, or refuse with an error and leave.

type operation = func(*Service, *settled) error

func putInstance(i Instance) operation {
	return func(s *Service, t *settled) error {
		if t.decl != nil && t.decl.Kind == KindEphemeral {
			return kindError(s.key, KindEphemeral)
		}
		at, ok := t.find(i.IP, i.Port)
		if ok {
			i.Cluster = internCluster(i.Cluster, []string{t.instances[at].Cluster})
			if t.instances[at].Meta.equal(i.Meta) {
				i.Meta = t.instances[at].Meta
			}
			t.instances[at] = &i
			return nil
		}
		if len(t.instances) > 0 {
			i.Cluster = internCluster(i.Cluster, []string{t.instances[0].Cluster})
			if t.instances[0].Meta.equal(i.Meta) {
				i.Meta = t.instances[0].Meta
			}
		}
		t.instances = slices.Insert(t.instances, at, &i)
		return nil
	}
}

func removeInstance(ip string, port uint16) operation {
	return func(_ *Service, t *settled) error {
		at, ok := t.find(ip, port)
		if !ok {
			return ErrNoInstance
		}
		t.instances = slices.Delete(t.instances, at, at+1)
		return nil
	}
}

func setHealth(ip string, port uint16, healthy bool) operation {
	return func(_ *Service, t *settled) error {
		at, ok := t.find(ip, port)
		if !ok {
			return ErrNoInstance
		}
		i := *t.instances[at]
		i.Healthy = healthy
		t.instances[at] = &i
		return nil
	}
}

func declare(create bool, d *Declaration) operation {
	return func(s *Service, t *settled) error {
		switch {
		case create && t.decl != nil:
			return &remoteError{kind: ErrServiceExists, text: "specified service already exists, serviceName: " + s.key.Grouped()}
		case len(t.instances) > 0 && d.Kind == KindEphemeral:
			return kindError(s.key, KindPersistent)
		}
		n := *d
		if t.decl != nil {
			if n.Clusters == nil {
				n.Clusters = t.decl.Clusters
			}
			if t.decl.Kind != KindOpen {
				n.Kind = t.decl.Kind // for its whole life
			}
		}
		t.decl = &n
		return nil
	}
}

func undeclare(s *Service, t *settled) error {
	if len(t.instances) > 0 {
		return &remoteError{kind: ErrServiceInUse, text: "Service " + s.key.Grouped() + " is not empty, can't be delete. Please unregister instance first"}
	}
	t.decl, t.overlays, t.deleted = nil, nil, true
	return nil
}

func setCluster(name string, c Cluster) operation {
	return func(_ *Service, t *settled) error {
		d := Declaration{Selector: Selector{Type: "none"}}
		if t.decl != nil {
			d = *t.decl
		}
		d.Clusters = maps.Clone(d.Clusters)
		if d.Clusters == nil {
			d.Clusters = make(map[string]Cluster)
		}
		d.Clusters[name] = c
		t.decl = &d
		return nil
	}
}

func patchInstances(keys []InstanceKey, p Patch) operation {
	return func(_ *Service, t *settled) error {
		if t.overlays == nil {
			t.overlays = make(map[InstanceKey]*Overlay)
		}
		for _, k := range keys {
			t.overlays[k] = p.apply(t.overlays[k])
		}
		return nil
	}
}

func dropOverlays(keys []InstanceKey) operation {
	return func(_ *Service, t *settled) error {
		for _, k := range keys {
			delete(t.overlays, k)
		}
		if len(t.overlays) == 0 {
			t.overlays = nil
		}
		return nil
	}
}

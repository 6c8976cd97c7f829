package registry

import (
	"context"
	"errors"
	"fmt"
)

// propose brings a command to all servers and returns what became of it.
func (r *Registry) propose(ctx context.Context, command []byte) error {
	res, err := r.persistent.Propose(ctx, command)
	if err != nil {
		return err
	}
	return resultError(res)
}

// RegisterPersistent registers an instance that stays until it is
// deregistered. It returns once a majority of the servers has it on disk.
func (r *Registry) RegisterPersistent(ctx context.Context, key ServiceKey, i Instance) error {
	if err := key.Validate(); err != nil {
		return err
	}
	if i.Ephemeral {
		return invalid("ephemeral", "an ephemeral instance is registered by a client")
	}
	if err := r.limits.normalize(&i); err != nil {
		return err
	}
	r.identify(key, &i)
	if err := r.admitPersistent(key); err != nil {
		return err
	}
	return r.propose(ctx, appendInstance(appendKey(r.command(opPutInstance), key), &i))
}

// admitPersistent checks what this server knows of the service. That another
// knows better is possible, and settled by Apply.
func (r *Registry) admitPersistent(key ServiceKey) error {
	if int(r.instances.Load()) >= r.limits.Instances {
		return fmt.Errorf("%w: %d instances", ErrLimit, r.instances.Load())
	}
	s := r.index.lookup(key)
	if s == nil {
		if int(r.index.count.Load()) >= r.limits.Services {
			return fmt.Errorf("%w: %d services", ErrLimit, r.index.count.Load())
		}
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.kind == KindEphemeral {
		return kindError(key, s.kind)
	}
	if s.settled != nil && len(s.settled.instances) >= r.limits.PerService {
		return fmt.Errorf("%w: service %s has %d instances", ErrLimit, key.Grouped(), len(s.settled.instances))
	}
	return nil
}

// DeregisterPersistent removes a persistent instance. That there is none is no
// error: clients deregister so what they have registered as ephemeral.
func (r *Registry) DeregisterPersistent(ctx context.Context, key ServiceKey, ip string, port uint16) error {
	if err := key.Validate(); err != nil {
		return err
	}
	if s := r.index.lookup(key); s != nil && s.Kind() == KindEphemeral {
		return nil
	}
	b := appendText(appendKey(r.command(opRemoveInstance), key), ip)
	err := r.propose(ctx, appendUint(b, uint64(port)))
	if errors.Is(err, ErrNoInstance) {
		return nil
	}
	return err
}

// SetHealth notes what a health check has found of a persistent instance.
func (r *Registry) SetHealth(ctx context.Context, key ServiceKey, ip string, port uint16, healthy bool) error {
	b := appendText(appendKey(r.command(opSetHealth), key), ip)
	b = appendUint(b, uint64(port))
	return r.propose(ctx, appendBool(b, healthy))
}

// SetHealthByHand is SetHealth for an operator: it is refused where a checker
// would say otherwise in a moment.
func (r *Registry) SetHealthByHand(ctx context.Context, key ServiceKey, i InstanceKey, healthy bool) error {
	s, ok := r.Lookup(key)
	if !ok {
		return &remoteError{kind: ErrNoService, text: "service " + key.Grouped() + " not found!"}
	}
	v := s.View()
	inst := v.Find(i)
	if inst == nil || inst.Ephemeral {
		return &remoteError{kind: ErrNoInstance, text: "instance " + i.String() + " not found in service " + key.Grouped()}
	}
	if v.Declaration.Cluster(i.Cluster).Checker.Type != CheckNone {
		return &remoteError{kind: ErrChecked, text: "health check for instance " + i.String() + " is still working"}
	}
	return r.SetHealth(ctx, key, i.IP, i.Port, healthy)
}

// Declare creates a service before anything is registered in it.
func (r *Registry) Declare(ctx context.Context, key ServiceKey, d Declaration) error {
	if _, ok := r.Lookup(key); ok {
		return &remoteError{kind: ErrServiceExists, text: "specified service already exists, serviceName: " + key.Grouped()}
	}
	if int(r.index.count.Load()) >= r.limits.Services {
		return fmt.Errorf("%w: %d services", ErrLimit, r.index.count.Load())
	}
	return r.declare(ctx, key, true, d)
}

// Redeclare changes the settings of a service that is there. Its clusters stay
// as they are if d has none.
func (r *Registry) Redeclare(ctx context.Context, key ServiceKey, d Declaration) error {
	s, ok := r.Lookup(key)
	if !ok {
		return &remoteError{kind: ErrNoService, text: "service " + key.Grouped() + " not found!"}
	}
	d.Kind = s.Kind()
	return r.declare(ctx, key, false, d)
}

func (r *Registry) declare(ctx context.Context, key ServiceKey, create bool, d Declaration) error {
	if err := key.Validate(); err != nil {
		return err
	}
	if err := r.limits.checkDeclaration(&d); err != nil {
		return err
	}
	b := appendBool(appendKey(r.command(opDeclare), key), create)
	return r.propose(ctx, appendDeclaration(b, &d))
}

// Undeclare deletes a service that has no instances.
func (r *Registry) Undeclare(ctx context.Context, key ServiceKey) error {
	s, ok := r.Lookup(key)
	if !ok {
		return &remoteError{kind: ErrNoService, text: "service " + key.Grouped() + " not found!"}
	}
	if len(s.View().Hosts) > 0 {
		return &remoteError{kind: ErrServiceInUse, text: "Service " + key.Grouped() + " is not empty, can't be delete. Please unregister instance first"}
	}
	return r.propose(ctx, appendKey(r.command(opUndeclare), key))
}

// SetCluster changes the settings of a cluster of a service.
func (r *Registry) SetCluster(ctx context.Context, key ServiceKey, name string, c Cluster) error {
	if _, ok := r.Lookup(key); !ok {
		return &remoteError{kind: ErrNoService, text: "service " + key.Grouped() + " not found!"}
	}
	if err := checkCluster(name); err != nil {
		return err
	}
	if err := r.limits.checkClusterSettings(c); err != nil {
		return err
	}
	b := appendText(appendKey(r.command(opSetCluster), key), name)
	return r.propose(ctx, appendCluster(b, c))
}

// PatchInstances lays what an operator says over instances of a service. It
// outlives a registration, and is forgotten some time after the instance is gone.
func (r *Registry) PatchInstances(ctx context.Context, key ServiceKey, keys []InstanceKey, p Patch) error {
	s, ok := r.Lookup(key)
	if !ok {
		return &remoteError{kind: ErrNoService, text: "service not found, namespace: " + key.Namespace + ", service: " + key.Grouped()}
	}
	if err := r.limits.checkPatch(&p); err != nil {
		return err
	}
	if len(keys) == 0 {
		return nil
	}
	if err := s.admitOverlays(keys, &p); err != nil {
		return err
	}
	b := appendInstanceKeys(appendKey(r.command(opPatch), key), keys)
	return r.propose(ctx, appendPatch(b, p))
}

// admitOverlays checks what a patch would make of a service's overlays: they
// grow by one patch after the other.
func (s *Service) admitOverlays(keys []InstanceKey, p *Patch) error {
	limits := &s.reg.limits
	s.mu.Lock()
	defer s.mu.Unlock()
	var have map[InstanceKey]*Overlay
	if s.settled != nil {
		have = s.settled.overlays
	}
	more := 0
	for _, k := range keys {
		if err := checkIP(k.IP); err != nil {
			return err
		}
		if err := checkCluster(k.Cluster); err != nil {
			return err
		}
		o, ok := have[k]
		if !ok {
			more++
		}
		if n := p.apply(o); n.Meta.size() > limits.Settings {
			return invalid("metadata", "Param 'Metadata' is illegal, the param length should not exceed %d.", limits.Settings)
		}
	}
	if len(have)+more > limits.PerService {
		return fmt.Errorf("%w: service %s has %d overlays", ErrLimit, s.key.Grouped(), len(have))
	}
	return nil
}

// sweepOverlays forgets overlays of instances that have been gone for a
// while. One server does it for all.
func (r *Registry) sweepOverlays(ctx context.Context) {
	if !r.Verified() {
		return
	}
	type orphans struct {
		key  ServiceKey
		keys []InstanceKey
	}
	var all []orphans
	r.index.each(func(s *Service) bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.settled == nil || len(s.settled.overlays) == 0 {
			s.orphans = nil
			return true
		}
		if keys := s.orphaned(r.emptyAfter); len(keys) > 0 {
			all = append(all, orphans{s.key, keys})
		}
		return len(all) < 100 // the rest another time
	})
	for _, o := range all {
		b := appendInstanceKeys(appendKey(r.command(opDropOverlays), o.key), o.keys)
		if err := r.propose(ctx, b); err != nil {
			r.log.Warn("forgetting overlays", "service", o.key.String(), "err", err)
			return
		}
	}
}

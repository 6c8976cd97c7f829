package registry

import (
	"errors"
	"fmt"
)

// Operations of commands. Append only: the numbers are on disk.
const (
	opPutInstance = iota + 1
	opRemoveInstance
	opSetHealth
	opDeclare
	opUndeclare
	opSetCluster
	opPatch
	opDropOverlays
	opPutNamespace
	opRemoveNamespace
	opPutDocument
	opRemoveDocument
)

// commandVersion begins a command. A server that meets a later one than it
// knows must not go on, for it would do other than the rest.
const commandVersion = 1

// command begins a command; stamp is the proposer's clock.
func (r *Registry) command(op byte) []byte {
	return appendUint([]byte{commandVersion, op}, r.clock.now())
}

// Apply applies a command that the servers have agreed on, and returns what
// became of it for the one who proposed it. It must be called in the order of
// the log, by one at a time. A command that cannot be read changes nothing and
// makes [ReadError] return an error for what is returned: the server must stop then.
func (r *Registry) Apply(index uint64, command []byte) []byte {
	r.fsm.index.Store(index)
	return result(r.apply(command))
}

// ReadError returns an error if a result of Apply says that the command could
// not be read.
func ReadError(res []byte) error {
	if len(res) > 0 && int(res[0]) < len(codes) && errors.Is(codes[res[0]], ErrCommand) {
		return resultError(res)
	}
	return nil
}

func (r *Registry) apply(command []byte) error {
	in := &reader{b: command}
	if v := in.byte(); v != commandVersion {
		return fmt.Errorf("%w: version %d", ErrCommand, v)
	}
	op := in.byte()
	stamp := in.uint()
	if in.err == nil {
		r.ObserveClock(stamp)
	}
	run := r.operation(op, in, stamp)
	if run == nil {
		return fmt.Errorf("%w: operation %d", ErrCommand, op)
	}
	if err := in.done(); err != nil {
		return err
	}
	return run()
}

// operation reads the rest of a command and returns what it does, nil if
// there is no such operation.
func (r *Registry) operation(op byte, in *reader, stamp uint64) func() error {
	switch op {
	case opPutInstance:
		key := in.key()
		i := in.instance(r.fsm.metadata(key)...)
		r.fsm.lastMeta = i.Meta
		return func() error { return r.edit(key, stamp, putInstance(i)) }
	case opRemoveInstance:
		key, ip, port := in.key(), in.text(), in.uint()
		return func() error { return r.edit(key, stamp, removeInstance(ip, uint16(port))) }
	case opSetHealth:
		key, ip, port, healthy := in.key(), in.text(), in.uint(), in.bool()
		return func() error { return r.edit(key, stamp, setHealth(ip, uint16(port), healthy)) }
	case opDeclare:
		key, create, d := in.key(), in.bool(), in.declaration()
		return func() error { return r.edit(key, stamp, declare(create, d)) }
	case opUndeclare:
		key := in.key()
		return func() error { return r.edit(key, stamp, undeclare) }
	case opSetCluster:
		key, name, c := in.key(), in.text(), in.cluster()
		return func() error { return r.edit(key, stamp, setCluster(name, c)) }
	case opPatch:
		key, keys, p := in.key(), in.instanceKeys(), in.patch()
		return func() error { return r.edit(key, stamp, patchInstances(keys, p)) }
	case opDropOverlays:
		key, keys := in.key(), in.instanceKeys()
		return func() error { return r.edit(key, stamp, dropOverlays(keys)) }
	case opPutNamespace:
		create, n := in.bool(), Namespace{ID: in.text(), Name: in.text(), Description: in.text()}
		return func() error { return r.fsm.putNamespace(create, n) }
	case opRemoveNamespace:
		id := in.text()
		return func() error { return r.fsm.removeNamespace(id) }
	case opPutDocument:
		d := in.document()
		return func() error { return r.putDocument(d) }
	case opRemoveDocument:
		bucket, key := in.text(), in.text()
		return func() error { return r.removeDocument(bucket, key) }
	}
	return nil
}

func (r *reader) instanceKeys() []InstanceKey {
	n := r.count(3)
	keys := make([]InstanceKey, 0, n)
	for range n {
		keys = append(keys, InstanceKey{IP: r.text(), Port: uint16(r.uint()), Cluster: r.text()})
	}
	return keys
}

func appendInstanceKeys(b []byte, keys []InstanceKey) []byte {
	b = appendUint(b, uint64(len(keys)))
	for _, k := range keys {
		b = appendText(b, k.IP)
		b = appendUint(b, uint64(k.Port))
		b = appendText(b, k.Cluster)
	}
	return b
}

func (r *reader) patch() Patch {
	var p Patch
	p.Enabled, p.Weight = r.overlay()
	p.Replace = r.bool()
	for range r.count(2) {
		if p.Set == nil {
			p.Set = make(map[string]string)
		}
		k := r.text()
		p.Set[k] = r.text()
	}
	for range r.count(1) {
		p.Unset = append(p.Unset, r.text())
	}
	return p
}

func appendPatch(b []byte, p Patch) []byte {
	b = appendOverlay(b, p.Enabled, p.Weight)
	b = appendBool(b, p.Replace)
	b = appendUint(b, uint64(len(p.Set)))
	for k, v := range p.Set {
		b = appendText(b, k)
		b = appendText(b, v)
	}
	b = appendUint(b, uint64(len(p.Unset)))
	for _, k := range p.Unset {
		b = appendText(b, k)
	}
	return b
}

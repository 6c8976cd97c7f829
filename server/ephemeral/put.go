package ephemeral

import (
	"errors"
	"fmt"
	"sync"

	"github.com/musterhq/muster/server/registry"
)

var _ registry.Ephemeral = (*Plane)(nil)

// buffers hold a value while it is made: records copy it.
var buffers = sync.Pool{New: func() any { return new([]byte) }}

// maxBuffer is the largest buffer that is kept for the next.
const maxBuffer = 64 << 10

// Put writes what a client of this server has registered in a service. The
// record goes to the other servers with the next packet, or rather the packets
// that hold all that was written since the last.
func (p *Plane) Put(client registry.ClientID, service registry.ServiceKey, pub registry.Publication) error {
	var room [256]byte
	key := appendKey(room[:0], client, service, 0)
	buf := buffers.Get().(*[]byte)
	defer func() {
		if cap(*buf) <= maxBuffer {
			buffers.Put(buf)
		}
	}()
	header := len(appendHeader((*buf)[:0], p.life, 1, 0))
	b := pub.Append(appendHeader((*buf)[:0], p.life, 1, 0))
	*buf = b
	before := p.parts(key)
	if len(b) > partSize || before > 1 {
		if err := p.putParts(client, service, b[header:], before); err != nil {
			return err
		}
	} else if err := p.records.Set(key, b, 0); err != nil {
		return fmt.Errorf("ephemeral: %w", err)
	}
	p.counts.puts.Add(1)
	return nil
}

// parts returns how many parts a publication of this server's has, zero if
// there is none.
func (p *Plane) parts(key string) int {
	b, ok := p.records.Get(p.self, key)
	if !ok {
		return 0
	}
	v, err := decodeValue(b)
	if err != nil {
		return 1 // it was written here, so it is not
	}
	return v.parts
}

// putParts writes a publication that has several parts, or had until now. It
// is there when all of them are: who has a part of another write waits for the
// rest. An error leaves what was.
func (p *Plane) putParts(client registry.ClientID, service registry.ServiceKey, data []byte, before int) error {
	n := max(1, (len(data)+partSize-1)/partSize)
	if n > maxParts {
		return fmt.Errorf("ephemeral: %w: %d bytes", errTooLarge, len(data))
	}
	write := p.writes.Add(1)
	old := make([][]byte, 0, n)
	for i := range n {
		key := appendKey(nil, client, service, i)
		was, _ := p.records.Get(p.self, key)
		part := data[i*partSize : min((i+1)*partSize, len(data))]
		if err := p.records.Set(key, append(appendHeader(nil, p.life, n, write), part...), 0); err != nil {
			return errors.Join(fmt.Errorf("ephemeral: %w", err), p.restore(client, service, old))
		}
		old = append(old, was)
	}
	for i := n; i < before; i++ {
		p.records.Delete(appendKey(nil, client, service, i))
	}
	return nil
}

// restore puts back parts that were overwritten.
func (p *Plane) restore(client registry.ClientID, service registry.ServiceKey, old [][]byte) error {
	var errs []error
	for i, was := range old {
		key := appendKey(nil, client, service, i)
		if was == nil {
			p.records.Delete(key)
		} else if err := p.records.Set(key, was, 0); err != nil {
			errs = append(errs, fmt.Errorf("ephemeral: putting back part %d: %w", i, err))
		}
	}
	return errors.Join(errs...)
}

// Remove takes a publication of this server's away.
func (p *Plane) Remove(client registry.ClientID, service registry.ServiceKey) error {
	var room [256]byte
	key := appendKey(room[:0], client, service, 0)
	for i := p.parts(key) - 1; i > 0; i-- {
		p.records.Delete(appendKey(nil, client, service, i))
	}
	p.records.Delete(key) // last: it is what counts
	p.counts.removes.Add(1)
	return nil
}

// DropClient takes all away that a client has registered, unless the plane is
// frozen.
func (p *Plane) DropClient(client registry.ClientID, services []registry.ServiceKey) error {
	if p.frozen.Load() {
		return nil
	}
	for _, s := range services {
		if err := p.Remove(client, s); err != nil {
			return err
		}
	}
	return nil
}

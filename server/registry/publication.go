package registry

import "fmt"

// A Publication is what one client says of one service: its instance, or its
// batch of them.
type Publication struct {
	Instances []Instance
	Stamp     uint64 // the service's revision at the client's server, once it was published there
}

// publicationVersion begins an encoded publication.
const publicationVersion = 1

// Append appends the publication in the form that servers send to each other.
func (p *Publication) Append(b []byte) []byte {
	b = append(b, publicationVersion)
	b = appendUint(b, p.Stamp)
	b = appendUint(b, uint64(len(p.Instances)))
	for i := range p.Instances {
		b = appendInstance(b, &p.Instances[i])
	}
	return b
}

// DecodePublication reads what Append made, and checks it as a registration:
// a peer is believed no more than a client.
func (r *Registry) DecodePublication(b []byte) (Publication, error) {
	return r.decodePublication(b, r.limits.PerClient)
}

func (r *Registry) decodePublication(b []byte, most int) (Publication, error) {
	in := reader{b: b}
	if v := in.byte(); v != publicationVersion {
		in.fail(fmt.Sprintf("publication of version %d", v))
	}
	p := Publication{Stamp: in.uint()}
	n := in.count(minInstance)
	if n > most {
		in.fail("too many instances")
	}
	var meta *Metadata
	for range n {
		if in.err != nil {
			break
		}
		i := in.instance(meta)
		meta = i.Meta
		if in.err == nil {
			if err := r.limits.normalize(&i); err != nil {
				return Publication{}, fmt.Errorf("publication: %w", err)
			}
		}
		p.Instances = append(p.Instances, i)
	}
	if err := in.done(); err != nil {
		return Publication{}, fmt.Errorf("publication: %w", err)
	}
	return p, nil
}

// minInstance is the least an encoded instance takes.
const minInstance = 6

// A publication is one client's publication of one service, as indexed.
type publication struct {
	client *Client
	svc    *Service
	list   []Instance // never changed, only replaced
	stamp  uint64
	slot   int    // where it is in client.pubs
	era    uint32 // of a foreign client: the owner's era in which it was last heard
	beat   *beat  // of a client of this server that has no connection
}

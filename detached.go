package muster

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/musterhq/muster/swim"
)

// Metadata of more than swim.MetaMax bytes does not fit an announcement. It is
// a record instead, and the announcement carries a hash of it: whoever has the
// record of that hash has the metadata. Until it arrives a member has what it
// had before, or none.

// metaKey is the record that detached metadata is.
const metaKey = reserved + "meta"

// MetaMax bounds metadata, in bytes.
const MetaMax = 1 << 20

func metaID(meta []byte) uint64 {
	sum := sha256.Sum256(meta)
	return binary.BigEndian.Uint64(sum[:]) | 1 // zero stands for none
}

// SetMeta announces new metadata, up to MetaMax bytes. Up to swim.MetaMax of
// them travel with the announcement and are what memberlist members see; more
// reach muster members only, as a record does.
func (n *Node) SetMeta(meta []byte) (err error) {
	if len(meta) > MetaMax {
		return fmt.Errorf("metadata of %d bytes, at most %d: %w", len(meta), MetaMax, ErrTooLarge)
	}
	if len(meta) <= swim.MetaMax {
		if e := n.do(func(now time.Time) { err = n.core.SetMeta(now, meta) }); e != nil {
			return e
		}
		if err == nil && n.plane.used.Load() {
			err = n.plane.do(func(now time.Time) { n.plane.core.Delete(now, metaKey) })
		}
		return err
	}
	// The record first: who hears of it can have it.
	if n.cfg.NoRecords {
		return fmt.Errorf("metadata of %d bytes needs records, which are switched off: %w", len(meta), ErrTooLarge)
	}
	if err := n.setDetached(meta); err != nil {
		return err
	}
	if e := n.do(func(now time.Time) { err = n.core.DetachMeta(now, metaID(meta)) }); e != nil {
		return e
	}
	return err
}

func (n *Node) setDetached(meta []byte) (err error) {
	if e := n.plane.do(func(now time.Time) { err = n.plane.core.Set(now, metaKey, meta, 0) }); e != nil {
		err = e
	}
	if err != nil {
		return fmt.Errorf("metadata of %d bytes: %w", len(meta), err)
	}
	return nil
}

// attach puts a member's metadata in where it is detached, with Node.mu held,
// and tells whether it is the one that was announced. It changes nothing: what
// the application has been told of moves on with the events (see toldMeta), or
// else an event would be without what was before, or would not come at all.
func (n *Node) attach(m *Member) bool {
	if m.MetaID == 0 {
		return true
	}
	told := n.metas[m.Name]
	if told.id == m.MetaID {
		m.Meta = told.meta
		return true
	}
	p := &n.plane
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.core != nil {
		if meta, ok := p.core.Get(m.Name, metaKey); ok && metaID(meta) == m.MetaID {
			m.Meta = meta
			return true
		}
	}
	m.Meta = told.meta // what it had before
	return false
}

// complete puts detached metadata into an event. It is false for an update whose
// metadata has not arrived: that is to be told when it has.
func (n *Node) complete(e *Event) bool {
	if e.Kind == MemberConflict {
		return true
	}
	told, ok := n.metas[e.Member.Name]
	switch {
	case e.Kind == MemberJoined && told.id != e.Member.MetaID:
		delete(n.metas, e.Member.Name) // another process's
	case ok && e.OldMeta == nil && (e.Kind == MemberUpdated || e.Kind == MemberLeaving || e.Kind.Gone()):
		e.OldMeta = told.meta
	}
	attached := n.attach(&e.Member)
	if e.Kind == MemberUpdated && !attached {
		if !ok {
			n.metas[e.Member.Name] = detachedMeta{meta: e.OldMeta}
		}
		return false
	}
	n.toldMeta(e, attached)
	return true
}

// toldMeta notes the detached metadata that an event tells of, if that is what
// the kind of event is for. A member that refutes with new metadata is told to
// have recovered first, and the update that follows must still know what was
// before.
func (n *Node) toldMeta(e *Event, attached bool) {
	m := &e.Member
	switch {
	case e.Kind != MemberUpdated && e.Kind != MemberJoined:
	case m.MetaID != 0 && attached:
		n.metas[m.Name] = detachedMeta{m.MetaID, m.Meta}
	default:
		delete(n.metas, m.Name)
	}
}

// detachedMeta is metadata that came as a record.
type detachedMeta struct {
	id   uint64
	meta []byte
}

// metaArrived looks whether a record that has changed is the metadata that was
// announced, and makes an event of it.
func (n *Node) metaArrived(owner string) {
	n.mu.Lock()
	m, ok := n.core.Member(owner)
	before := n.metas[owner]
	if !ok || m.State > Suspect || m.MetaID == 0 || m.MetaID == before.id || !n.attach(&m) {
		n.mu.Unlock()
		return
	}
	n.snapshot.Store(nil)
	e := Event{Kind: MemberUpdated, Member: m, OldMeta: before.meta, Time: time.Now()}
	n.toldMeta(&e, true)
	n.tell([]Event{e})
	n.mu.Unlock()
	n.note(&e)
}

// MetaAs decodes a member's metadata from JSON.
func MetaAs[T any](m Member) (v T, err error) {
	if len(m.Meta) == 0 {
		return v, fmt.Errorf("member %q: %w", m.Name, ErrNoMeta)
	}
	if err := json.Unmarshal(m.Meta, &v); err != nil {
		return v, fmt.Errorf("metadata of %q: %w", m.Name, err)
	}
	return v, nil
}

// ErrNoMeta is what MetaAs returns for a member without metadata, or whose
// metadata has not arrived yet: a MemberUpdated will tell.
var ErrNoMeta = errors.New("no metadata")

// SetMetaAs announces v, encoded as JSON.
func SetMetaAs[T any](n *Node, v T) error {
	meta, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("metadata: %w", err)
	}
	return n.SetMeta(meta)
}

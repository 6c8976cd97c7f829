package wire

import (
	"encoding/binary"
	"net/netip"
)

// What the first byte of a state in a sync says. Its two lowest bits are the
// member's state.
const (
	syncState    = 0x03
	syncLong     = 0x04 // the address has 16 bytes, not 4
	syncVersions = 0x08 // the versions are not the usual ones
	syncMeta     = 0x10
	syncID       = 0x20
	syncLeaving  = 0x40
	syncMore     = 0x80 // namespace, alias and the hash of metadata elsewhere
)

// usualVersions are what a member without delegate versions announces; they
// are left out.
var usualVersions = Versions{1, 5, 2, 0, 0, 0}

// AppendSyncState writes the state as a sync carries it: a first byte, name,
// address, port, incarnation and capabilities, and then what the first byte
// says there is of versions, ID and metadata, and namespace, alias and metadata
// ID together. The bytes are the same wherever the state is, so that two members can compare hashes of
// them. A member with a name of 20 bytes takes about 40.
func (m *PushNodeState) AppendSyncState(b []byte) []byte {
	addr := m.Addr.Unmap()
	b = append(b, m.syncFlags())
	b = binary.AppendUvarint(b, uint64(len(m.Name)))
	b = append(b, m.Name...)
	if addr.Is6() {
		ip := addr.As16()
		b = append(b, ip[:]...)
	} else if addr.Is4() {
		ip := addr.As4()
		b = append(b, ip[:]...)
	} else {
		b = append(b, 0, 0, 0, 0) // no address; who reads it refuses the member
	}
	b = binary.BigEndian.AppendUint16(b, m.Port)
	b = binary.AppendUvarint(b, uint64(m.Incarnation))
	b = binary.AppendUvarint(b, uint64(m.Caps))
	return m.appendSyncExtras(b)
}

func (m *PushNodeState) appendSyncExtras(b []byte) []byte {
	if m.Versions != usualVersions {
		b = append(b, m.Versions[:]...)
	}
	if m.ID != 0 {
		b = binary.BigEndian.AppendUint64(b, m.ID)
	}
	if len(m.Meta) > 0 {
		b = binary.AppendUvarint(b, uint64(len(m.Meta)))
		b = append(b, m.Meta...)
	}
	if m.hasMore() {
		b = binary.AppendUvarint(b, uint64(len(m.Namespace)))
		b = append(b, m.Namespace...)
		b = binary.AppendUvarint(b, uint64(len(m.Alias)))
		b = append(b, m.Alias...)
		b = binary.BigEndian.AppendUint64(b, m.MetaID)
	}
	return b
}

// hasMore says whether there is anything of what few members have.
func (m *PushNodeState) hasMore() bool { return m.Namespace != "" || m.Alias != "" || m.MetaID != 0 }

func (m *PushNodeState) syncFlags() byte {
	f := byte(m.State) & syncState
	if m.Addr.Unmap().Is6() {
		f |= syncLong
	}
	if m.Versions != usualVersions {
		f |= syncVersions
	}
	if len(m.Meta) > 0 {
		f |= syncMeta
	}
	if m.ID != 0 {
		f |= syncID
	}
	if m.Leaving {
		f |= syncLeaving
	}
	if m.hasMore() {
		f |= syncMore
	}
	return f
}

// syncState reads one state. Strings and slices share the reader's memory.
func (r *reader) syncState(m *PushNodeState) {
	*m = PushNodeState{}
	f := r.next()
	m.State = State(f & syncState)
	m.Name = aliasString(r.lengthBytes())
	m.Addr = r.syncAddr(f&syncLong != 0)
	m.Port = uint16(r.big(2))
	m.Incarnation = uint32(r.uvarint(1<<32 - 1))
	m.Caps = Caps(r.uvarint(1<<64 - 1)) // of which the bits known here are kept
	if m.Versions = usualVersions; f&syncVersions != 0 {
		copy(m.Versions[:], r.take(uint64(len(m.Versions))))
	}
	if f&syncID != 0 {
		m.ID = r.big(8)
	}
	if f&syncMeta != 0 {
		m.Meta = r.lengthBytes()
	}
	m.Leaving = f&syncLeaving != 0
	if f&syncMore != 0 {
		m.Namespace = aliasString(r.lengthBytes())
		m.Alias = aliasString(r.lengthBytes())
		m.MetaID = r.big(8)
	}
}

func (r *reader) syncAddr(long bool) netip.Addr {
	if long {
		if ip := r.take(16); ip != nil {
			return netip.AddrFrom16([16]byte(ip)).Unmap()
		}
	} else if ip := r.take(4); ip != nil {
		return netip.AddrFrom4([4]byte(ip))
	}
	return netip.Addr{}
}

// lengthBytes reads a length and as many bytes.
func (r *reader) lengthBytes() []byte { return r.take(r.uvarint(MaxStreamMessage)) }

// syncStates returns the rest, once it has read states to its end.
func (r *reader) syncStates() []byte {
	b := r.b[r.i:]
	var m PushNodeState
	for n := 0; r.i < len(r.b) && r.err == nil; n++ {
		if n == MaxNodes {
			r.fail(ErrTooLarge)
		}
		r.syncState(&m)
	}
	return b
}

// EachState calls each for every state of a message that Decode has read,
// always with the same struct: copy it to keep it. Everything shares memory
// with the message.
func (m *Sync) EachState(each func(*PushNodeState)) {
	r := reader{b: m.States}
	var s PushNodeState
	for r.i < len(r.b) && r.err == nil {
		if r.syncState(&s); r.err == nil {
			each(&s)
		}
	}
}

// NumStates counts the states of a message that Decode has read.
func (m *Sync) NumStates() (n int) {
	m.EachState(func(*PushNodeState) { n++ })
	return n
}

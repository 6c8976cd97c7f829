package wire

import "encoding/binary"

// Keys with their msgpack length byte, so that each costs one append. Maps are
// written with keys in byte order because go-msgpack sorts them; Caps sorts as
// the one-letter key "M".
const (
	keyAddr         = "\xa4Addr"
	keyAlias        = "\xa1A"
	keyAlgo         = "\xa4Algo"
	keyBuf          = "\xa3Buf"
	keyCaps         = "\xa1M"
	keyDetached     = "\xa1D"
	keyError        = "\xa5Error"
	keyFrom         = "\xa4From"
	keyID           = "\xa1I"
	keyIncarnation  = "\xabIncarnation"
	keyJoin         = "\xa4Join"
	keyLeaving      = "\xa1L"
	keyMeta         = "\xa4Meta"
	keyNack         = "\xa4Nack"
	keyName         = "\xa4Name"
	keyNamespace    = "\xa1N"
	keyNode         = "\xa4Node"
	keyNodes        = "\xa5Nodes"
	keyPayload      = "\xa7Payload"
	keyPort         = "\xa4Port"
	keySeqNo        = "\xa5SeqNo"
	keySourceAddr   = "\xaaSourceAddr"
	keySourceNode   = "\xaaSourceNode"
	keySourcePort   = "\xaaSourcePort"
	keyState        = "\xa5State"
	keyTarget       = "\xa6Target"
	keyUserMsgLen   = "\xaaUserMsgLen"
	keyUserStateLen = "\xacUserStateLen"
	keyVsn          = "\xa3Vsn"
)

// appendMap opens a message: its type and a map of n keys, one more when caps
// are announced.
func appendMap(b []byte, t Type, n byte, caps Caps) []byte {
	if caps != 0 {
		n++
	}
	return append(b, byte(t), codeFixMap|n)
}

func appendCaps(b []byte, caps Caps) []byte {
	if caps == 0 {
		return b
	}
	return appendUint(append(b, keyCaps...), uint64(caps))
}

// appendVersions writes unknown versions as nil, which memberlist accepts,
// where six zeros would have the message refused (a minimum of 0 is invalid).
func appendVersions(b []byte, v *Versions) []byte {
	if *v == (Versions{}) {
		return append(b, codeNil)
	}
	return append(append(b, codeFixRaw|6), v[:]...)
}

// Append writes the type byte and the message to b.
func (m *Ping) Append(b []byte) []byte {
	n := 2 + sourceKeys(m.SourceAddr.IsValid(), m.SourceNode, m.SourcePort)
	b = appendMap(b, TypePing, n, m.Caps)
	b = appendCaps(b, m.Caps)
	b = appendString(append(b, keyNode...), m.Node)
	b = appendUint(append(b, keySeqNo...), uint64(m.SeqNo))
	if m.SourceAddr.IsValid() {
		b = appendAddr(append(b, keySourceAddr...), m.SourceAddr)
	}
	return appendSource(b, m.SourceNode, m.SourcePort)
}

// Append writes the type byte and the message to b.
func (m *IndirectPing) Append(b []byte) []byte {
	n := 5 + sourceKeys(m.SourceAddr.IsValid(), m.SourceNode, m.SourcePort)
	b = appendMap(b, TypeIndirectPing, n, m.Caps)
	b = appendCaps(b, m.Caps)
	b = appendBool(append(b, keyNack...), m.Nack)
	b = appendString(append(b, keyNode...), m.Node)
	b = appendUint(append(b, keyPort...), uint64(m.Port))
	b = appendUint(append(b, keySeqNo...), uint64(m.SeqNo))
	if m.SourceAddr.IsValid() {
		b = appendAddr(append(b, keySourceAddr...), m.SourceAddr)
	}
	b = appendSource(b, m.SourceNode, m.SourcePort)
	return appendAddr(append(b, keyTarget...), m.Target)
}

// sourceKeys counts the source fields present; memberlist marks exactly these
// three as omitempty.
func sourceKeys(addr bool, node string, port uint16) (n byte) {
	if addr {
		n++
	}
	if node != "" {
		n++
	}
	if port != 0 {
		n++
	}
	return n
}

func appendSource(b []byte, node string, port uint16) []byte {
	if node != "" {
		b = appendString(append(b, keySourceNode...), node)
	}
	if port != 0 {
		b = appendUint(append(b, keySourcePort...), uint64(port))
	}
	return b
}

// Append writes the type byte and the message to b.
func (m *Ack) Append(b []byte) []byte {
	b = appendMap(b, TypeAck, 2, m.Caps)
	b = appendCaps(b, m.Caps)
	b = appendBytes(append(b, keyPayload...), m.Payload)
	return appendUint(append(b, keySeqNo...), uint64(m.SeqNo))
}

// Append writes the type byte and the message to b.
func (m *Nack) Append(b []byte) []byte {
	b = appendMap(b, TypeNack, 1, 0)
	return appendUint(append(b, keySeqNo...), uint64(m.SeqNo))
}

// Append writes the type byte and the message to b.
func (m *Error) Append(b []byte) []byte {
	b = appendMap(b, TypeError, 1, 0)
	return appendString(append(b, keyError...), m.Error)
}

// Append writes the type byte and the message to b.
func (m *Suspect) Append(b []byte) []byte {
	return appendAccusation(b, TypeSuspect, m.From, m.Incarnation, m.Node)
}

// Append writes the type byte and the message to b.
func (m *Dead) Append(b []byte) []byte {
	return appendAccusation(b, TypeDead, m.From, m.Incarnation, m.Node)
}

func appendAccusation(b []byte, t Type, from string, inc uint32, node string) []byte {
	b = appendMap(b, t, 3, 0)
	b = appendString(append(b, keyFrom...), from)
	b = appendUint(append(b, keyIncarnation...), uint64(inc))
	return appendString(append(b, keyNode...), node)
}

// Append writes the type byte and the message to b.
func (m *Alive) Append(b []byte) []byte {
	b = appendMap(b, TypeAlive, 6+m.keys(), m.Caps)
	b = m.appendAlias(b)
	b = appendAddr(append(b, keyAddr...), m.Addr)
	b = m.appendMetaID(b)
	b = m.appendID(b)
	b = appendUint(append(b, keyIncarnation...), uint64(m.Incarnation))
	b = m.appendLeaving(b)
	b = appendCaps(b, m.Caps)
	b = appendBytes(append(b, keyMeta...), m.Meta)
	b = m.appendNamespace(b)
	b = appendString(append(b, keyNode...), m.Node)
	b = appendUint(append(b, keyPort...), uint64(m.Port))
	return appendVersions(append(b, keyVsn...), &m.Versions)
}

// Append writes the type byte and the message to b: id and payload in fixed
// places, since only muster reads them. One with a scope has a type of its own,
// so that a peer that knows no namespaces does not deliver it.
func (m *Rumor) Append(b []byte) []byte {
	t := TypeRumor
	if m.Scope != "" {
		t = TypeScopedRumor
	}
	b = append(b, byte(t))
	b = binary.BigEndian.AppendUint64(b, m.Origin)
	b = binary.BigEndian.AppendUint64(b, m.Seq)
	if m.Scope != "" {
		b = append(append(b, byte(len(m.Scope))), m.Scope...)
	}
	return append(b, m.Payload...)
}

// Append writes the type byte and the message to b.
func (m *Gone) Append(b []byte) []byte {
	return binary.BigEndian.AppendUint32(append(b, byte(TypeGone)), m.SeqNo)
}

// AppendUser writes a user message as packets carry it: the type byte and the
// payload, whose length is that of the packet or of its part in a compound.
func AppendUser(b, payload []byte) []byte {
	return append(append(b, byte(TypeUser)), payload...)
}

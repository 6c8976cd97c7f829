package wire

// A peer's encoder sorts the keys of a message. The messages that come in
// hundreds are therefore first asked for their fields in that order, which
// takes one comparison each and half the time; whatever is missing, unknown or
// out of order is left to the loop of their Decode, which takes everything.

// at says whether the next bytes are key, one of the constants with their
// length in front, and passes over it if so. n counts the fields left.
func (r *reader) at(key string, n *int) bool {
	if *n > 0 && len(r.b)-r.i >= len(key) && string(r.b[r.i:r.i+len(key)]) == key {
		r.i += len(key)
		*n--
		return true
	}
	return false
}

// inOrder reads fields while they come sorted and returns how many are left.
func (m *Ping) inOrder(r *reader, n int) int {
	if r.at(keyCaps, &n) {
		m.Caps = r.caps()
	}
	if r.at(keyNode, &n) {
		m.Node = r.str()
	}
	if r.at(keySeqNo, &n) {
		m.SeqNo = r.u32()
	}
	if r.at(keySourceAddr, &n) {
		m.SourceAddr = r.addr()
	}
	if r.at(keySourceNode, &n) {
		m.SourceNode = r.str()
	}
	if r.at(keySourcePort, &n) {
		m.SourcePort = r.u16()
	}
	return n
}

// inOrder reads fields while they come sorted and returns how many are left.
func (m *Ack) inOrder(r *reader, n int) int {
	if r.at(keyCaps, &n) {
		m.Caps = r.caps()
	}
	if r.at(keyPayload, &n) {
		m.Payload = r.bytes()
	}
	if r.at(keySeqNo, &n) {
		m.SeqNo = r.u32()
	}
	return n
}

// inOrder reads fields while they come sorted and returns how many are left.
func (m *Alive) inOrder(r *reader, n int) int {
	if r.at(keyAlias, &n) {
		m.Alias = r.str()
	}
	if r.at(keyAddr, &n) {
		m.Addr = r.addr()
	}
	if r.at(keyDetached, &n) {
		m.MetaID = r.uint(1<<64 - 1)
	}
	if r.at(keyID, &n) {
		m.ID = r.uint(1<<64 - 1)
	}
	if r.at(keyIncarnation, &n) {
		m.Incarnation = r.u32()
	}
	if r.at(keyLeaving, &n) {
		m.Leaving = r.bool()
	}
	if r.at(keyCaps, &n) {
		m.Caps = r.caps()
	}
	if r.at(keyMeta, &n) {
		m.Meta = r.bytes()
	}
	if r.at(keyNamespace, &n) {
		m.Namespace = r.str()
	}
	if r.at(keyNode, &n) {
		m.Node = r.str()
	}
	if r.at(keyPort, &n) {
		m.Port = r.u16()
	}
	if r.at(keyVsn, &n) {
		m.Versions = r.versions()
	}
	return n
}

// inOrder reads fields while they come sorted and returns how many are left.
func (m *PushNodeState) inOrder(r *reader, n int) int {
	if r.at(keyAlias, &n) {
		m.Alias = r.str()
	}
	if r.at(keyAddr, &n) {
		m.Addr = r.addr()
	}
	if r.at(keyDetached, &n) {
		m.MetaID = r.uint(1<<64 - 1)
	}
	if r.at(keyID, &n) {
		m.ID = r.uint(1<<64 - 1)
	}
	if r.at(keyIncarnation, &n) {
		m.Incarnation = r.u32()
	}
	if r.at(keyLeaving, &n) {
		m.Leaving = r.bool()
	}
	if r.at(keyCaps, &n) {
		m.Caps = r.caps()
	}
	if r.at(keyMeta, &n) {
		m.Meta = r.bytes()
	}
	if r.at(keyNamespace, &n) {
		m.Namespace = r.str()
	}
	if r.at(keyName, &n) {
		m.Name = r.str()
	}
	if r.at(keyPort, &n) {
		m.Port = r.u16()
	}
	if r.at(keyState, &n) {
		m.State = State(r.uint(255))
	}
	if r.at(keyVsn, &n) {
		m.Versions = r.versions()
	}
	return n
}

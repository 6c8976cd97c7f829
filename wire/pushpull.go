package wire

import "fmt"

// memberlist's limits, kept so that what one side sends the other takes.
const (
	MaxNodes     = 1 << 20  // node states in one push/pull
	MaxUserState = 20 << 20 // bytes of user state in one push/pull
)

// Append writes the type byte and the header to b. The node states and then
// UserStateLen bytes must follow; AppendPushPull writes all three.
func (h *PushPullHeader) Append(b []byte) []byte {
	b = appendMap(b, TypePushPull, 3, h.Caps)
	b = appendBool(append(b, keyJoin...), h.Join)
	b = appendCaps(b, h.Caps)
	b = appendInt(append(b, keyNodes...), h.Nodes)
	return appendInt(append(b, keyUserStateLen...), h.UserStateLen)
}

// Append writes one member's state, which has no type byte.
func (m *PushNodeState) Append(b []byte) []byte {
	n := 7 + m.keys()
	if m.Caps != 0 {
		n++
	}
	b = append(b, codeFixMap|n)
	b = m.appendAlias(b)
	b = appendAddr(append(b, keyAddr...), m.Addr)
	b = m.appendMetaID(b)
	b = m.appendID(b)
	b = appendUint(append(b, keyIncarnation...), uint64(m.Incarnation))
	b = m.appendLeaving(b)
	b = appendCaps(b, m.Caps)
	b = appendBytes(append(b, keyMeta...), m.Meta)
	b = m.appendNamespace(b)
	b = appendString(append(b, keyName...), m.Name)
	b = appendUint(append(b, keyPort...), uint64(m.Port))
	b = appendInt(append(b, keyState...), int(m.State))
	return appendVersions(append(b, keyVsn...), &m.Versions)
}

// AppendPushPull writes a whole push/pull. Of h only Join and Caps count; the
// lengths are those of states and userState.
func AppendPushPull(b []byte, h PushPullHeader, states []PushNodeState, userState []byte) []byte {
	h.Nodes, h.UserStateLen = len(states), len(userState)
	b = h.Append(b)
	for i := range states {
		b = states[i].Append(b)
	}
	return append(b, userState...)
}

// Decode reads the bytes after the type byte, refusing counts beyond
// memberlist's limits with ErrTooLarge. Use DecodePushPull for what follows.
func (h *PushPullHeader) Decode(body []byte) error {
	r := reader{b: body}
	return h.decode(&r)
}

func (h *PushPullHeader) decode(r *reader) error {
	*h = PushPullHeader{}
	n, array := r.fields()
	for i := 0; i < n && r.err == nil; i++ {
		switch r.key(i, array, headerOrder) {
		case "Join":
			h.Join = r.bool()
		case "Nodes":
			h.Nodes = r.length()
		case "UserStateLen":
			h.UserStateLen = r.length()
		case "M":
			h.Caps = r.caps()
		default:
			r.skip()
		}
	}
	if h.Nodes > MaxNodes || h.UserStateLen > MaxUserState {
		r.fail(ErrTooLarge)
	}
	return r.end("push/pull header")
}

// Decode reads one state. Strings and slices share memory with body.
func (m *PushNodeState) Decode(body []byte) error {
	r := reader{b: body}
	m.read(&r)
	return r.end("node state")
}

func (m *PushNodeState) read(r *reader) {
	*m = PushNodeState{}
	n, array := r.fields()
	if !array {
		n = m.inOrder(r, n)
	}
	for i := 0; i < n && r.err == nil; i++ {
		switch key := r.key(i, array, nodeStateOrder); key {
		case "Addr":
			m.Addr = r.addr()
		case "Incarnation":
			m.Incarnation = r.u32()
		case "Meta":
			m.Meta = r.bytes()
		case "Name":
			m.Name = r.str()
		case "Port":
			m.Port = r.u16()
		case "State":
			m.State = State(r.uint(255))
		case "Vsn":
			m.Versions = r.versions()
		case "M":
			m.Caps = r.caps()
		default:
			if !m.field(r, key) {
				r.skip()
			}
		}
	}
	r.badAddr = !m.Addr.IsValid()
}

// WithUserState returns a push/pull that has none with userState added, in new
// memory. The error is that of a message that is no push/pull.
func WithUserState(msg, userState []byte) ([]byte, error) {
	r := reader{b: msg[1:]}
	var h PushPullHeader
	if err := h.decode(&r); err != nil {
		return nil, err
	}
	if len(userState) > MaxUserState {
		return nil, fmt.Errorf("user state of %d bytes: %w", len(userState), ErrTooLarge)
	}
	h.UserStateLen = len(userState)
	states := msg[1+r.i:]
	b := h.Append(make([]byte, 0, len(msg)+len(userState)+8))
	return append(append(b, states...), userState...), nil
}

// DecodePushPull reads the bytes after the type byte and calls each for every
// node state, always with the same struct: copy it to keep it. Everything
// shares memory with body. An error of each ends the walk and is returned.
//
// A state whose address is of no known kind is passed over, not an error: one
// odd member in one peer's list must not stop that peer's exchanges with
// everybody. So each may be called fewer times than the header says.
func DecodePushPull(body []byte, each func(*PushNodeState) error) (h PushPullHeader, userState []byte, err error) {
	r := reader{b: body}
	if err := h.decode(&r); err != nil {
		return h, nil, err
	}
	var s PushNodeState
	for i := range h.Nodes {
		s.read(&r)
		if r.badAddr && r.err == nil {
			continue // without an error: a million of them would take a second
		}
		err := r.end("node state")
		if err == nil {
			err = each(&s)
		}
		if err != nil {
			return h, nil, fmt.Errorf("push/pull, state %d of %d: %w", i+1, h.Nodes, err)
		}
	}
	r.badAddr = false
	if h.UserStateLen > 0 {
		userState = r.take(uint64(h.UserStateLen))
	}
	return h, userState, r.end("push/pull user state")
}

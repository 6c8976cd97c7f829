package wire

// MaxNamespace and MaxAlias bound what About carries, so that an announcement
// with all of it still fits a packet.
const (
	MaxNamespace = 128
	MaxAlias     = 32
)

// keys counts the fields that are present.
func (a *About) keys() (n byte) {
	if a.ID != 0 {
		n++
	}
	if a.Namespace != "" {
		n++
	}
	if a.Alias != "" {
		n++
	}
	if a.Leaving {
		n++
	}
	if a.MetaID != 0 {
		n++
	}
	return n
}

// They are written where their keys sort, among the others.

func (a *About) appendAlias(b []byte) []byte {
	if a.Alias == "" {
		return b
	}
	return appendString(append(b, keyAlias...), a.Alias)
}

func (a *About) appendMetaID(b []byte) []byte {
	if a.MetaID == 0 {
		return b
	}
	return appendUint(append(b, keyDetached...), a.MetaID)
}

func (a *About) appendID(b []byte) []byte {
	if a.ID == 0 {
		return b
	}
	return appendUint(append(b, keyID...), a.ID)
}

func (a *About) appendLeaving(b []byte) []byte {
	if !a.Leaving {
		return b
	}
	return appendBool(append(b, keyLeaving...), true)
}

func (a *About) appendNamespace(b []byte) []byte {
	if a.Namespace == "" {
		return b
	}
	return appendString(append(b, keyNamespace...), a.Namespace)
}

// field reads the value of one of the keys; false for any other key.
func (a *About) field(r *reader, key string) bool {
	switch key {
	case "A":
		a.Alias = r.str()
	case "D":
		a.MetaID = r.uint(1<<64 - 1)
	case "I":
		a.ID = r.uint(1<<64 - 1)
	case "L":
		a.Leaving = r.bool()
	case "N":
		a.Namespace = r.str()
	default:
		return false
	}
	return true
}

package memberlist

// The protocol versions that are understood, and the one that is spoken unless
// the configuration says otherwise. Version 3 brought the ping over a stream, 4
// the nack, 5 the checksum; each is used with any peer that understands it,
// whichever it speaks.
const (
	ProtocolVersionMin uint8 = 1

	ProtocolVersion2Compatible = 2

	ProtocolVersionMax = 5
)

// MetaMaxSize is how much metadata NodeMeta may return.
const MetaMaxSize = 512

// LabelMaxSize is the length of the longest label.
const LabelMaxSize = 255

package wire

import "errors"

// Every error of this package wraps one of these, or is the one a bufio.Reader
// returned. None of them changes a
// Codec, a Keyring or the bytes given in; a message that failed to decode
// holds whatever fields came before the fault and must not be used.
var (
	// ErrTruncated means the bytes end before the message does. The packet is
	// lost; on a stream the connection is of no more use.
	ErrTruncated = errors.New("wire: truncated")

	// ErrMalformed means the bytes are not what their place requires, for
	// instance a number where a name belongs. Drop the packet or close the
	// stream, whose position is now anywhere inside the message.
	ErrMalformed = errors.New("wire: malformed")

	// ErrRange means a number does not fit its field. As ErrMalformed.
	ErrRange = errors.New("wire: number out of range")

	// ErrAddress means an address is neither 4 nor 16 bytes long. All other
	// fields of the message have been decoded.
	ErrAddress = errors.New("wire: address is neither IPv4 nor IPv6")

	// ErrTooLarge means a limit of this package or of the caller would be
	// passed. Nothing of that size has been allocated. When encoding, send
	// less; when decoding, drop the packet or close the stream.
	ErrTooLarge = errors.New("wire: too large")

	// ErrType means a message type this place does not take.
	ErrType = errors.New("wire: unexpected message type")

	// ErrLabel means the label is missing, wrong, or present where none is
	// expected: the sender belongs to another cluster.
	ErrLabel = errors.New("wire: label mismatch")

	// ErrChecksum means the packet was damaged on its way.
	ErrChecksum = errors.New("wire: checksum mismatch")

	// ErrDecrypt means no key of the ring opens the message, or it is not
	// encrypted although it must be. Trying again helps only after the ring
	// has changed.
	ErrDecrypt = errors.New("wire: cannot decrypt")

	// ErrNoKey means an encrypted stream arrived where no key is installed.
	ErrNoKey = errors.New("wire: encrypted, but no key is installed")

	// ErrKey means a key has the wrong length, is not in the ring, or is the
	// primary one and so cannot be removed. The ring is unchanged.
	ErrKey = errors.New("wire: unusable key")

	// ErrCompression means the algorithm is unknown or its data is damaged.
	ErrCompression = errors.New("wire: cannot decompress")
)

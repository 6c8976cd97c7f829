// Package wire turns messages into hashicorp/memberlist's bytes and back.
//
// It is a leaf: it knows no clock, no socket and no goroutine, and imports
// nothing beyond the standard library, so that the core, the simulator and
// the tests may all lean on it. docs/wire.md describes the format itself.
//
// Messages are plain structs. Append writes one after whatever a buffer
// already holds, Decode reads one from the bytes after its type byte:
//
//	buf = (&wire.Ping{SeqNo: 1, Node: "b"}).Append(buf[:0])
//	pkt, err := codec.Seal(dst, buf, false)
//	...
//	msg, err := codec.Open(pkt, scratch)
//	var p wire.Ping
//	if wire.Type(msg[0]) == wire.TypePing {
//		err = p.Decode(msg[1:])
//	}
//
// Neither direction allocates. The price is that the strings and byte slices
// of a decoded message share memory with the buffer it was decoded from: clone
// what is kept before the buffer is used again.
//
// The layers of a packet, outermost first, are label, encryption, checksum,
// compression, message ([Codec]); a stream has a label once and then messages
// that are encrypted and compressed one by one. Several messages share a
// packet as a [Compound].
//
// Every decoder is written for bytes from strangers. None panics, none
// allocates by a length that has not yet been backed by received bytes, and
// each failure wraps one of the Err values, which say what is left behind.
package wire

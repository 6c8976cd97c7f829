package consensus

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
)

// One entry of the log carries many commands: the leader packs what is waiting
// into one, so that a burst costs one write to each disk and not hundreds.
//
//	version(1) kind(1) crc32c(4) count(uvarint) { session(16) seq(uvarint) floor(uvarint) len(uvarint) command }
//
// The checksum covers all but itself. It travels with the entry from the leader
// that made it to every FSM, whatever stores or copies it in between: neither
// the engine nor its log checks what it reads back.
const (
	entryVersion = 1
	entryHeader  = 6

	kindCommands = 1
	kindOpening  = 2 // a leader's first own entry: no command
)

// maxBatchCommands and maxBatchBytes bound one entry.
const (
	maxBatchCommands = 512
	maxBatchBytes    = 256 << 10
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// sessionID names one run of one server as an author of commands.
type sessionID [16]byte

// command is one proposal as it stands in the log.
type command struct {
	session sessionID
	seq     uint64 // counts the session's commands from 1
	floor   uint64 // the session waits for no answer below this
	data    []byte
}

// commandOverhead is the most that appendCommand adds to a command's bytes.
const commandOverhead = 16 + 3*binary.MaxVarintLen64

// appendCommand appends c as it stands in an entry, and as it is forwarded.
func appendCommand(b []byte, c command) []byte {
	b = append(b, c.session[:]...)
	b = binary.AppendUvarint(b, c.seq)
	b = binary.AppendUvarint(b, c.floor)
	b = binary.AppendUvarint(b, uint64(len(c.data)))
	return append(b, c.data...)
}

// readCommand reads what appendCommand wrote; the command aliases b.
func readCommand(b []byte) (c command, rest []byte, err error) {
	if len(b) < len(c.session) {
		return c, nil, fmt.Errorf("%w: command cut short", ErrCorrupt)
	}
	copy(c.session[:], b)
	b = b[len(c.session):]
	var size uint64
	for _, v := range []*uint64{&c.seq, &c.floor, &size} {
		n := 0
		if *v, n = binary.Uvarint(b); n <= 0 {
			return c, nil, fmt.Errorf("%w: command cut short", ErrCorrupt)
		}
		b = b[n:]
	}
	if c.seq == 0 || c.floor > c.seq || c.seq-c.floor >= maxWindow {
		return c, nil, fmt.Errorf("%w: command %d with floor %d", ErrCorrupt, c.seq, c.floor)
	}
	if size > largestCommand || size > uint64(len(b)) {
		return c, nil, fmt.Errorf("%w: command of %d bytes in %d", ErrCorrupt, size, len(b))
	}
	c.data = b[:size:size]
	return c, b[size:], nil
}

// encodeEntry builds an entry of encoded commands.
func encodeEntry(kind byte, commands [][]byte) []byte {
	size := entryHeader + binary.MaxVarintLen64
	for _, c := range commands {
		size += len(c)
	}
	b := make([]byte, entryHeader, size)
	b[0], b[1] = entryVersion, kind
	if kind == kindCommands {
		b = binary.AppendUvarint(b, uint64(len(commands)))
		for _, c := range commands {
			b = append(b, c...)
		}
	}
	binary.LittleEndian.PutUint32(b[2:], entrySum(b))
	return b
}

// entrySum is the checksum over all of the entry but the checksum.
func entrySum(b []byte) uint32 {
	return crc32.Update(crc32.Checksum(b[:2], castagnoli), castagnoli, b[entryHeader:])
}

// checkEntry says whether an entry is what its author wrote.
func checkEntry(b []byte) error {
	if len(b) < entryHeader {
		return fmt.Errorf("%w: entry of %d bytes", ErrCorrupt, len(b))
	}
	if sum := binary.LittleEndian.Uint32(b[2:]); sum != entrySum(b) {
		return fmt.Errorf("%w: checksum is %08x, entry says %08x", ErrCorrupt, entrySum(b), sum)
	}
	if b[0] != entryVersion {
		return fmt.Errorf("%w: entry of version %d, this program knows %d", ErrCorrupt, b[0], entryVersion)
	}
	return nil
}

// decodeEntry checks an entry and returns its commands, which alias b.
func decodeEntry(b []byte) (kind byte, commands []command, err error) {
	if err := checkEntry(b); err != nil {
		return 0, nil, err
	}
	kind, b = b[1], b[entryHeader:]
	switch kind {
	case kindOpening:
		return kind, nil, nil
	case kindCommands:
	default:
		return 0, nil, fmt.Errorf("%w: entry of kind %d", ErrCorrupt, kind)
	}
	count, n := binary.Uvarint(b)
	if n <= 0 || count > maxBatchCommands {
		return 0, nil, fmt.Errorf("%w: entry of %d commands", ErrCorrupt, count)
	}
	b = b[n:]
	commands = make([]command, 0, count)
	for range count {
		var c command
		if c, b, err = readCommand(b); err != nil {
			return 0, nil, err
		}
		commands = append(commands, c)
	}
	if len(b) != 0 {
		return 0, nil, fmt.Errorf("%w: %d bytes behind the last command", ErrCorrupt, len(b))
	}
	return kind, commands, nil
}

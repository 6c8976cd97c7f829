package consensus

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"sync"

	"github.com/hashicorp/raft"
)

// voteFile keeps what the engine must never forget: the term and the vote. It
// is two places of one small file, written in turn, so that the older one is
// whole while the newer is being written. Each place holds two copies: when both
// are bad the write was torn, and nothing was said to anybody that depends on it;
// when one is, it was damaged later. The space is there from the beginning, so
// that a full disk does not stop an election. raft-wal's own store for this is a
// B+ tree with two waits for the disk per value, six for a vote, in the middle of
// every election.
//
//	copy: seq(8) term(8) voteTerm(8) len(2) candidate crc32c(4), padded to voteCopy
type voteFile struct {
	mu   sync.Mutex
	f    *os.File
	seq  uint64
	kept vote
	half *uint64 // the term of a vote whose candidate is not known yet
}

type vote struct {
	term      uint64
	voteTerm  uint64
	candidate []byte
}

const (
	voteSize = 4096 // of a place: it shares no block with the other
	voteCopy = voteSize / 2
	voteHead = 26

	keyTerm      = "CurrentTerm"
	keyVoteTerm  = "LastVoteTerm"
	keyCandidate = "LastVoteCand"
)

// openVoteFile opens the file, or makes one without a term.
func openVoteFile(path string) (_ *voteFile, err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	v := &voteFile{f: f}
	defer func() {
		if err != nil {
			err = errors.Join(err, f.Close())
		}
	}()
	b := make([]byte, 2*voteSize)
	n, err := io.ReadFull(f, b)
	if errors.Is(err, io.EOF) {
		_, err = f.WriteAt(make([]byte, len(b)), 0) // new
		return v, errors.Join(err, f.Sync())
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %s has %d bytes: %w", ErrCorrupt, path, n, err)
	}
	good := 0
	for at := 0; at < len(b); at += voteCopy {
		seq, kept, ok := readVote(b[at : at+voteCopy])
		if !ok {
			continue
		}
		good++
		if seq >= v.seq {
			v.seq, v.kept = seq, kept
		}
	}
	if good == 0 {
		return nil, fmt.Errorf("%w: %s holds no term", ErrCorrupt, path)
	}
	return v, nil
}

// readVote reads one copy. One that was never written is good, and the oldest.
func readVote(b []byte) (seq uint64, v vote, ok bool) {
	n := int(binary.BigEndian.Uint16(b[24:]))
	if voteHead+n+4 > len(b) {
		return 0, v, false
	}
	seq = binary.BigEndian.Uint64(b)
	v.term, v.voteTerm = binary.BigEndian.Uint64(b[8:]), binary.BigEndian.Uint64(b[16:])
	if n > 0 {
		v.candidate = b[voteHead : voteHead+n : voteHead+n]
	}
	if !bytes.ContainsFunc(b, func(r rune) bool { return r != 0 }) {
		return 0, v, true
	}
	return seq, v, binary.BigEndian.Uint32(b[voteHead+n:]) == crc32.Checksum(b[:voteHead+n], castagnoli)
}

// write puts v on disk.
func (f *voteFile) write(v vote) error {
	if voteHead+len(v.candidate)+4 > voteCopy {
		return fmt.Errorf("a candidate's name of %d bytes", len(v.candidate))
	}
	b := make([]byte, voteHead, voteSize)
	binary.BigEndian.PutUint64(b, f.seq+1)
	binary.BigEndian.PutUint64(b[8:], v.term)
	binary.BigEndian.PutUint64(b[16:], v.voteTerm)
	binary.BigEndian.PutUint16(b[24:], uint16(len(v.candidate)))
	b = append(b, v.candidate...)
	b = binary.BigEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
	b = append(b[:voteCopy], b[:voteCopy]...)
	if _, err := f.f.WriteAt(b, int64((f.seq+1)%2)*voteSize); err != nil {
		return err
	}
	if err := f.f.Sync(); err != nil {
		return err
	}
	f.seq, f.kept = f.seq+1, v
	return nil
}

// Set implements raft.StableStore. The candidate completes a vote: term and
// candidate are written together, so no crash can leave one without the other
// (hashicorp/raft issue 661).
func (f *voteFile) Set(key, val []byte) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if string(key) != keyCandidate || f.half == nil {
		return fmt.Errorf("value %q does not belong here", key)
	}
	v := f.kept
	v.voteTerm, v.candidate = *f.half, append([]byte(nil), val...)
	if err := f.write(v); err != nil {
		return err
	}
	f.half = nil
	return nil
}

// SetUint64 implements raft.StableStore.
func (f *voteFile) SetUint64(key []byte, val uint64) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch string(key) {
	case keyTerm:
		if val == f.kept.term {
			return nil // the engine says it at every start
		}
		v := f.kept
		v.term = val
		return f.write(v)
	case keyVoteTerm:
		f.half = &val
		return nil
	}
	return fmt.Errorf("value %q does not belong here", key)
}

// Get implements raft.StableStore.
func (f *voteFile) Get(key []byte) ([]byte, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if string(key) != keyCandidate {
		return nil, fmt.Errorf("value %q does not belong here", key)
	}
	return f.kept.candidate, nil
}

// GetUint64 implements raft.StableStore.
func (f *voteFile) GetUint64(key []byte) (uint64, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch string(key) {
	case keyTerm:
		return f.kept.term, nil
	case keyVoteTerm:
		return f.kept.voteTerm, nil
	}
	return 0, fmt.Errorf("value %q does not belong here", key)
}

func (f *voteFile) close() error { return f.f.Close() }

var _ raft.StableStore = (*voteFile)(nil)

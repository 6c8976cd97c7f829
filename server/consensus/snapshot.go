package consensus

import (
	"bufio"
	"errors"
	"fmt"
	"hash/crc32"
	"io"

	"github.com/hashicorp/raft"
)

// A snapshot file:
//
//	"mustersnap" version(1) index(8) count(8)
//	sessions(4) { id(16) floor(8) used(8) answers(4) { seq(8) len(4) answer } }
//	{ len(4) bytes } of the FSM, ended by len 0
//	crc32c(4) over all before it
//
// Integers are big-endian. The engine's store has a checksum of its own; this
// one also covers the way from another server, and the length.
const (
	snapMagic   = "mustersnap"
	snapVersion = 1
	snapChunk   = 64 << 10
	maxAnswer   = 512 << 10
)

// Snapshot implements raft.FSM.
func (m *machine) Snapshot() (raft.FSMSnapshot, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.fault != nil {
		return nil, m.fault
	}
	write, err := m.fsm.Snapshot()
	if err != nil {
		return nil, fmt.Errorf("capturing the state: %w", err)
	}
	return &machineSnapshot{
		index:    m.progress.at(),
		count:    m.count,
		sessions: m.sessions.clone(),
		write:    write,
	}, nil
}

// machineSnapshot is a captured state on its way to a file.
type machineSnapshot struct {
	index    uint64
	count    uint64
	sessions *sessions
	write    func(io.Writer) error
}

// Persist implements raft.FSMSnapshot.
func (s *machineSnapshot) Persist(sink raft.SnapshotSink) error {
	// The engine's index may be that of an entry the FSM never sees.
	if at, ok := sink.(interface{ index() uint64 }); ok {
		s.index = max(s.index, at.index())
	}
	if err := s.encode(sink); err != nil {
		return errors.Join(err, sink.Cancel())
	}
	return sink.Close()
}

// Release implements raft.FSMSnapshot.
func (s *machineSnapshot) Release() {}

func (s *machineSnapshot) encode(to io.Writer) error {
	w := &sumWriter{w: bufio.NewWriterSize(to, snapChunk), sum: crc32.New(castagnoli)}
	w.bytes([]byte(snapMagic))
	w.bytes([]byte{snapVersion})
	w.u64(s.index)
	w.u64(s.count)
	w.u32(uint32(len(s.sessions.byID)))
	for _, id := range s.sessions.ids() {
		ses := s.sessions.byID[id]
		w.bytes(id[:])
		w.u64(ses.floor)
		w.u64(ses.used)
		w.u32(uint32(len(ses.done)))
		for seq, answer := range ses.done {
			w.u64(seq)
			w.u32(uint32(len(answer)))
			w.bytes(answer)
		}
	}
	chunks := bufio.NewWriterSize(chunkWriter{w}, snapChunk)
	if err := s.write(chunks); err != nil {
		return fmt.Errorf("writing the state: %w", err)
	}
	if err := chunks.Flush(); err != nil {
		return err
	}
	w.u32(0)
	w.u32(w.sum.Sum32())
	if w.err != nil {
		return w.err
	}
	return w.w.Flush()
}

// Restore implements raft.FSM. Nothing of the machine changes when it fails,
// except the FSM's own state: the engine then tries an older snapshot, and when
// there is none, or the node is running, the node stops.
func (m *machine) Restore(from io.ReadCloser) error {
	err := m.restore(from)
	if err != nil {
		err = fmt.Errorf("restoring a snapshot: %w", err)
		m.fail(err)
	}
	return err
}

func (m *machine) restore(from io.Reader) error {
	r := &sumReader{r: bufio.NewReaderSize(from, snapChunk), sum: crc32.New(castagnoli)}
	index, count, sessions, err := readSnapshotHead(r)
	if err != nil {
		return err
	}
	chunks := &chunkReader{r: r}
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.fsm.Restore(chunks); err != nil {
		return fmt.Errorf("the state: %w", err)
	}
	if _, err := io.Copy(io.Discard, chunks); err != nil {
		return err
	}
	sum := r.sum.Sum32()
	said := r.u32()
	if r.err != nil {
		return fmt.Errorf("%w: snapshot lacks its checksum: %w", ErrCorrupt, r.err)
	}
	if said != sum {
		return fmt.Errorf("%w: snapshot has checksum %08x, says %08x", ErrCorrupt, sum, said)
	}
	m.count, m.sessions = count, sessions
	m.progress.reach(index)
	return nil
}

// readSnapshotHead reads all that stands before the FSM's own bytes.
func readSnapshotHead(r *sumReader) (index, count uint64, s *sessions, err error) {
	if magic := r.bytes(len(snapMagic)); r.err != nil || string(magic) != snapMagic {
		return 0, 0, nil, fmt.Errorf("%w: not a snapshot", ErrCorrupt)
	}
	if v := r.bytes(1); r.err == nil && v[0] != snapVersion {
		return 0, 0, nil, fmt.Errorf("%w: snapshot of version %d, this program knows %d", ErrCorrupt, v[0], snapVersion)
	}
	index, count = r.u64(), r.u64()
	s = newSessions()
	n := r.u32()
	if n > maxSessions {
		return 0, 0, nil, fmt.Errorf("%w: snapshot of %d sessions", ErrCorrupt, n)
	}
	for range n {
		var id sessionID
		copy(id[:], r.bytes(len(id)))
		ses := &session{floor: r.u64(), used: r.u64(), done: make(map[uint64][]byte)}
		answers := r.u32()
		if answers > maxWindow {
			return 0, 0, nil, fmt.Errorf("%w: session of %d answers", ErrCorrupt, answers)
		}
		for range answers {
			seq, size := r.u64(), r.u32()
			if size > maxAnswer {
				return 0, 0, nil, fmt.Errorf("%w: answer of %d bytes", ErrCorrupt, size)
			}
			ses.done[seq] = r.bytes(int(size))
			if r.err != nil {
				break
			}
		}
		s.byID[id] = ses
	}
	if r.err != nil {
		return 0, 0, nil, fmt.Errorf("%w: snapshot cut short: %w", ErrCorrupt, r.err)
	}
	return index, count, s, nil
}

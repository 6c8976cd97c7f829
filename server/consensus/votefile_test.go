package consensus

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"
)

func openVotes(t *testing.T, path string) *voteFile {
	t.Helper()
	v, err := openVoteFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func (f *voteFile) mustVote(t *testing.T, term uint64, who string) {
	t.Helper()
	err := errors.Join(f.SetUint64([]byte(keyTerm), term), f.SetUint64([]byte(keyVoteTerm), term), f.Set([]byte(keyCandidate), []byte(who)))
	if err != nil {
		t.Fatal(err)
	}
}

func TestVoteFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "vote")
	for term := uint64(1); term < 6; term++ {
		v := openVotes(t, path)
		if v.kept.term != term-1 || term > 1 && string(v.kept.candidate) != string(rune('a'+term-1)) {
			t.Fatalf("before term %d: %+v", term, v.kept)
		}
		v.mustVote(t, term, string(rune('a'+term)))
		if err := v.close(); err != nil {
			t.Fatal(err)
		}
	}
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	// Term 5 is written, then the vote: the newest place is that of write 10.
	newest := 10 % 2 * voteSize
	for name, c := range map[string]struct {
		harm func(b []byte)
		term uint64
		who  string
	}{
		"one copy damaged":   {func(b []byte) { b[newest+9] ^= 1 }, 5, "f"},
		"the other damaged":  {func(b []byte) { b[newest+voteCopy+9] ^= 1 }, 5, "f"},
		"the write was torn": {func(b []byte) { b[newest+9] ^= 1; b[newest+voteCopy+9] ^= 1 }, 5, "e"},
		"the old one is bad": {func(b []byte) { clear(b[voteSize-newest:][:64]) }, 5, "f"},
	} {
		b := bytes.Clone(good)
		c.harm(b)
		if err := os.WriteFile(path, b, 0o644); err != nil {
			t.Fatal(err)
		}
		v := openVotes(t, path)
		if v.kept.term != c.term || string(v.kept.candidate) != c.who {
			t.Errorf("%s: %+v", name, v.kept)
		}
		if err := v.close(); err != nil {
			t.Error(err)
		}
	}
	for _, b := range [][]byte{bytes.Repeat([]byte{7}, 2*voteSize), good[:100]} {
		if err := os.WriteFile(path, b, 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := openVoteFile(path); !errors.Is(err, ErrCorrupt) {
			t.Errorf("%d bytes: %v", len(b), err)
		}
	}
}

// A crash in the middle of a vote (hashicorp/raft issue 661) never lets a server
// vote for two in one term, nor keeps it from voting.
func TestVoteInterrupted(t *testing.T) {
	path := filepath.Join(t.TempDir(), "vote")
	logs, snaps := raft.NewInmemStore(), raft.NewInmemSnapshotStore()
	config := engineConfig(Options{ID: "v"}.withDefaults(), hclog.NewNullLogger())
	config.HeartbeatTimeout, config.ElectionTimeout = 10*time.Second, 10*time.Second // it only votes
	conf := raft.Configuration{Servers: []raft.Server{{ID: "v", Address: "v"}, {ID: "x", Address: "x"}, {ID: "y", Address: "y"}}}
	vote := func(who string, term uint64, crash bool) bool {
		t.Helper()
		v := openVotes(t, path)
		stable := &dyingVotes{voteFile: v, dead: crash}
		_, tv := raft.NewInmemTransport("v")
		if err := raft.BootstrapCluster(config, logs, stable, snaps, tv, conf); err != nil && !errors.Is(err, raft.ErrCantBootstrap) {
			t.Fatal(err)
		}
		r, err := raft.NewRaft(config, newMachine(newKV()), logs, stable, snaps, tv)
		if err != nil {
			t.Fatal(err)
		}
		_, tw := raft.NewInmemTransport(raft.ServerAddress(who))
		tw.Connect("v", tv)
		var resp raft.RequestVoteResponse
		err = tw.RequestVote("v", "v", &raft.RequestVoteRequest{
			RPCHeader: raft.RPCHeader{ProtocolVersion: 3, ID: []byte(who), Addr: []byte(who)},
			Term:      term, LastLogIndex: 10, LastLogTerm: 1,
		}, &resp)
		granted := err == nil && resp.Granted
		if err := errors.Join(r.Shutdown().Error(), v.close()); err != nil {
			t.Fatal(err)
		}
		return granted
	}
	if !vote("x", 5, false) {
		t.Fatal("no vote for x in term 5")
	}
	if vote("y", 5, false) {
		t.Error("two votes in term 5")
	}
	if vote("y", 6, true) {
		t.Fatal("a vote that was not written was given")
	}
	x, y := vote("x", 6, false), vote("y", 6, false)
	if !x || y {
		t.Errorf("votes in term 6: x %v, y %v; want x, which asked first", x, y)
	}
}

// dyingVotes loses the process, as it were, before the candidate is written.
type dyingVotes struct {
	*voteFile
	dead bool
}

func (s *dyingVotes) Set(key, val []byte) error {
	if s.dead {
		return errors.New("killed")
	}
	return s.voteFile.Set(key, val)
}

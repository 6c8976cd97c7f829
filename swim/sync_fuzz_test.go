package swim

import (
	"bytes"
	"encoding/binary"
	"errors"
	"testing"
	"time"

	"github.com/musterhq/muster/internal/sketch"
	"github.com/musterhq/muster/wire"
)

// syncSeeds are messages of a sync with a core that knows the peers of fuzzed.
func syncSeeds() [][]byte {
	var states, hashes []byte
	var set []uint64
	for i := range 24 {
		s := wire.PushNodeState{
			Name: peerName(i), Addr: peerAddr(i + i%7/6).Addr(), Port: 7946, Incarnation: uint32(i % 3), State: wire.State(i % 4),
			Versions: DefaultVersions, Caps: wire.CapMuster,
		}
		states = s.AppendSyncState(states)
		h, _ := hashState(7, &s, nil)
		hashes = binary.BigEndian.AppendUint64(hashes, h)
		set = append(set, h)
	}
	all := []wire.Sync{
		{Kind: wire.SyncRoot, Salt: 7, Count: 20, Root: 1, To: 40},
		{Kind: wire.SyncRoot, Salt: 7, Scope: "dev", Count: 1 << 20, Root: 1, To: 1 << 22},
		{Kind: wire.SyncMore, Salt: 7, From: 10, To: 1 << 22},
		{Kind: wire.SyncDiff, Salt: 7, Wanted: hashes, States: states},
		{Kind: wire.SyncDiff, Salt: 7, All: true, States: states},
		{Kind: wire.SyncEqual},
		{Kind: wire.SyncSymbols, Root: 1, Count: 24, Symbols: sketch.Append(nil, sketch.Symbols(set, 0, 20)...)},
		{Kind: wire.SyncSymbols, Root: 1, Count: 24, From: 20, Symbols: sketch.Append(nil, sketch.Symbols(set, 20, 24)...)},
		{Kind: wire.SyncSymbols, Root: 2, Count: 1 << 20},
		{Kind: wire.SyncStates, States: states},
	}
	var msgs [][]byte
	for _, m := range all {
		msgs = append(msgs, m.Append(nil))
	}
	return msgs
}

// checkSync checks what a core with some twenty members says in a sync.
func checkSync(t *testing.T, b []byte) {
	t.Helper()
	var m wire.Sync
	if err := m.Decode(b); err != nil {
		t.Fatalf("says %x: %v", b, err)
	}
	if n := len(m.Symbols) / wire.SymbolSize; n > 200 || m.To > 200 {
		t.Fatalf("%d symbols, or asks for them up to %d", n, m.To)
	}
}

// FuzzSync has a core begin a sync, in which the other side says anything. An
// input is the answers, each behind its length. Between two of them the first
// one comes as a request, too.
func FuzzSync(f *testing.F) {
	chain := func(msgs ...[]byte) (b []byte) {
		for _, m := range msgs {
			b = append(binary.BigEndian.AppendUint16(b, uint16(len(m))), m...)
		}
		return b
	}
	seeds := syncSeeds()
	for _, m := range seeds {
		f.Add(chain(m))
		f.Add(chain(seeds[6], m, seeds[9], seeds[9]))
	}
	f.Add(chain(seeds...))
	f.Fuzz(func(t *testing.T, b []byte) {
		l := fuzzed(t, func(c *Config) { c.Caps = wire.CapSync })
		most := l.table.count + len(b)/syncStateSize
		id, _ := l.table.find(peerName(1))
		l.table.at(id).caps |= wire.CapSync
		l.advance(l.now)
		l.syncWith(id)
		stream := l.Ready().Streams[0]
		for next, rounds := stream.Request, 1; next != nil; rounds++ {
			checkSync(t, next)
			var reply []byte
			err := errors.New("no more")
			if len(b) >= 2 {
				n := min(int(binary.BigEndian.Uint16(b)), len(b)-2)
				reply, b, err = bytes.Clone(b[2:2+n]), b[2+n:], nil
				if answer, err := l.Serve(l.now, peerAddr(2), bytes.Clone(reply)); err == nil && answer != nil {
					checkAnswer(t, answer)
				}
				l.Ready()
			}
			next = l.StreamDone(l.now, stream.ID, reply, err)
			clear(reply)
			if err := l.Check(); err != nil {
				t.Fatal(err)
			}
			if rounds > SyncRounds+1 || err != nil && next != nil {
				t.Fatalf("round %d goes on with %x after %v", rounds, next, err)
			}
		}
		if l.table.count > most {
			t.Fatalf("%d members", l.table.count)
		}
		l.run(time.Second, func(rd Ready) {
			for _, s := range rd.Streams {
				defer l.StreamDone(l.now, s.ID, nil, errors.New("refused"))
			}
		})
	})
}

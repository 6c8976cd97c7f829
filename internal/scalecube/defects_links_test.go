package scalecube

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/musterhq/muster"
	"github.com/musterhq/muster/mustertest"
)

// Section 2.11, defects 2, 6 and 7: what bad links must not bring about.

// TestDefect2BrokenLink: c0 cannot send to c1; c2 and c3 help. In Java all is
// well until c1 is suspected once. Then c0 would have to fetch its metadata
// over the broken link before it believes the refutation.
func TestDefect2BrokenLink(t *testing.T) {
	bubble(t, func(s *stage) {
		names := []string{"c0", "c1", "c2", "c3"}
		s.startAll(names...)
		s.net.Block("c0", "c1")
		s.hold(3*time.Second, everybody(names...))
		s.net.Isolate("c1")
		s.await(2*time.Second, views{"c0": "c0 c1? c2 c3", "c2": "c0 c1? c2 c3", "c3": "c0 c1? c2 c3"})
		s.net.Reconnect("c1")
		s.settle(time.Second, s.suspicion(), everybody(names...))
		for _, name := range names {
			s.awaitRemoved(0, views{name: ""})
		}
		for _, size := range []int{10, 10_000} {
			meta := bytes.Repeat([]byte{'m'}, size)
			if err := s.nodes["c1"].SetMeta(meta); err != nil {
				s.Fatal(err)
			}
			s.awaitThat(3*time.Second, fmt.Sprintf("c0 has the %d bytes of c1", size), func() bool {
				m, _ := s.nodes["c0"].Member("c1")
				return bytes.Equal(m.Meta, meta)
			})
		}
	})
}

// TestDefect6OneVerdict: of two helpers one cannot reach the member and says so
// at once. Java publishes SUSPECT then, and ALIVE when the other one answers.
func TestDefect6OneVerdict(t *testing.T) {
	bubble(t, func(s *stage) {
		s.startAll("a", "b", "c", "d")
		s.net.Block("a", "b")
		s.net.Block("c", "b")
		s.net.SetLink(mustertest.Any, "c", mustertest.Link{Refuse: true}) // streams at once
		s.hold(30*pingInterval, everybody("a", "b", "c", "d"))
		s.unsuspected()
	})
}

// TestDefect7OlderMetadata: updates that follow each other closely, inline and
// detached ones, over links that reorder and repeat: nobody ever sees an older
// one after a newer one, and everybody ends with the last. In Java the slower of
// two fetches wins.
func TestDefect7OlderMetadata(t *testing.T) {
	bubble(t, func(s *stage) {
		names := []string{"a", "b", "c", "d"}
		s.change = func(c *muster.Config) { c.StreamTimeout, c.Records.StreamTimeout = 3*time.Second, 3*time.Second }
		s.startAll(names...)
		s.net.SetDefault(mustertest.Link{Tail: 150 * time.Millisecond, Reorder: 0.3, Duplicate: 0.3})
		const versions = 40
		chance := rand.New(rand.NewPCG(s.net.Seed(), 7))
		for v := 1; v <= versions; v++ {
			meta := strconv.Itoa(v) + " " + strings.Repeat("m", []int{0, 300, 2000, 20_000}[chance.IntN(4)])
			if err := s.nodes["d"].SetMeta([]byte(meta)); err != nil {
				s.Fatal(err)
			}
			time.Sleep(time.Duration(chance.Int64N(int64(200 * time.Millisecond))))
		}
		s.net.SetDefault(mustertest.LAN())
		s.awaitThat(30*time.Second, "everybody has the last", func() bool {
			for _, name := range names {
				if m, _ := s.nodes[name].Member("d"); version(m.Meta) != versions {
					return false
				}
			}
			return true
		})
		for _, name := range names {
			last, meta := 0, []byte(nil)
			for _, e := range s.told(name, "d", muster.MemberUpdated) {
				v := version(e.Member.Meta)
				if v <= last {
					s.Errorf("%s told of version %d after %d", name, v, last)
				}
				if last > 0 && !bytes.Equal(e.OldMeta, meta) {
					s.Errorf("%s told of version %d as the one before %d, which was %d", name, version(e.OldMeta), v, last)
				}
				last, meta = v, e.Member.Meta
			}
			if last != versions {
				s.Errorf("%s told of %d as the last version", name, last)
			}
		}
	})
}

// version is the number that metadata of this test begins with.
func version(meta []byte) int {
	number, _, _ := strings.Cut(string(meta), " ")
	v, err := strconv.Atoi(number)
	if err != nil {
		return 0
	}
	return v
}

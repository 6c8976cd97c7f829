package sim

import (
	"errors"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/musterhq/muster/internal/script"
)

// What is written reads back, for anything that can be generated.
func TestScheduleRoundTrip(t *testing.T) {
	for seed := range uint64(200) {
		s := Generate(seed, 3+int(seed%60))
		f, err := script.Parse(s.File("a comment\nof two lines"))
		if err != nil {
			t.Fatalf("seed %d: %v\n%v", seed, err, s)
		}
		again, err := ParseScenario(f.Commands[0])
		if err != nil {
			t.Fatalf("seed %d: %v\n%v", seed, err, s)
		}
		if again.String() != s.String() {
			t.Errorf("seed %d: wrote\n%vread back\n%v", seed, s, again)
		}
	}
}

func TestParseFaults(t *testing.T) {
	good, err := ParseSchedule("2s loss * for 3s 20%\n\n1.5s crash b,c for 8s move silent swap # comment\n3s cut a>n26\n4s mtu b,c 500B\n5s jump a 1m30s\n")
	if err != nil {
		t.Fatal(err)
	}
	const want = "1.5s crash b,c for 8s move silent swap\n2s loss * for 3s 20%\n3s cut a>n26\n4s mtu b,c 500B\n5s jump a 1m30s\n"
	if s := good.String(); s != want {
		t.Errorf("got\n%swant\n%s", s, want)
	}
	if good.End() != 9500*time.Millisecond {
		t.Errorf("ends at %v", good.End())
	}
	for _, bad := range []string{
		"crash b", "1s", "1x crash b", "1s fly b", "1s crash B", "1s crash b,b", "1s crash b for", "1s crash b sideways",
		"1s loss *", "1s loss * 120%", "1s cut a,b", "1s cut *", "1s part a for 3s 5%", "-1s crash b", "1s mtu b many", "1s crash n3",
	} {
		if s, err := ParseSchedule(bad); !errors.Is(err, ErrSchedule) {
			t.Errorf("%q is accepted: %v, %v", bad, s, err)
		}
	}
}

func TestNames(t *testing.T) {
	for i := range 200 {
		if j := Index(Name(i)); j != i {
			t.Errorf("%d is called %q, which is %d", i, Name(i), j)
		}
	}
	for _, name := range []string{"", "A", "n3", "n026", "aa", "n-1"} {
		if i := Index(name); i != -1 {
			t.Errorf("%q is %d", name, i)
		}
	}
}

func TestTuningFaults(t *testing.T) {
	for _, bad := range []Tuning{{"moon"}, {"lan", "speed=3"}, {"lan", "k=three"}, {"lan", "probe=fast"}, {"lan", "compress=perhaps"}} {
		if _, err := bad.Config(); !errors.Is(err, ErrTuning) {
			t.Errorf("%v is accepted: %v", bad, err)
		}
	}
}

// Every generated configuration is one that the core accepts, and every fault
// is over some day or leaves somebody to find.
func TestGenerateIsLegal(t *testing.T) {
	for seed := range uint64(500) {
		s := Generate(seed, 3+int(seed%7))
		cfg, err := s.Tuning.Config()
		if err != nil {
			t.Fatal(err)
		}
		cfg.Name, cfg.Addr = "a", addrForTest
		if err := cfg.Validate(); err != nil {
			t.Errorf("seed %d: %v: %v", seed, s.Tuning, err)
		}
		for _, f := range s.Faults {
			forGood := f.For == 0 && !slices.Contains([]Kind{Jump, Meta, Say}, f.Kind)
			if forGood && (f.Kind != Crash && f.Kind != Leave || slices.Contains(f.Targets, 0)) {
				t.Errorf("seed %d: %v is never over", seed, f)
			}
		}
	}
}

// The heap gives back in order, ties by sequence.
func TestHeap(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	var h eventHeap
	var want []item
	for range 2000 {
		if len(h) > 0 && r.IntN(3) == 0 {
			slices.SortFunc(want, func(a, b item) int {
				if a.before(b) {
					return -1
				}
				return 1
			})
			if got := h.pop(); got != want[0] {
				t.Fatalf("popped %v, want %v", got, want[0])
			}
			want = want[1:]
			continue
		}
		it := item{at: r.Int64N(50), seq: uint64(len(want)) + r.Uint64N(1e9), ev: 7}
		h.push(it)
		want = append(want, it)
	}
}

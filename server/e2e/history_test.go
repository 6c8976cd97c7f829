package e2e

import (
	"cmp"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
)

// An operation on one register, which is an instance's or a service's metadata:
// "" means that it is not there.
type operation struct {
	register string
	write    bool
	value    string
}

type outcome struct {
	value   string // of a read
	unknown bool   // a write that may have happened, and may still
}

// registers is the specification: each holds what was last written. A write of
// unknown outcome never returns, so it may take effect at any time after its
// call, or, behind everything else, as good as never.
var registers = porcupine.Model{
	Partition: func(history []porcupine.Operation) [][]porcupine.Operation {
		by := make(map[string][]porcupine.Operation)
		for _, o := range history {
			name := o.Input.(operation).register
			by[name] = append(by[name], o)
		}
		return slices.Collect(maps.Values(by))
	},
	Init: func() any { return "" },
	Step: func(state, input, output any) (bool, any) {
		in, out := input.(operation), output.(outcome)
		if in.write {
			return true, in.value
		}
		return out.value == state.(string), state
	},
	DescribeOperation: func(input, output any) string {
		in, out := input.(operation), output.(outcome)
		switch {
		case in.write && out.unknown:
			return fmt.Sprintf("%s := %q ?", in.register, in.value)
		case in.write:
			return fmt.Sprintf("%s := %q", in.register, in.value)
		}
		return fmt.Sprintf("%s is %q", in.register, out.value)
	},
}

// history is what clients did and were told.
type history struct {
	began time.Time
	mu    sync.Mutex
	ops   []porcupine.Operation

	writes, reads, unknown, refused atomic.Int64
	lastWrite                       time.Time // that was acknowledged
	gap                             time.Duration
}

func newHistory() *history {
	now := time.Now()
	return &history{began: now, lastWrite: now}
}

// never is when an operation of unknown outcome returns.
const never = int64(1) << 62

// wrote adds a write that began at that time and has ended now.
func (h *history) wrote(client int, begin time.Time, o operation, known bool) {
	now := time.Now()
	op := porcupine.Operation{
		ClientId: client, Input: o, Call: int64(begin.Sub(h.began)), Return: int64(now.Sub(h.began)), Output: outcome{unknown: !known},
	}
	if !known {
		op.Return = never
		h.unknown.Add(1)
	} else {
		h.writes.Add(1)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.ops = append(h.ops, op)
	if known {
		h.gap, h.lastWrite = max(h.gap, now.Sub(h.lastWrite)), now
	}
}

// read adds a read of several registers at once: it is a read of each.
func (h *history) read(client int, begin time.Time, values map[string]string) {
	end := int64(time.Since(h.began))
	h.reads.Add(1)
	h.mu.Lock()
	defer h.mu.Unlock()
	for register, v := range values {
		h.ops = append(h.ops, porcupine.Operation{
			ClientId: client, Input: operation{register: register}, Call: int64(begin.Sub(h.began)), Return: end, Output: outcome{value: v},
		})
	}
}

// check fails the test, and leaves a picture, when no single copy could have
// behaved like this.
func (h *history) check(t *testing.T) {
	t.Helper()
	h.mu.Lock()
	defer h.mu.Unlock()
	begin := time.Now()
	ops := settle(h.ops)
	res, info := porcupine.CheckOperationsVerbose(registers, ops, 3*time.Minute)
	t.Logf("%d operations on single registers: porcupine says %v after %v", len(ops), res, time.Since(begin).Round(time.Millisecond))
	if res == porcupine.Ok {
		return
	}
	f, err := os.CreateTemp("", "history-*.html")
	if err == nil {
		err = porcupine.Visualize(registers, info, f)
	}
	t.Errorf("the history is %v linearizable; see %v (%v)", res, f.Name(), err)
}

// settle makes a history cheaper to check, and neither better nor worse. Without
// it the check takes minutes, or for ever.
func settle(history []porcupine.Operation) []porcupine.Operation {
	reads := make(map[string][]porcupine.Operation) // by register and value
	var writes []porcupine.Operation
	for _, o := range history {
		if in := o.Input.(operation); in.write {
			writes = append(writes, o)
		} else {
			key := in.register + " " + o.Output.(outcome).value
			reads[key] = append(reads[key], o)
		}
	}
	out := settleWrites(writes, reads)
	for _, rs := range reads {
		out = append(out, withoutImplied(rs)...)
	}
	return out
}

// settleWrites says of writes of unknown outcome what follows from the reads, as
// each writes a value that no other does. One whose value was read had happened
// when the first of those reads ended. One whose value was never read may be left
// out: it can always have happened after all else. Removals write nothing of
// their own, and stay as they are.
func settleWrites(writes []porcupine.Operation, reads map[string][]porcupine.Operation) (out []porcupine.Operation) {
	for _, o := range writes {
		in := o.Input.(operation)
		if in.value != "" && o.Output.(outcome).unknown {
			seen := reads[in.register+" "+in.value]
			if len(seen) == 0 {
				continue
			}
			for _, r := range seen {
				// A read that ended before the write began is for porcupine to find.
				o.Return = min(o.Return, max(r.Return, o.Call))
			}
		}
		out = append(out, o)
	}
	return out
}

// withoutImplied leaves out the reads that began before another one, of the same
// value, and ended after it: they are right where that one is.
func withoutImplied(reads []porcupine.Operation) (out []porcupine.Operation) {
	slices.SortFunc(reads, func(a, b porcupine.Operation) int {
		return cmp.Or(cmp.Compare(a.Return, b.Return), cmp.Compare(b.Call, a.Call))
	})
	latest := int64(-1) // call of those that ended before
	for _, r := range reads {
		if r.Call > latest {
			out = append(out, r)
			latest = r.Call
		}
	}
	return out
}

// The reduction keeps what is wrong with a history.
func TestSettleKeepsTheVerdict(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 1))
	verdicts := make(map[bool]int)
	for range 3000 {
		h := randomHistory(rng)
		whole := porcupine.CheckOperations(registers, h)
		if less := porcupine.CheckOperations(registers, settle(h)); less != whole {
			t.Fatalf("the whole history is linearizable: %t, the reduced one: %t\n%v\n%v", whole, less, h, settle(h))
		}
		verdicts[whole]++
	}
	t.Logf("%v", verdicts)
	if verdicts[true] < 300 || verdicts[false] < 300 {
		t.Errorf("the histories are all alike: %v", verdicts)
	}
}

// randomHistory is one of a register, right or wrong by chance.
func randomHistory(rng *rand.Rand) []porcupine.Operation {
	var out []porcupine.Operation
	state, now := "", int64(0)
	written := []string{""}
	for i := range 9 {
		now += 1 + rng.Int64N(3)
		o := porcupine.Operation{ClientId: i, Call: now - rng.Int64N(2), Return: now + 1 + rng.Int64N(3)}
		switch in := (operation{register: "r"}); {
		case rng.IntN(2) == 0: // a read, mostly of what is there
			v := state
			if rng.IntN(3) == 0 {
				v = written[rng.IntN(len(written))]
			}
			o.Input, o.Output = in, outcome{value: v}
		default:
			in.write = true
			if rng.IntN(3) > 0 {
				in.value = fmt.Sprint(i)
			}
			written = append(written, in.value)
			known := rng.IntN(3) > 0
			if known || rng.IntN(2) == 0 {
				state = in.value
			}
			if !known {
				o.Return = never
			}
			o.Input, o.Output = in, outcome{unknown: !known}
		}
		out = append(out, o)
	}
	return out
}

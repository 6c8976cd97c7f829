package sketch

import (
	"errors"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/musterhq/muster/internal/pure"
)

func TestPure(t *testing.T) {
	pure.Check(t, "encoding/binary", "errors", "fmt", "math", "math/bits")
}

// sets returns two sets of n elements in common and the given differences.
func sets(r *rand.Rand, n, onlyA, onlyB int) (a, b []uint64) {
	draw := func(n int) []uint64 {
		s := make([]uint64, n)
		for i := range s {
			s[i] = r.Uint64()
		}
		return s
	}
	common := draw(n)
	a, b = append(draw(onlyA), common...), append(draw(onlyB), common...)
	shuffle := func(s []uint64) { r.Shuffle(len(s), func(i, j int) { s[i], s[j] = s[j], s[i] }) }
	shuffle(a)
	shuffle(b)
	return a, b
}

// reconcile feeds a's symbols to b in batches and returns how many it took.
func reconcile(t *testing.T, a, b []uint64, batch int) (d *Decoder, used int) {
	t.Helper()
	d = NewDecoder(b)
	symbols := Symbols(a, 0, 100+4*(len(a)+len(b))+batch)
	for !d.Done() {
		if used > 100+4*(len(a)+len(b)) {
			t.Fatalf("not done after %d symbols for sets of %d and %d", used, len(a), len(b))
		}
		d.Add(symbols[used : used+batch]...)
		used += batch
	}
	return d, used
}

func minus(a, b []uint64) []uint64 {
	have := make(map[uint64]bool)
	for _, e := range b {
		have[e] = true
	}
	var out []uint64
	for _, e := range a {
		if !have[e] {
			out = append(out, e)
		}
	}
	slices.Sort(out)
	return out
}

func checkDiff(t *testing.T, d *Decoder, a, b []uint64) {
	t.Helper()
	onlyA, onlyB := d.Diff()
	slices.Sort(onlyA)
	slices.Sort(onlyB)
	if !slices.Equal(onlyA, minus(a, b)) || !slices.Equal(onlyB, minus(b, a)) {
		t.Fatalf("found %d and %d differences, want %d and %d", len(onlyA), len(onlyB), len(minus(a, b)), len(minus(b, a)))
	}
}

func TestDifferenceIsFound(t *testing.T) {
	const seed = 1
	r := rand.New(rand.NewPCG(seed, 0))
	t.Logf("seed %d", seed)
	for _, n := range []int{0, 1, 10, 1000, 10_000} {
		for _, diff := range []int{0, 1, 2, 3, 10, 100, 1000, 2000} {
			runs := max(1, min(20, 2000/(diff+n/50+1)))
			symbols := 0
			for range runs {
				onlyA := r.IntN(diff + 1)
				a, b := sets(r, n, onlyA, diff-onlyA)
				d, used := reconcile(t, a, b, 1)
				checkDiff(t, d, a, b)
				symbols += used
			}
			mean := float64(symbols) / float64(runs)
			t.Logf("%5d elements, %4d differences: %7.1f symbols, %.2f each", n, diff, mean, mean/float64(max(diff, 1)))
			// The paper's figure 4: 1.35 in the limit, at most 1.72 on average
			// (at 4 differences); a single run of few may need more.
			if diff >= 100 && mean > 1.75*float64(diff) {
				t.Errorf("%d differences took %.1f symbols", diff, mean)
			}
		}
	}
}

func TestEqualSetsTakeOneSymbol(t *testing.T) {
	a, _ := sets(rand.New(rand.NewPCG(2, 0)), 500, 0, 0)
	if _, used := reconcile(t, a, a, 1); used != 1 {
		t.Errorf("equal sets took %d symbols", used)
	}
	if d := NewDecoder(a); d.Done() {
		t.Error("done before the first symbol")
	}
}

// The way the symbols are cut into batches must not matter.
func TestBatches(t *testing.T) {
	a, b := sets(rand.New(rand.NewPCG(3, 0)), 1000, 60, 40)
	for _, batch := range []int{1, 7, 16, 100, 1000} {
		d, used := reconcile(t, a, b, batch)
		checkDiff(t, d, a, b)
		if d.Len() != used {
			t.Errorf("%d symbols added, Len is %d", used, d.Len())
		}
	}
	whole := Symbols(a, 0, 300)
	parts := slices.Concat(Symbols(a, 0, 1), Symbols(a, 1, 130), Symbols(a, 130, 300))
	if !slices.Equal(whole, parts) {
		t.Error("symbols depend on where the sequence is cut")
	}
	if Symbols(a, 3, 3) != nil || Symbols(a, -1, 3) != nil || Symbols(a, 4, 3) != nil {
		t.Error("symbols of an impossible range")
	}
}

// Members of different platforms and versions must agree on every bit.
func TestStable(t *testing.T) {
	for _, c := range []struct {
		salt  uint64
		parts []string
		want  uint64
	}{
		{0, nil, goldenHash[0]},
		{1, []string{""}, goldenHash[1]},
		{1, []string{"muster"}, goldenHash[2]},
		{2, []string{"a name", "a value that is longer than sixteen bytes"}, goldenHash[3]},
	} {
		var parts [][]byte
		for _, p := range c.parts {
			parts = append(parts, []byte(p))
		}
		if got := Hash(c.salt, parts...); got != c.want {
			t.Errorf("Hash(%d, %q) = %#x, want %#x", c.salt, c.parts, got, c.want)
		}
	}
	var set []uint64
	for i := range 1000 {
		set = append(set, Hash(7, []byte{byte(i), byte(i >> 8)}))
	}
	if got := Hash(0, Append(nil, Symbols(set, 0, 5000)...)); got != goldenSymbols {
		t.Errorf("symbols hash to %#x, want %#x", got, uint64(goldenSymbols))
	}
}

var goldenHash = [...]uint64{0x5a9c038a94fe6c96, 0x2a7a1c9d0c87e38e, 0xbe3144996f50d1f0, 0xc03b61618ce35de1}

const goldenSymbols = 0x3bea8402d5b49601

func TestHashSeparates(t *testing.T) {
	seen := make(map[uint64]string)
	add := func(what string, h uint64) {
		if other, ok := seen[h]; ok {
			t.Errorf("%s and %s have the same hash", what, other)
		}
		seen[h] = what
	}
	b := func(s string) []byte { return []byte(s) }
	add("ab|c", Hash(1, b("ab"), b("c")))
	add("a|bc", Hash(1, b("a"), b("bc")))
	add("abc", Hash(1, b("abc")))
	add("abc|", Hash(1, b("abc"), nil))
	add("abc salt 2", Hash(2, b("abc")))
	for n := range 40 {
		add("zeros", Hash(1, make([]byte, n)))
	}
	// A factor of zero must not swallow what came before: it would hide any
	// difference in front of a part that whoever knows the salt can choose.
	k1, k2 := fold(1^key0, key1), fold(1^key1, key2)
	var zero []byte
	for i := range 16 {
		k := k1
		if i >= 8 {
			k = k2
		}
		zero = append(zero, byte(k>>(8*(i%8))))
	}
	add("x before zero", Hash(1, b("0123456789abcdef"+"x"), zero))
	add("y before zero", Hash(1, b("0123456789abcdef"+"y"), zero))

	// Flipping any bit flips about half of the result.
	flips, trials := 0, 0
	base := []byte("some text of thirty-three letters")
	for i := range len(base) * 8 {
		other := slices.Clone(base)
		other[i/8] ^= 1 << (i % 8)
		x := Hash(9, base) ^ Hash(9, other)
		for ; x != 0; x &= x - 1 {
			flips++
		}
		trials += 64
	}
	if share := float64(flips) / float64(trials); share < 0.48 || share > 0.52 {
		t.Errorf("a bit flips %.3f of the hash", share)
	}
}

func TestParse(t *testing.T) {
	want := Symbols([]uint64{1, 2, 3}, 0, 10)
	got, err := Parse(Append(nil, want...))
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("parsed %v, %v", got, err)
	}
	if _, err := Parse(make([]byte, Size+1)); !errors.Is(err, ErrSize) {
		t.Errorf("parsed half a symbol: %v", err)
	}
}

// A symbol that names an element over and over must not keep the decoder busy.
func TestFalseSymbols(t *testing.T) {
	e := uint64(0x1234567890abcdef)
	s := Symbol{e, check(e)}
	d := NewDecoder(nil)
	for range 1000 {
		d.Add(s)
	}
	if d.Done() {
		t.Error("done with symbols that no set has")
	}
	if d.Len() != 1000 {
		t.Errorf("1000 symbols were added, Len is %d", d.Len())
	}
	if a, b := d.Diff(); len(a) > 1 || len(b) > 0 {
		t.Errorf("one element was found as %d and %d", len(a), len(b))
	}
}

func FuzzDecoder(f *testing.F) {
	f.Add([]byte{}, 1, 0)
	f.Add(Append(nil, Symbols([]uint64{1, 2, 3}, 0, 8)...), 4, 3)
	f.Add(Append(nil, slices.Repeat([]Symbol{{7, check(7)}}, 20)...), 3, 1)
	f.Fuzz(func(t *testing.T, b []byte, batch, n int) {
		symbols, err := Parse(b)
		if err != nil {
			return
		}
		local, _ := sets(rand.New(rand.NewPCG(4, 0)), n&63, 0, 0)
		d := NewDecoder(local)
		for rest := symbols; len(rest) > 0; {
			k := min(len(rest), 1+batch&15)
			d.Add(rest[:k]...)
			rest = rest[k:]
		}
		onlyRemote, onlyLocal := d.Diff()
		if len(onlyRemote)+len(onlyLocal) > len(symbols) {
			t.Fatalf("%d symbols gave %d differences", len(symbols), len(onlyRemote)+len(onlyLocal))
		}
		if d.Done() { // then the symbols are those of that very set
			remote := append(minus(local, onlyLocal), onlyRemote...)
			if !slices.Equal(Symbols(remote, 0, len(symbols)), symbols) {
				t.Fatal("done with a set that has other symbols")
			}
		}
	})
}

func BenchmarkSymbols10k(b *testing.B) {
	for _, k := range []int{16, 256, 4096} {
		b.Run(map[int]string{16: "16", 256: "256", 4096: "4096"}[k], func(b *testing.B) {
			a, _ := sets(rand.New(rand.NewPCG(5, 0)), 10_000, 0, 0)
			for b.Loop() {
				Symbols(a, 0, k)
			}
		})
	}
}

func BenchmarkDecode10k(b *testing.B) {
	for _, diff := range []int{0, 10, 1000} {
		b.Run(map[int]string{0: "0", 10: "10", 1000: "1000"}[diff], func(b *testing.B) {
			x, y := sets(rand.New(rand.NewPCG(6, 0)), 10_000, diff/2, diff-diff/2)
			s := Symbols(x, 0, 2*diff+20)
			for b.Loop() {
				d := NewDecoder(y)
				for i := 0; !d.Done() && i < len(s); i += 16 {
					d.Add(s[i:min(i+16, len(s))]...)
				}
				if d.Diff(); !d.Done() {
					b.Fatal("not done")
				}
			}
		})
	}
}

func BenchmarkHash(b *testing.B) {
	p, q := make([]byte, 20), make([]byte, 40)
	b.ReportAllocs()
	for b.Loop() {
		Hash(1, p, q)
	}
}

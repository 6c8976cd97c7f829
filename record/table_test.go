package record

import (
	"fmt"
	"hash/maphash"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"
)

// TestTableAgainstAMap changes keys at random and compares with Go's map.
func TestTableAgainstAMap(t *testing.T) {
	const seed = 31
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	s := newState(1, maphash.MakeSeed())
	type was struct {
		value   string
		version uint64
		dead    bool
	}
	model := make(map[string]was)
	for i := range 20_000 {
		key := fmt.Sprint("key", r.IntN(1+i/8))
		version := s.at + 1 + uint64(r.IntN(3))
		old, had := model[key]
		e := entry{version: version, klen: uint16(len(key))}
		if r.IntN(4) == 0 {
			e.dead, e.data = true, []byte(key)
			model[key] = was{version: version, dead: true}
		} else {
			value := fmt.Sprint("value", r.IntN(100))
			e.data = []byte(key + value)
			model[key] = was{value: value, version: version}
		}
		got := s.put(e)
		if (got.data != nil) != had || had && (got.version != old.version || got.dead != old.dead || string(got.value()) != old.value) {
			t.Fatalf("put %s returned %+v, want %+v (%v)", key, got, old, had)
		}
		s.reached(version, version)
		if r.IntN(500) == 0 {
			floor := s.at - uint64(r.IntN(int(min(s.at, 300))))
			s.raise(floor)
			for k, v := range model {
				if v.dead && v.version <= s.floor {
					delete(model, k)
				}
			}
		}
	}
	if err := s.check(); err != nil {
		t.Fatal(err)
	}
	if s.len() != len(model) {
		t.Fatalf("has %d keys, want %d", s.len(), len(model))
	}
	for k, v := range model {
		e := s.find([]byte(k))
		if e == nil || e.version != v.version || e.dead != v.dead || string(e.value()) != v.value {
			t.Fatalf("%s is %+v, want %+v", k, e, v)
		}
	}
	if s.find([]byte("never")) != nil {
		t.Error("found what was never put")
	}
	// What comes after a version is what the model has changed since.
	for range 50 {
		from := uint64(r.IntN(int(s.at)))
		var got, want []uint64
		for _, e := range s.after(from) {
			if e.data != nil {
				got = append(got, e.version)
			}
		}
		for _, v := range model {
			if v.version > from {
				want = append(want, v.version)
			}
		}
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Fatalf("%d entries after %d, want %d", len(got), from, len(want))
		}
	}
}

// One key changed over and over must not grow the table.
func TestHolesAreSqueezedOut(t *testing.T) {
	s := newState(1, maphash.MakeSeed())
	for i := range 100_000 {
		key := fmt.Sprint(i % 10)
		s.put(entry{version: uint64(i + 1), data: []byte(key + "value"), klen: uint16(len(key))})
		s.reached(uint64(i+1), uint64(i+1))
	}
	if len(s.entries) > 10+2*holesMin || cap(s.entries) > 1024 {
		t.Errorf("10 keys take %d entries, room for %d", len(s.entries), cap(s.entries))
	}
	if err := s.check(); err != nil {
		t.Error(err)
	}
}

// TestMemoryPerKey holds the cost of a key to less than 100 bytes besides the
// key and value themselves.
func TestMemoryPerKey(t *testing.T) {
	for _, n := range []int{20_000, 100_000} {
		heap := func() uint64 {
			runtime.GC()
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			return m.HeapAlloc
		}
		before := heap()
		s := newState(1, maphash.MakeSeed())
		const klen, vlen = 16, 64
		for i := range n {
			data := make([]byte, klen+vlen)
			copy(data, fmt.Sprintf("%016d", i))
			s.put(entry{version: uint64(i + 1), data: data, klen: klen})
			s.reached(uint64(i+1), uint64(i+1))
		}
		each := float64(heap()-before) / float64(n)
		t.Logf("%d keys: %.1f bytes each, of which %d are key and value; counted as %d", n, each, klen+vlen, cost(klen+vlen))
		if each-klen-vlen > 100 {
			t.Errorf("%d keys cost %.1f bytes each besides themselves", n, each-klen-vlen)
		}
		runtime.KeepAlive(&s)
	}
}

func BenchmarkGet(b *testing.B) {
	s := newState(1, maphash.MakeSeed())
	var keys [][]byte
	for i := range 100_000 {
		key := fmt.Sprintf("key-%08d", i)
		keys = append(keys, []byte(key))
		s.put(entry{version: uint64(i + 1), data: []byte(key + "some value of a usual length"), klen: uint16(len(key))})
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if s.find(keys[i%len(keys)]) == nil {
			b.Fatal("not found")
		}
	}
}

func BenchmarkPut(b *testing.B) {
	s := newState(1, maphash.MakeSeed())
	key := []byte("key-00000000-some value of a usual length")
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		data := slices.Clone(key)
		for j, n := 11, i%100_000; n > 0; j, n = j-1, n/10 {
			data[j] = byte('0' + n%10)
		}
		s.put(entry{version: uint64(i + 1), data: data, klen: 12})
	}
}

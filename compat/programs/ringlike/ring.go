package main

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"hash/fnv"
	"math/rand/v2"
	"sort"
	"sync"
)

// entry is a value; of two the higher version wins.
type entry struct {
	version uint64
	value   []byte
}

// ring is the state that all members share.
type ring struct {
	mu      sync.Mutex
	entries map[string]entry
}

func (r *ring) put(key string, value []byte) entry {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.entries == nil {
		r.entries = make(map[string]entry)
	}
	e := entry{r.entries[key].version + 1, value}
	r.entries[key] = e
	return e
}

// merge takes encoded entries and returns those that were news.
func (r *ring) merge(b []byte) map[string]entry {
	news := decode(b)
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.entries == nil {
		r.entries = make(map[string]entry)
	}
	for key, e := range news {
		if e.version > r.entries[key].version {
			r.entries[key] = e
		} else {
			delete(news, key)
		}
	}
	return news
}

func (r *ring) encode() []byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	return encode(r.entries)
}

// digest counts the entries and sums them up.
func (r *ring) digest() (int, string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	sum := sha256.Sum256(encode(r.entries))
	return len(r.entries), hex.EncodeToString(sum[:8])
}

// encode writes entries in the order of their keys.
func encode(entries map[string]entry) []byte {
	keys := make([]string, 0, len(entries))
	size := 0
	for key, e := range entries {
		keys = append(keys, key)
		size += len(key) + len(e.value) + 3*binary.MaxVarintLen64
	}
	sort.Strings(keys)
	b := make([]byte, 0, size)
	for _, key := range keys {
		e := entries[key]
		b = binary.AppendUvarint(b, uint64(len(key)))
		b = append(b, key...)
		b = binary.AppendUvarint(b, e.version)
		b = binary.AppendUvarint(b, uint64(len(e.value)))
		b = append(b, e.value...)
	}
	return b
}

// decode reads entries up to the first that makes no sense.
func decode(b []byte) map[string]entry {
	entries := make(map[string]entry)
	number := func() (uint64, bool) {
		n, used := binary.Uvarint(b)
		if used <= 0 {
			return 0, false
		}
		b = b[used:]
		return n, true
	}
	bytes := func() ([]byte, bool) {
		n, ok := number()
		if !ok || n > uint64(len(b)) {
			return nil, false
		}
		part := append([]byte(nil), b[:n]...)
		b = b[n:]
		return part, true
	}
	for len(b) > 0 {
		key, ok1 := bytes()
		version, ok2 := number()
		value, ok3 := bytes()
		if !ok1 || !ok2 || !ok3 {
			break
		}
		entries[string(key)] = entry{version, value}
	}
	return entries
}

// noise returns bytes that depend on nothing but the arguments and do not
// compress.
func noise(prefix string, i, size int) []byte {
	h := fnv.New64a()
	h.Write([]byte(prefix)) // never fails
	r := rand.New(rand.NewPCG(h.Sum64(), uint64(i)))
	b := make([]byte, 0, size+8)
	for len(b) < size {
		b = binary.BigEndian.AppendUint64(b, r.Uint64())
	}
	return b[:size]
}

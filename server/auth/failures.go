package auth

import (
	"container/list"
	"net/netip"
	"sync"
	"time"
)

// How many logins may fail. An operator who mistypes, or a client with an old
// password among good ones behind the same address, is not shut out; who tries
// passwords gets 8,640 a day against one name, from one address.
const (
	burstPerName   = 10
	refillPerName  = 10 * time.Second
	burstPerOrigin = 100
	refillOrigin   = time.Second
	maxBuckets     = 16_384
)

// failures counts failed logins in leaky buckets: one for each address, and
// one for each name tried from it. It does not count by name alone, or anybody
// could shut anybody out. When there are too many buckets the one that was
// used longest ago is forgotten.
type failures struct {
	mu      sync.Mutex
	buckets map[bucketKey]*list.Element
	recent  *list.List // of *bucket, the last used first
}

type bucketKey struct{ from, name string }

type bucket struct {
	key     bucketKey
	level   time.Duration // how long it takes to run empty, as of at
	at      time.Time
	refill  time.Duration
	holding int
}

func (f *failures) init() {
	f.buckets = make(map[bucketKey]*list.Element)
	f.recent = list.New()
}

// origin is what counts as one address: that of an IPv4 host, and the network
// that an IPv6 host can choose its address from.
func origin(remote string) string {
	ip, err := netip.ParseAddr(remote)
	if err != nil {
		ap, err := netip.ParseAddrPort(remote)
		if err != nil {
			return "" // all that have no address together
		}
		ip = ap.Addr()
	}
	ip = ip.Unmap().WithZone("")
	if ip.Is6() {
		p, err := ip.Prefix(64)
		if err == nil {
			return p.String()
		}
	}
	return ip.String()
}

// allows reports whether one more login may fail.
func (f *failures) allows(from, name string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	now := time.Now()
	for _, k := range keys(from, name) {
		if e, ok := f.buckets[k]; ok && e.Value.(*bucket).full(now) {
			return false
		}
	}
	return true
}

// add counts a failed login.
func (f *failures) add(from, name string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	now := time.Now()
	for i, k := range keys(from, name) {
		b := f.obtain(k, i == 0, now)
		b.leak(now)
		b.level += b.refill
	}
}

// forget forgets what failed under a name that succeeded. What the address
// tried under other names stays.
func (f *failures) forget(from, name string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	k := keys(from, name)[1]
	if e, ok := f.buckets[k]; ok {
		f.recent.Remove(e)
		delete(f.buckets, k)
	}
}

func keys(from, name string) [2]bucketKey {
	if len(name) > maxName {
		name = name[:maxName]
	}
	return [2]bucketKey{{from, ""}, {from, "/" + name}}
}

func (f *failures) obtain(k bucketKey, ofOrigin bool, now time.Time) *bucket {
	if e, ok := f.buckets[k]; ok {
		f.recent.MoveToFront(e)
		return e.Value.(*bucket)
	}
	if len(f.buckets) >= maxBuckets {
		last := f.recent.Back()
		delete(f.buckets, f.recent.Remove(last).(*bucket).key)
	}
	b := &bucket{key: k, at: now, refill: refillPerName, holding: burstPerName}
	if ofOrigin {
		b.refill, b.holding = refillOrigin, burstPerOrigin
	}
	f.buckets[k] = f.recent.PushFront(b)
	return b
}

func (b *bucket) leak(now time.Time) {
	b.level = max(0, b.level-now.Sub(b.at))
	b.at = now
}

func (b *bucket) full(now time.Time) bool {
	b.leak(now)
	return b.level > time.Duration(b.holding-1)*b.refill
}

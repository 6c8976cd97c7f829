package auth

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"
)

func newFailures() *failures {
	f := new(failures)
	f.init()
	return f
}

func TestAnAddressThatTriesManyNamesMustWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFailures()
		failed := 0
		for f.allows("a", fmt.Sprint(failed)) {
			f.add("a", fmt.Sprint(failed))
			failed++
		}
		if failed != burstPerOrigin {
			t.Errorf("%d may fail", failed)
		}
		if !f.allows("b", "0") {
			t.Error("another address has to wait")
		}
		f.forget("a", "0") // one that succeeds does not clear the address
		if f.allows("a", "new") {
			t.Error("need not wait")
		}
		time.Sleep(refillOrigin)
		if !f.allows("a", "new") {
			t.Error("has to wait longer")
		}
		time.Sleep(24 * time.Hour)
		failed = 0
		for f.allows("a", fmt.Sprint(failed)) {
			f.add("a", fmt.Sprint(failed))
			failed++
		}
		if failed != burstPerOrigin {
			t.Errorf("%d may fail after a day: idle time must not add up", failed)
		}
	})
}

func TestFailuresAreBounded(t *testing.T) {
	f := newFailures()
	for range burstPerName {
		f.add("victim", "ann")
	}
	for i := range 2 * maxBuckets {
		f.add(fmt.Sprint(i), "ann")
		f.add("victim", "ann") // who goes on is remembered
	}
	if len(f.buckets) > maxBuckets || f.recent.Len() != len(f.buckets) {
		t.Errorf("%d buckets, %d in order", len(f.buckets), f.recent.Len())
	}
	if f.allows("victim", "ann") {
		t.Error("who goes on was forgotten")
	}
}

func TestOrigin(t *testing.T) {
	for remote, want := range map[string]string{
		"192.0.2.1":          "192.0.2.1",
		"192.0.2.1:5000":     "192.0.2.1",
		"::ffff:192.0.2.1":   "192.0.2.1",
		"2001:db8::1":        "2001:db8::/64",
		"[2001:db8::2%a]:80": "2001:db8::/64",
		"2001:db8:0:1::1":    "2001:db8:0:1::/64",
		"":                   "",
		"a name":             "",
	} {
		if got := origin(remote); got != want {
			t.Errorf("%q: %q, not %q", remote, got, want)
		}
	}
}

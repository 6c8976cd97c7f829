package registry

import (
	"strings"
	"testing"
	"time"
)

// An instance that wants it has an id that no other has, whichever kind it is;
// one that brings an id keeps it.
func TestSnowflake(t *testing.T) {
	r, _, _ := newTest(t, Options{Self: "a"})
	check(t, r.Connect("c", ClientInfo{}))
	wants := NewMetadata(map[string]string{keyIDGenerator: "snowflake"}, "")
	first, second, third := inst("10.0.0.1", 1), inst("10.0.0.2", 1), inst("10.0.0.3", 1)
	first.Meta, second.Meta = wants, wants
	third.Meta = NewMetadata(map[string]string{keyIDGenerator: "snowflake"}, "mine")
	check(t, r.Register("c", demo, []Instance{first, second, third}))
	ids := make(map[string]bool)
	for _, h := range r.View(demo).Hosts[:2] {
		id := h.ID(demo)
		number, rest, _ := strings.Cut(id, "#")
		if rest != "DEFAULT#"+demo.Grouped() || strings.Trim(number, "0123456789") != "" || ids[id] || h.Meta.Generator() != "snowflake" {
			t.Errorf("id %q", id)
		}
		ids[id] = true
	}
	if id := r.View(demo).Hosts[2].ID(demo); id != "mine" {
		t.Errorf("id %q", id)
	}
	if wants.instanceID() != "" {
		t.Error("metadata that is shared was changed")
	}
	db := Key("", "", "db")
	last := lasting("10.0.0.4", 1)
	last.Meta = wants
	check(t, r.RegisterPersistent(ctx, db, last))
	before := r.View(db).Hosts[0].ID(db)
	check(t, r.SetHealth(ctx, db, "10.0.0.4", 1, false))
	if after := r.View(db).Hosts[0].ID(db); after != before || !strings.HasSuffix(after, "#DEFAULT#"+db.Grouped()) || ids[after] {
		t.Errorf("id %q, and %q before", after, before)
	}
}

// The numbers grow, also while the clock is set back, and however many are made
// in a millisecond.
func TestSnowflakesGrow(t *testing.T) {
	var s, other snowflakes
	s.init("a")
	other.init("b")
	now := time.UnixMilli(snowflakeEpoch + 1000)
	last := int64(0)
	for n := range 20_000 {
		if n == 10_000 {
			now = now.Add(-time.Second)
		}
		next := s.next(now)
		if next <= last {
			t.Fatalf("%d after %d", next, last)
		}
		last = next
	}
	if a, b := s.next(now.Add(time.Hour)), other.next(now.Add(time.Hour)); a == b {
		t.Fatal("two servers make the same")
	}
}

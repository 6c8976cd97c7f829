package main

import (
	"testing"
	"time"
)

func TestBoardTellsWhoNoticedFirstAndLast(t *testing.T) {
	began := time.Now()
	at := func(seconds int) time.Time { return began.Add(time.Duration(seconds) * time.Second) }
	sees := func(x, y string) []member { return []member{{"x", x}, {"y", y}} }
	b := newBoard()
	b.observe(at(-1), "a", sees(dead, alive)) // before it began: does not count
	b.observe(at(0), "a", sees(alive, alive))
	b.observe(at(0), "b", sees(alive, alive))
	b.observe(at(1), "b", sees(suspect, alive))
	b.observe(at(2), "b", sees(dead, alive))
	b.observe(at(3), "a", sees(dead, dead))
	b.observe(at(4), "b", sees(alive, alive)) // changes its mind
	b.observe(at(5), "b", sees(dead, dead))

	toDead := func(c change) bool { return c.to == dead }
	if got, want := b.spread(began, toDead), (span{mark{at(3), "a"}, mark{at(5), "b"}}); got != want {
		t.Errorf("all dead seen by %v, want %v: a knew both first", got, want)
	}
	x := b.spread(began, func(c change) bool { return c.subject == "x" && toDead(c) })
	if want := (span{mark{at(2), "b"}, mark{at(3), "a"}}); x != want {
		t.Errorf("x dead seen by %v, want %v: the first time counts", x, want)
	}
	if c := b.earliest(began, func(c change) bool { return c.to == suspect }); c == nil || c.observer != "b" || !c.at.Equal(at(1)) {
		t.Errorf("first suspicion is %v, want b's", c)
	}
	if c := b.earliest(at(6), toDead); c != nil {
		t.Errorf("found %v after the end", c)
	}
	if none := b.spread(at(6), toDead); none != (span{}) {
		t.Errorf("found %v after the end", none)
	}
}

func TestBoardForgets(t *testing.T) {
	b := newBoard()
	next := b.next()
	b.observe(time.Now(), "a", []member{{"x", dead}})
	select {
	case <-next:
	default:
		t.Error("a change woke nobody")
	}
	b.observe(time.Now(), "a", nil)
	if got := b.state("a", "x"); got != unknown {
		t.Errorf("a member that is listed no more is %q", got)
	}
	next = b.next()
	b.observe(time.Now(), "a", nil)
	select {
	case <-next:
		t.Error("no change was announced as one")
	default:
	}
	if n := len(b.since(0)); n != 2 {
		t.Errorf("history has %d changes, want 2", n)
	}
}

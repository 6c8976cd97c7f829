package registry

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
)

func selected(v *View, q Query) string {
	s := v.Select(q)
	var out []string
	for _, h := range s.Hosts {
		a := h.Addr()
		if !h.Healthy {
			a += "!"
		}
		out = append(out, a)
	}
	slices.Sort(out)
	list := strings.Join(out, " ")
	if s.Protected {
		list += " protected"
	}
	return list
}

func TestSelect(t *testing.T) {
	r, _, _ := newTest(t, Options{})
	check(t, r.Connect("c", ClientInfo{}))
	a, b, c, d := inst("10.0.0.1", 1), inst("10.0.0.2", 1), inst("10.0.0.3", 1), inst("10.0.0.4", 1)
	b.Healthy, c.Cluster, d.Enabled = false, "C", false
	check(t, r.Register("c", demo, []Instance{a, b, c, d}))
	for q, want := range map[Query]string{
		{}:                                       "10.0.0.1:1 10.0.0.2:1! 10.0.0.3:1",
		{HealthyOnly: true}:                      "10.0.0.1:1 10.0.0.3:1",
		{Clusters: "DEFAULT"}:                    "10.0.0.1:1 10.0.0.2:1!",
		{Clusters: "C"}:                          "10.0.0.3:1",
		{Clusters: "C, DEFAULT"}:                 "10.0.0.1:1 10.0.0.2:1! 10.0.0.3:1",
		{Clusters: "none"}:                       "",
		{Clusters: "DEFAULT", HealthyOnly: true}: "10.0.0.1:1",
	} {
		if got := selected(r.View(demo), q); got != want {
			t.Errorf("%+v: %q, want %q", q, got, want)
		}
	}
}

// Protection needs an operator's word on the service; then all instances are
// given as healthy once few enough are.
func TestProtection(t *testing.T) {
	r, _, _ := newTest(t, Options{})
	check(t, r.Connect("c", ClientInfo{}))
	set := func(healthy ...bool) {
		var list []Instance
		for n, h := range healthy {
			i := inst("10.0.0.1", uint16(n+1))
			i.Healthy = h
			list = append(list, i)
		}
		check(t, r.Register("c", demo, list))
	}
	set(false, false)
	if got := selected(r.View(demo), Query{HealthyOnly: true}); got != "" {
		t.Fatalf("nobody has said anything, and %q is protected", got)
	}
	check(t, r.Redeclare(ctx, demo, Declaration{Threshold: 0.5}))
	set(true, false, false)
	if got := selected(r.View(demo), Query{HealthyOnly: true}); got != "10.0.0.1:1 10.0.0.1:2 10.0.0.1:3 protected" {
		t.Fatal(got)
	}
	set(true, true, false)
	if got := selected(r.View(demo), Query{}); got != "10.0.0.1:1 10.0.0.1:2 10.0.0.1:3!" {
		t.Fatal(got)
	}
	check(t, r.Redeclare(ctx, demo, Declaration{Threshold: 0}))
	set(false)
	if got := selected(r.View(demo), Query{}); got != "10.0.0.1:1 protected" {
		t.Fatal(got) // as Nacos has it: none healthy is few enough for any threshold
	}
	check(t, r.Deregister("c", demo))
	if got := selected(r.View(demo), Query{}); got != "" {
		t.Fatal(got)
	}
}

func TestLabelSelector(t *testing.T) {
	zones := map[string]string{"10.0.0.1": "a", "10.0.0.2": "b", "1.1.1.1": "a", "2.2.2.2": "b", "3.3.3.3": "c"}
	r, _, _ := newTest(t, Options{Labels: func(ip, label string) string {
		if label != "zone" {
			return ""
		}
		return zones[ip]
	}})
	check(t, r.Connect("c", ClientInfo{}))
	check(t, r.Register("c", demo, []Instance{inst("10.0.0.1", 1), inst("10.0.0.2", 1)}))
	check(t, r.Redeclare(ctx, demo, Declaration{Selector: Selector{Type: "label", Expression: "CONSUMER.label.zone = PROVIDER.label.zone"}}))
	for consumer, want := range map[string]string{"1.1.1.1": "10.0.0.1:1", "2.2.2.2": "10.0.0.2:1", "3.3.3.3": "10.0.0.1:1 10.0.0.2:1"} {
		if got := selected(r.View(demo), Query{Consumer: consumer}); got != want {
			t.Errorf("%s is given %q, want %q", consumer, got, want)
		}
	}
	for _, bad := range []Selector{{Type: "label", Expression: "x"}, {Type: "label", Expression: "CONSUMER.label.a = PROVIDER.label.b"}, {Type: "other"}} {
		if err := r.Redeclare(ctx, demo, Declaration{Selector: bad}); err == nil {
			t.Errorf("%+v was accepted", bad)
		}
	}
}

// All readers of one revision share what was encoded of it, and a change makes
// it anew.
func TestMemo(t *testing.T) {
	r, _, _ := newTest(t, Options{})
	check(t, r.Connect("c", ClientInfo{}))
	check(t, r.Register("c", demo, []Instance{inst("10.0.0.1", 1)}))
	built := 0
	encode := func(clusters string) []byte {
		v := r.View(demo)
		return v.Memo(v.Variant(1, Query{Clusters: clusters}), func() []byte {
			built++
			return fmt.Append(nil, v.Revision, clusters)
		})
	}
	first := encode("")
	if again := encode(""); &first[0] != &again[0] || built != 1 {
		t.Fatal("it was encoded twice")
	}
	encode("a")
	encode("b")
	if built != 3 {
		t.Fatalf("%d variants were encoded, want 3", built)
	}
	check(t, r.Register("c", demo, []Instance{inst("10.0.0.1", 2)}))
	if bytes.Equal(encode(""), first) {
		t.Fatal("an old list was given")
	}
	// Names that somebody makes up are not kept without end.
	for n := range 1000 {
		encode(fmt.Sprint(n))
	}
	if n := len(r.View(demo).memo); n > maxMemos {
		t.Fatalf("%d variants are kept", n)
	}
}

func TestEncodedIsBounded(t *testing.T) {
	r, _, _ := newTest(t, Options{Limits: Limits{Encoded: 10_000}})
	check(t, r.Connect("c", ClientInfo{}))
	for n := range 200 {
		k := Key("", "", fmt.Sprint("s", n))
		check(t, r.Register("c", k, []Instance{inst("10.0.0.1", 1)}))
		v := r.View(k)
		v.Memo(Variant{Form: 1}, func() []byte { return make([]byte, 1000) })
	}
	kept := 0
	r.index.each(func(s *Service) bool {
		if v := s.view.Load(); v != nil {
			for _, m := range v.memo {
				kept += len(m.bytes)
			}
		}
		return true
	})
	if kept > 11_000 || kept < 5_000 {
		t.Fatalf("%d bytes are kept of at most 10,000", kept)
	}
}

func TestPaging(t *testing.T) {
	r, _, _ := newTest(t, Options{})
	check(t, r.Connect("c", ClientInfo{}))
	for _, g := range []string{"A", "B", "C"} {
		for n := range 25 {
			check(t, r.Register("c", Key("", g, fmt.Sprintf("s%02d", n)), []Instance{inst("10.0.0.1", 1)}))
		}
	}
	check(t, r.Register("c", Key("other", "B", "x"), []Instance{inst("10.0.0.1", 1)}))
	var all []string
	for page := 1; ; page++ {
		names, count := r.ServiceNames(DefaultNamespace, "B", page, 10)
		if count != 25 {
			t.Fatalf("page %d says there are %d", page, count)
		}
		if len(names) == 0 {
			break
		}
		all = append(all, names...)
	}
	if len(all) != 25 || !slices.IsSorted(all) || len(slices.Compact(all)) != 25 {
		t.Fatal(all)
	}
	for _, c := range [][5]int{{10, 1, 3, 0, 3}, {10, 4, 3, 9, 10}, {10, 5, 3, 10, 10}, {10, 1 << 40, 3, 10, 10}, {10, 0, 0, 0, 1}, {0, 1, 10, 0, 0}, {10, -5, 100, 0, 10}} {
		if a, b := Page(c[0], c[1], c[2]); a != c[3] || b != c[4] {
			t.Errorf("Page(%d,%d,%d) = %d,%d, want %d,%d", c[0], c[1], c[2], a, b, c[3], c[4])
		}
	}
}

func TestPattern(t *testing.T) {
	for _, c := range []struct {
		pattern string
		yes, no []ServiceKey
	}{
		{"public>>G*>>svc*", []ServiceKey{{"public", "G1", "svc"}, {"public", "G", "svcx"}}, []ServiceKey{{"other", "G1", "svc"}, {"public", "H", "svc"}, {"public", "G", "asvc"}}},
		{">>*>>*", []ServiceKey{{"public", "G1", "svc"}}, []ServiceKey{{"other", "G1", "svc"}}},
		{"n>>g>>*x", []ServiceKey{{"n", "g", "ax"}, {"n", "g", "x"}}, []ServiceKey{{"n", "g", "xa"}}},
		{"n>>g>>*x*", []ServiceKey{{"n", "g", "axb"}}, []ServiceKey{{"n", "g", "ab"}}},
		{"n>>g>>x", []ServiceKey{{"n", "g", "x"}}, []ServiceKey{{"n", "g", "xx"}}},
	} {
		p, err := ParsePattern(c.pattern)
		check(t, err)
		for _, k := range c.yes {
			if !p.Match(k) {
				t.Errorf("%s does not match %s", c.pattern, k)
			}
		}
		for _, k := range c.no {
			if p.Match(k) {
				t.Errorf("%s matches %s", c.pattern, k)
			}
		}
	}
	for _, bad := range []string{"", "a", "a>>b", "a>>b>>c>>d", "a>>>>c", "a.b>>c>>d"} {
		if _, err := ParsePattern(bad); err == nil {
			t.Errorf("%q was accepted", bad)
		}
	}
}

package app

import (
	"errors"
	"os"
	"strings"
	"testing"
)

// Every limit can be set by its name, is another than all others, and is in
// the documentation.
func TestLimitsByName(t *testing.T) {
	docs, err := os.ReadFile("../../docs/nacos.md")
	if err != nil {
		t.Fatal(err)
	}
	var o Options
	seen := make(map[*int]string)
	for _, l := range o.limits() {
		if other := seen[l.p]; other != "" {
			t.Errorf("%s and %s are the same", l.name, other)
		}
		seen[l.p] = l.name
		if err := o.SetLimit(l.name + "=7"); err != nil || *l.p != 7 {
			t.Errorf("%s is %d: %v", l.name, *l.p, err)
		}
		if !strings.Contains(string(docs), "`"+l.name+"`") {
			t.Errorf("%s is in no table of docs/nacos.md", l.name)
		}
	}
	for _, bad := range []string{"", "metadata", "metadata=", "metadata=0", "metadata=-1", "metadata=many", "nothing=1"} {
		if err := o.SetLimit(bad); !errors.Is(err, ErrOptions) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

// Limits reach what they bound.
func TestLimitsBound(t *testing.T) {
	var o Options
	for _, l := range []string{"metadata=10", "http-bodies=1", "services=1"} {
		if err := o.SetLimit(l); err != nil {
			t.Fatal(err)
		}
	}
	s := run(t, o)
	const path = "/nacos/v1/ns/instance?serviceName=a&port=80&ip=10.0.0.1"
	if body, status := s.try("POST", path+"&metadata=k%3D0123456789"); status != 400 {
		t.Errorf("%d %s", status, body)
	}
	s.do("POST", path+"&metadata=k%3D012345678")
	if body, status := s.try("POST", "/nacos/v1/ns/instance?serviceName=b&port=80&ip=10.0.0.1"); status != 503 || !strings.Contains(body, "limit reached") {
		t.Errorf("%d %s", status, body)
	}
}

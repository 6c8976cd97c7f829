package registry

import (
	"bytes"
	"encoding/json"
	"testing"
	"unicode/utf8"
)

// What is read from a peer is what it wrote, or an error: nothing panics, and
// what is accepted can be written again.
func FuzzDecodePublication(f *testing.F) {
	i := inst("10.0.0.1", 8080)
	i.Meta = NewMetadata(map[string]string{"a": "b"}, "my-id")
	p := Publication{Instances: []Instance{i, i}, Stamp: 1795301530684}
	f.Add(p.Append(nil))
	f.Add([]byte{publicationVersion, 0, 0})
	r, _, _ := newTest(f, Options{})
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := r.DecodePublication(b)
		if err != nil {
			return
		}
		again, err := r.DecodePublication(p.Append(nil))
		if err != nil {
			t.Fatal(err)
		}
		if !equalInstances(p.Instances, again.Instances) || p.Stamp != again.Stamp {
			t.Fatalf("%+v became %+v", p, again)
		}
	})
}

// A command is applied or refused, whatever it is.
func FuzzApply(f *testing.F) {
	r, _, log := newTest(f, Options{})
	check(f, r.RegisterPersistent(ctx, demo, lasting("10.0.0.1", 1)))
	check(f, r.Redeclare(ctx, demo, Declaration{Threshold: 0.5, Meta: NewMetadata(map[string]string{"a": "b"}, "")}))
	check(f, r.SetCluster(ctx, demo, "C", Cluster{Checker: Checker{Type: CheckHTTP, Path: "/x"}}))
	yes := true
	check(f, r.PatchInstances(ctx, demo, []InstanceKey{{"10.0.0.1", 1, DefaultCluster}}, Patch{Enabled: &yes, Set: map[string]string{"k": "v"}, Unset: []string{"u"}}))
	_, err := r.CreateNamespace(ctx, Namespace{Name: "n"})
	check(f, err)
	check(f, r.SetSwitch(ctx, "check", "off", false))
	for _, c := range log.log {
		f.Add(c)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		r, _, _ := newTest(t, Options{})
		res := r.Apply(1, b)
		if err := resultError(res); err != nil {
			return
		}
		write, err := r.Snapshot()
		check(t, err)
		var file bytes.Buffer
		check(t, write(&file))
		o, _, _ := newTest(t, Options{})
		check(t, o.Restore(&file))
		if a, b := describe(r), describe(o); a != b {
			t.Fatalf("restored\n%s\nwant\n%s", b, a)
		}
	})
}

func FuzzRestore(f *testing.F) {
	r, _, _ := newTest(f, Options{})
	check(f, r.RegisterPersistent(ctx, demo, lasting("10.0.0.1", 1)))
	write, err := r.Snapshot()
	check(f, err)
	var file bytes.Buffer
	check(f, write(&file))
	f.Add(file.Bytes())
	f.Fuzz(func(t *testing.T, b []byte) {
		r, _, _ := newTest(t, Options{})
		_ = r.Restore(bytes.NewReader(b))
	})
}

// Our JSON strings are what encoding/json reads them as.
func FuzzAppendJSONString(f *testing.F) {
	f.Add("a\"\\\n\x00\u2028é\xff")
	f.Fuzz(func(t *testing.T, s string) {
		b := AppendJSONString(nil, s)
		var got string
		if err := json.Unmarshal(b, &got); err != nil {
			t.Fatalf("%q: %v", b, err)
		}
		if utf8.ValidString(s) && got != s {
			t.Fatalf("%q became %q", s, got)
		}
	})
}

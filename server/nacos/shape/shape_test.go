package shape

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/musterhq/muster/server/registry"
)

var demo = registry.Key("", "", "demo")

// What a client leaves out is as in Java's class; what it fills in without
// need is not kept.
func TestReadInstance(t *testing.T) {
	for in, want := range map[string]registry.Instance{
		`{"ip":"10.0.0.1","port":80}`: {IP: "10.0.0.1", Port: 80, Weight: 1, Healthy: true, Enabled: true, Ephemeral: true},
		`{"ip":"a","port":0,"weight":0,"healthy":false,"enabled":false,"ephemeral":false,"metadata":null,"clusterName":"C"}`: {IP: "a", Cluster: "C"},
		`{"ip":"10.0.0.1","port":80,"instanceId":"10.0.0.1#80#DEFAULT#DEFAULT_GROUP@@demo"}`:                                 {IP: "10.0.0.1", Port: 80, Weight: 1, Healthy: true, Enabled: true, Ephemeral: true},
	} {
		var i Instance
		if err := json.Unmarshal([]byte(in), &i); err != nil {
			t.Fatal(in, err)
		}
		got, err := i.To(demo)
		if err != nil || got != want {
			t.Errorf("%s: %+v, want %+v: %v", in, got, want, err)
		}
	}
	var i Instance
	if err := json.Unmarshal([]byte(`{"ip":"a","port":1,"instanceId":"mine","metadata":{"s":"x","n":1.5,"b":true,"z":null,"o":{"a":1}}}`), &i); err != nil {
		t.Fatal(err)
	}
	got, err := i.To(demo)
	if err != nil || got.CustomID() != "mine" || got.Meta.JSON() != `{"b":"true","n":"1.5","o":"{\"a\":1}","s":"x"}` {
		t.Fatal(got.CustomID(), got.Meta.JSON(), err)
	}
	for _, bad := range []Instance{{IP: "a", Port: -1}, {IP: "a", Port: 65536}} {
		if _, err := bad.To(demo); err == nil {
			t.Errorf("%+v was accepted", bad)
		}
	}
}

func TestWeight(t *testing.T) {
	for w, want := range map[float64]string{1: "1.0", 0: "0.0", 0.5: "0.5", 10000: "10000.0", 1e-7: "0.0000001"} {
		if got := string(AppendWeight(nil, w)); got != want {
			t.Errorf("%v is written %s, want %s", w, got, want)
		}
	}
}

// What is written can be read, whatever is in it.
func FuzzInstance(f *testing.F) {
	f.Add(`{"ip":"10.0.0.1","port":80,"metadata":{"a":"b\u0000\""},"clusterName":"<x>","instanceId":"y"}`)
	f.Fuzz(func(t *testing.T, s string) {
		var in Instance
		if json.Unmarshal([]byte(s), &in) != nil {
			return
		}
		i, err := in.To(demo)
		if err != nil {
			return
		}
		b := AppendInstance(nil, demo, &i, true)
		var out Instance
		if err := json.Unmarshal(b, &out); err != nil {
			t.Fatalf("%s: %v", b, err)
		}
		if out.Port != in.Port || out.Weight != in.Weight || out.Healthy != in.Healthy || len(out.Metadata) != len(in.Metadata) {
			t.Fatalf("%+v became %+v", in, out)
		}
	})
}

// The scanner takes what encoding/json takes, and nothing else.
func FuzzScan(f *testing.F) {
	for _, s := range []string{
		`{"a":[1,-0.5e+3,true,false,null,"x\u00e9\n",{"b":{}}],"c":""}`, `{"a":1,}`, `{"a" 1}`, `{}x`, `{"a":01}`, `{"a":"\x"}`, "{\"a\":\"\x01\"}", `{"\u00e9":-}`,
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		err := Scan([]byte(s), func(*Scanner, []byte) {})
		var m map[string]any
		want := json.Unmarshal([]byte(s), &m) == nil
		if (err == nil) != want && (err == nil || !strings.Contains(err.Error(), "nested")) {
			t.Fatalf("%q: %v, encoding/json takes it: %v", s, err, want)
		}
		// No reader of a value goes astray in another one.
		var text string
		var n int
		var fl float64
		var b bool
		var p Pairs
		for _, read := range []func(*Scanner){func(s *Scanner) { s.Text(&text) }, func(s *Scanner) { s.Int(&n) }, func(s *Scanner) { s.Float(&fl) }, func(s *Scanner) { s.Bool(&b) }, func(s *Scanner) { s.Pairs(&p) }} {
			if err := Scan([]byte(s), func(s *Scanner, _ []byte) { read(s) }); err == nil && !want {
				t.Fatalf("%q was read", s)
			}
		}
	})
}

func TestScanKinds(t *testing.T) {
	var text string
	var n int
	var fl float64
	var yes bool
	err := Scan([]byte(` { "t" : "\u00e9\"" , "n":"80","f":"1.5","b":"true","x":{"y":[1,{}]},"i":80.0 } `), func(s *Scanner, name []byte) {
		switch string(name) {
		case "t":
			s.Text(&text)
		case "n", "i":
			s.Int(&n)
		case "f":
			s.Float(&fl)
		case "b":
			s.Bool(&yes)
		}
	})
	if err != nil || text != "é\"" || n != 80 || fl != 1.5 || !yes {
		t.Fatal(err, text, n, fl, yes)
	}
	for _, bad := range []string{`{"n":"x"}`, `{"n":1.5}`, `{"n":true}`, `{"n":{}}`} {
		if err := Scan([]byte(bad), func(s *Scanner, _ []byte) { s.Int(&n) }); err == nil {
			t.Errorf("%s was read as a whole number", bad)
		}
	}
}

func BenchmarkReadInstance(b *testing.B) {
	body := []byte(`{"instanceId":"","ip":"10.0.0.1","port":8080,"weight":10,"healthy":true,"enabled":true,"ephemeral":true,"clusterName":"","serviceName":"","metadata":{"k":"v"},"instanceHeartBeatInterval":0}`)
	for b.Loop() {
		var i Instance
		s := &Scanner{b: body}
		if i.Scan(s); s.err != nil {
			b.Fatal(s.err)
		}
	}
}

package app

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"github.com/musterhq/muster"
	"github.com/musterhq/muster/server/registry"
)

func TestForwardKeepsARequest(t *testing.T) {
	q := httptest.NewRequest("PUT", "/nacos/v1/ns/instance/beat?serviceName=a%40%40b&x=%20", strings.NewReader("ip=1&port=2"))
	q.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	q.Header.Set("User-Agent", "Nacos-Go-Client:v1.1.6")
	q.Header.Set("accessToken", "secret")
	q.Header.Set("X-Forwarded-For", "6.6.6.6") // means nothing here
	q.RemoteAddr = "10.0.0.9:4711"
	b, err := encodeRequest(q)
	if err != nil {
		t.Fatal(err)
	}
	r, err := decodeRequest(t.Context(), b)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	if r.Method != "PUT" || r.URL.RequestURI() != q.URL.RequestURI() || r.RemoteAddr != q.RemoteAddr || string(body) != "ip=1&port=2" ||
		r.ContentLength != 11 || r.Header.Get("accessToken") != "secret" || r.UserAgent() != q.UserAgent() || r.Header.Get("X-Forwarded-For") != "" {
		t.Errorf("%+v", r)
	}
	w := &answerWriter{status: 200}
	w.Header().Add("A", "1")
	w.WriteHeader(404)
	w.WriteHeader(200) // too late
	_, _ = io.WriteString(w, "text")
	a, err := decodeAnswer(w.encode())
	if err != nil || a.status != 404 || string(a.body) != "text" || len(a.header) != 1 {
		t.Errorf("%+v, %v", a, err)
	}
}

func FuzzForward(f *testing.F) {
	q := httptest.NewRequest("PUT", "/nacos/v1/ns/instance/beat?a=b", strings.NewReader("body"))
	q.Header.Set("User-Agent", "x")
	b, err := encodeRequest(q)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	w := &answerWriter{status: 200}
	w.Header().Add("A", "1")
	_, _ = io.WriteString(w, "text")
	f.Add(w.encode())
	f.Fuzz(func(t *testing.T, b []byte) {
		if r, err := decodeRequest(t.Context(), b); err == nil {
			again, err := encodeRequest(r)
			if err != nil {
				t.Fatalf("%+v: %v", r, err)
			}
			if _, err := decodeRequest(t.Context(), again); err != nil {
				t.Errorf("%q became %q: %v", b, again, err)
			}
		}
		if a, err := decodeAnswer(b); err == nil && (a.status < 200 || a.status > 999) {
			t.Errorf("status %d", a.status)
		}
	})
}

func FuzzInfo(f *testing.F) {
	b, err := info{Server: 1, HTTP: 8848, GRPC: 9848, Raft: 7848, Life: 3, Ready: true, Cluster: "c"}.encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Fuzz(func(t *testing.T, b []byte) {
		m := muster.Member{Name: "x", Addr: netip.MustParseAddrPort("10.0.0.1:7946"), Meta: b}
		i, ok := infoOf(&m)
		if !ok {
			return
		}
		again, err := i.encode()
		if err != nil {
			t.Fatal(err)
		}
		back, ok := infoOf(&muster.Member{Meta: again})
		if !ok || back != i {
			t.Errorf("%q: %+v became %+v", b, i, back)
		}
	})
}

func peersNamed(names ...string) []*peer {
	var out []*peer
	for _, n := range names {
		out = append(out, &peer{info: info{Ready: true}, member: muster.Member{Name: n}})
	}
	return out
}

// Clients are spread evenly, and only those of a server that goes move.
func TestRendezvous(t *testing.T) {
	const n = 30_000
	id := func(i int) registry.ClientID {
		return registry.AddressClient(fmt.Sprintf("10.0.%d.%d", i/250, i%250), 8080, true)
	}
	var full, less router
	full.update(peersNamed("a", "b", "c"))
	less.update(peersNamed("a", "c"))
	count := make(map[string]int)
	for i := range n {
		at := full.responsible(id(i)).id()
		count[at]++
		if now := less.responsible(id(i)).id(); at != "b" && now != at {
			t.Fatalf("client %d moved from %s to %s when b went", i, at, now)
		}
	}
	for name, c := range count {
		if c < n/3-n/50 || c > n/3+n/50 {
			t.Errorf("%s has %d of %d", name, c, n)
		}
	}
	all := peersNamed("a", "b", "c", "d", "e")
	all[0].Ready, all[1].member.State, all[2].member.Leaving = false, muster.Dead, true
	full.update(all)
	for i := range 100 {
		if at := full.responsible(id(i)).id(); at != "d" && at != "e" {
			t.Fatalf("client %d is given to %s", i, at)
		}
	}
	// The weight is part of what servers of different versions agree on.
	if w := weight("10.0.0.1:80#true", "5c54599c-7db7-4d5f-9d64-43077715e713"); w != weightGolden {
		t.Errorf("weight is %#x, was %#x", w, uint64(weightGolden))
	}
}

const weightGolden = 0xbad242806724050f

var _ http.ResponseWriter = (*answerWriter)(nil)

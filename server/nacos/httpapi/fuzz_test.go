package httpapi

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

func FuzzBeat(f *testing.F) {
	f.Add(`{"ip":"10.0.0.1","port":80,"metadata":{"a":1,"b":null,"c":"d"},"weight":1}`)
	f.Add(`{"cluster":"C","ip":"10.0.0.3","period":5000,"port":80,"scheduled":false,"serviceName":"G@@s","stopped":false,"weight":-2.5,"cpu":1,"ephemeral":null}`)
	f.Add(`{"ip":"","port":99999999999999999999}`)
	d := newDoor(&testing.T{}, nil)
	f.Fuzz(func(t *testing.T, beat string) {
		q := &request{Request: httptest.NewRequest("PUT", "/", nil), params: url.Values{"beat": {beat}, "serviceName": {"s"}}, server: d.api, patience: context.Background()}
		v, err := d.api.beat(q)
		if err != nil {
			return
		}
		// A full beat that is taken registers what it carries.
		if code := v.(object)["code"]; code != beatOK {
			t.Fatalf("%q: %v", beat, v)
		}
	})
}

// Whatever a request says, it is answered in the style of its route, and never
// as if the server had failed.
func FuzzQuery(f *testing.F) {
	const all = "serviceName=a&ip=1.1.1.1&port=1&metadata=k=v&weight=1.5&clusters=a,b&pageNo=1&pageSize=1&healthy=true&namespaceId=n&groupName=g&clusterName=c&" +
		"checkPort=1&useInstancePort4Check=true&healthChecker=%7B%22type%22:%22NONE%22%7D&protectThreshold=0.5&entry=check&value=on&clientId=x&namespaceName=n"
	for i := range routes {
		f.Add(uint8(i), all, "a=b")
		f.Add(uint8(i), "", all)
	}
	f.Add(uint8(3), "serviceName=%zz", `{"ip":1}`)
	f.Add(uint8(5), "serviceName=a&udpPort=99999&clientIP=::", "\x00")
	d := newDoor(&testing.T{}, whole)
	f.Fuzz(func(t *testing.T, n uint8, query, body string) {
		rt := routes[int(n)%len(routes)]
		method, _, _ := strings.Cut(rt.methods, " ")
		path := strings.NewReplacer("{key}", "k", "{namespaceId}", "n", "{service}", "s").Replace(rt.path)
		r := httptest.NewRequest(method, "/nacos"+path, strings.NewReader(body))
		r.URL.RawQuery = query
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		w := httptest.NewRecorder()
		d.api.ServeHTTP(w, r)
		if w.Code >= 500 && w.Code != http.StatusServiceUnavailable && w.Code != http.StatusNotImplemented {
			t.Fatalf("%s %s?%s %q: %d %s", method, path, query, body, w.Code, w.Body)
		}
		if rt.style != plain && rt.style != mixed && w.Code != http.StatusServiceUnavailable && !json.Valid(w.Body.Bytes()) && w.Body.Len() > 0 {
			t.Fatalf("%s %s?%s %q: %s is no JSON", method, path, query, body, w.Body)
		}
		// What was switched must not close the door to the next.
		if rt.switches || strings.Contains(path, "switches") {
			d = newDoor(&testing.T{}, whole)
		}
		_, _ = parseMetadata(query)
		_, _ = parseSelector(body)
		_, _ = parseChecker(body)
	})
}

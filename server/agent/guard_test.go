package agent

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

func TestGuard(t *testing.T) {
	served := http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
	for _, tt := range []struct {
		name     string
		method   string
		host     string
		header   [2]string
		exposed  bool // the API is not on the loopback interface
		wantCode int
	}{
		{name: "a script", method: "GET", host: "127.0.0.1:7373", wantCode: 200},
		{name: "a script that writes", method: "POST", host: "localhost:7373", wantCode: 200},
		{name: "IPv6", method: "POST", host: "[::1]:7373", wantCode: 200},
		{name: "no port", method: "GET", host: "127.0.0.1", wantCode: 200},
		{name: "IPv6, no port", method: "GET", host: "[::1]", wantCode: 200},
		{name: "another loopback address", method: "GET", host: "127.9.9.9:7373", wantCode: 200},

		{name: "DNS rebinding", method: "GET", host: "evil.example:7373", wantCode: 421},
		{name: "a name that only looks local", method: "GET", host: "localhost.evil.example", wantCode: 421},
		{name: "an address that is not loopback", method: "GET", host: "10.0.0.1:7373", wantCode: 421},
		{name: "no host at all", method: "GET", host: "", wantCode: 421},

		{name: "another site's form", method: "POST", host: "127.0.0.1:7373", header: [2]string{"Sec-Fetch-Site", "cross-site"}, wantCode: 403},
		{name: "another origin", method: "POST", host: "127.0.0.1:7373", header: [2]string{"Origin", "http://evil.example"}, wantCode: 403},
		{name: "another port of this machine", method: "POST", host: "127.0.0.1:7373", header: [2]string{"Origin", "http://127.0.0.1:80"}, wantCode: 403},
		{name: "this origin", method: "POST", host: "127.0.0.1:7373", header: [2]string{"Origin", "http://127.0.0.1:7373"}, wantCode: 200},

		{name: "exposed on purpose", method: "GET", host: "agent.internal:7373", exposed: true, wantCode: 200},
		{name: "exposed, another origin", method: "POST", host: "agent.internal:7373", header: [2]string{"Origin", "http://evil.example"}, exposed: true, wantCode: 403},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := httptest.NewRequest(tt.method, "/v1/members", nil)
			r.Host = tt.host
			if tt.header[0] != "" {
				r.Header.Set(tt.header[0], tt.header[1])
			}
			w := httptest.NewRecorder()
			guard(served, !tt.exposed).ServeHTTP(w, r)
			if w.Code != tt.wantCode {
				t.Errorf("%s with Host %q and %q answered %d, want %d", tt.method, tt.host, tt.header, w.Code, tt.wantCode)
			}
		})
	}
}

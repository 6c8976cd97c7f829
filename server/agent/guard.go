package agent

import (
	"net"
	"net/http"
	"net/netip"
)

// guard refuses what a web page could make a browser on this machine send.
// The API has no password because only this machine reaches it; a page the
// operator visits runs on this machine too.
//
// Requests that change something from another origin are refused by
// http.CrossOriginProtection. That leaves DNS rebinding, where the attacker's
// own host name resolves to 127.0.0.1 and so counts as the same origin: on a
// loopback listener every Host that does not mean this machine is refused.
func guard(next http.Handler, loopback bool) http.Handler {
	cross := http.NewCrossOriginProtection()
	cross.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		writeError(w, fault(http.StatusForbidden, "", "cross-origin request refused"))
	}))
	next = cross.Handler(next)
	if !loopback {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !meansThisMachine(r.Host) {
			writeError(w, fault(http.StatusMisdirectedRequest,
				"ask 127.0.0.1, [::1] or localhost", "host %q is not this agent", r.Host))
			return
		}
		next.ServeHTTP(w, r)
	})
}

// meansThisMachine reports whether a Host header names the loopback interface
// in a way that no DNS server can redirect.
func meansThisMachine(hostport string) bool {
	host, _, err := net.SplitHostPort(hostport)
	if err != nil {
		host = hostport // no port
	}
	if host == "localhost" {
		return true
	}
	if n := len(host); n > 1 && host[0] == '[' && host[n-1] == ']' {
		host = host[1 : n-1]
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Unmap().IsLoopback()
}

package memberlist

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"
	"time"
)

// tcpAskTimeout bounds one question over TCP: where it is blocked, Join must
// not take long to find out.
const tcpAskTimeout = 2 * time.Second

// lookUpTCP asks the first DNS server of the file at path, over TCP, for the
// IPv4 and IPv6 addresses of host.
func lookUpTCP(ctx context.Context, host, path string) ([]netip.Addr, error) {
	server, err := firstServer(path)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, tcpAskTimeout)
	defer cancel()
	r := net.Resolver{PreferGo: true, StrictErrors: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "tcp", server)
	}}
	// The final dot keeps the resolver from trying the search domains.
	return r.LookupNetIP(ctx, "ip", strings.TrimSuffix(host, ".")+".")
}

// firstServer reads the address of the first DNS server from a resolv.conf.
func firstServer(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	server := ""
	for s := bufio.NewScanner(f); server == "" && s.Scan(); {
		fields := strings.Fields(s.Text())
		if len(fields) >= 2 && fields[0] == "nameserver" {
			server = serverAddr(fields[1])
		}
	}
	if err := f.Close(); err != nil {
		return "", err
	}
	if server == "" {
		return "", fmt.Errorf("%s: %w", path, errNoServer)
	}
	return server, nil
}

// errNoServer means that the configuration names no DNS server.
var errNoServer = errors.New("no DNS server is named")

// serverAddr adds the port that DNS has by default.
func serverAddr(s string) string {
	if _, _, err := net.SplitHostPort(s); err == nil {
		return s
	}
	return net.JoinHostPort(s, "53")
}

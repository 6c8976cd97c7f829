package interop

import (
	"fmt"
	"net"
	"strconv"
	"sync"
)

// Each node of a run gets a port of its own that is not used again: were a
// port left to the system, a node of one cluster could come up where the
// members of another still look for one of theirs. The range lies below those
// from which systems pick ports for clients.
const (
	firstPort = 20_000
	lastPort  = 29_999
)

var ports struct {
	mu   sync.Mutex
	next int
}

// freePort finds one that is free for both UDP and TCP.
func freePort(host string) (string, error) {
	ports.mu.Lock()
	defer ports.mu.Unlock()
	for ports.next = max(ports.next, firstPort); ports.next <= lastPort; {
		addr := net.JoinHostPort(host, strconv.Itoa(ports.next))
		ports.next++
		if isFree(addr) {
			return addr, nil
		}
	}
	return "", fmt.Errorf("no port left in %d to %d", firstPort, lastPort)
}

func isFree(addr string) bool {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return false
	}
	p, err := net.ListenPacket("udp", addr)
	if err != nil {
		_ = l.Close() // taken in any case
		return false
	}
	return l.Close() == nil && p.Close() == nil
}

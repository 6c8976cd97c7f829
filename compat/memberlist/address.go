package memberlist

import (
	"fmt"
	"net"
)

// Address is where a node is.
type Address struct {
	// Addr is "host:port".
	Addr string

	// Name is the node's. A transport may need it.
	Name string
}

// String returns the address, with the name if there is one.
func (a *Address) String() string {
	if a.Name == "" {
		return a.Addr
	}
	return fmt.Sprintf("%s (%s)", a.Name, a.Addr)
}

// LogAddress returns an address as it appears in the log.
func LogAddress(addr net.Addr) string {
	if addr == nil {
		return LogStringAddress("")
	}
	return LogStringAddress(addr.String())
}

// LogStringAddress returns an address as it appears in the log.
func LogStringAddress(addr string) string {
	if addr == "" {
		addr = "<unknown address>"
	}
	return "from=" + addr
}

// LogConn returns a connection's other end as it appears in the log.
func LogConn(conn net.Conn) string {
	if conn == nil {
		return LogStringAddress("")
	}
	return LogAddress(conn.RemoteAddr())
}

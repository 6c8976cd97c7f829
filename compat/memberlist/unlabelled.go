package memberlist

import (
	"net"
	"net/netip"

	"github.com/musterhq/muster"
)

// unlabelled takes the labels off what comes in, for SkipInboundLabelCheck. In
// Grafana's fork that stands for any label at all, in hashicorp/memberlist for
// none, something in front having taken it off; this does for both.
type unlabelled struct{ muster.NamedTransport }

func (t unlabelled) ReadPacket(handle func(b []byte, from netip.AddrPort)) error {
	return t.NamedTransport.ReadPacket(func(b []byte, from netip.AddrPort) {
		if rest, _, err := RemoveLabelHeaderFromPacket(b); err == nil {
			b = rest
		} // else muster says what is wrong with it
		handle(b, from)
	})
}

func (t unlabelled) Accept() (net.Conn, error) {
	conn, err := t.NamedTransport.Accept()
	if err != nil {
		return nil, err
	}
	return &unlabelledConn{Conn: conn}, nil
}

// unlabelledConn takes the label off when it is first read from: until then
// nothing may have come.
type unlabelledConn struct {
	net.Conn
	rest net.Conn
}

func (c *unlabelledConn) Read(p []byte) (int, error) {
	if c.rest == nil {
		rest, _, err := RemoveLabelHeaderFromStream(c.Conn)
		if err != nil {
			return 0, err
		}
		c.rest = rest
	}
	return c.rest.Read(p)
}

//go:build !unix

package muster

import "net/netip"

// ReadPacket reads one packet.
func (t *udpTCP) ReadPacket(handle func(b []byte, from netip.AddrPort)) error {
	buf := packetBuffers.Get().(*[]byte)
	defer packetBuffers.Put(buf)
	n, from, err := t.udp.ReadFromUDPAddrPort(*buf)
	if err != nil {
		return err
	}
	handle((*buf)[:n], netip.AddrPortFrom(from.Addr().Unmap(), from.Port()))
	return nil
}

// packetReader holds nothing here.
type packetReader struct{}

//go:build unix

package muster

import (
	"net"
	"net/netip"
	"strconv"
	"syscall"
)

// readBatch bounds how many packets one wake-up reads.
const readBatch = 64

// ReadPacket reads what is there with buffers taken from a pool only while
// there is something to read: a node that waits holds no 64 KiB for the largest
// datagram there could be. It is called by one goroutine only.
func (t *udpTCP) ReadPacket(handle func(b []byte, from netip.AddrPort)) error {
	r := &t.reader
	if r.read == nil {
		r.read = r.readable // made once: a method value is an allocation
	}
	r.handle, r.failed = handle, nil
	err := t.raw.Read(r.read)
	if r.failed != nil {
		return &net.OpError{Op: "read", Net: "udp", Err: r.failed}
	}
	return err
}

// packetReader is what ReadPacket hands to the poller.
type packetReader struct {
	read   func(fd uintptr) bool
	handle func(b []byte, from netip.AddrPort)
	failed error
}

// readable reads until there is nothing left; false asks to be called again
// when there is.
func (r *packetReader) readable(fd uintptr) bool {
	buf := packetBuffers.Get().(*[]byte)
	defer packetBuffers.Put(buf)
	for n := 0; n < readBatch; n++ {
		size, sa, err := syscall.Recvfrom(int(fd), *buf, 0)
		switch err {
		case nil:
			r.handle((*buf)[:size], addrPort(sa))
		case syscall.EINTR:
		case syscall.EAGAIN:
			return n > 0
		default:
			r.failed = err
			return true
		}
	}
	return true
}

func addrPort(sa syscall.Sockaddr) netip.AddrPort {
	switch sa := sa.(type) {
	case *syscall.SockaddrInet4:
		return netip.AddrPortFrom(netip.AddrFrom4(sa.Addr), uint16(sa.Port))
	case *syscall.SockaddrInet6:
		ip := netip.AddrFrom16(sa.Addr).Unmap()
		if sa.ZoneId != 0 && ip.Is6() {
			ip = ip.WithZone(strconv.Itoa(int(sa.ZoneId)))
		}
		return netip.AddrPortFrom(ip, uint16(sa.Port))
	}
	return netip.AddrPort{}
}

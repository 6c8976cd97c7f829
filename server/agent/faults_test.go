package agent

import (
	"context"
	"errors"
	"net/netip"
	"syscall"
	"testing"

	"github.com/musterhq/muster"
)

func loopback(t *testing.T) muster.Transport {
	t.Helper()
	tr, err := muster.ListenUDPTCP("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = tr.Close() })
	return tr
}

// nextPacket returns the first packet that arrives.
func nextPacket(t *testing.T, tr muster.Transport) string {
	t.Helper()
	got := ""
	for got == "" {
		if err := tr.ReadPacket(func(b []byte, _ netip.AddrPort) {
			if got == "" {
				got = string(b)
			}
		}); err != nil {
			t.Fatal(err)
		}
	}
	return got
}

func TestCutLosesPacketsSilently(t *testing.T) {
	f, peer := newFaults(loopback(t)), loopback(t)
	send := func(s string) {
		if err := f.WritePacket([]byte(s), peer.Addr()); err != nil {
			t.Fatal(err)
		}
	}
	f.cut([]netip.AddrPort{peer.Addr()})
	send("lost")
	f.cut(nil)
	send("healed")
	if got := nextPacket(t, peer); got != "healed" {
		t.Errorf("the first packet to arrive is %q", got)
	}
	// The address may be written as IPv4 in IPv6.
	mapped := netip.AddrPortFrom(netip.AddrFrom16(peer.Addr().Addr().As16()), peer.Addr().Port())
	f.cut([]netip.AddrPort{mapped})
	send("lost")
	f.cut([]netip.AddrPort{netip.MustParseAddrPort("127.0.0.1:1")}) // replaces the set
	send("another is cut")
	if got := nextPacket(t, peer); got != "another is cut" {
		t.Errorf("the next packet to arrive is %q", got)
	}
}

func TestCutRefusesAndBreaksStreams(t *testing.T) {
	f, peer := newFaults(loopback(t)), loopback(t)
	open, err := f.Dial(context.Background(), peer.Addr())
	if err != nil {
		t.Fatal(err)
	}
	f.cut([]netip.AddrPort{peer.Addr()})
	if _, err := open.Write([]byte("x")); err == nil {
		t.Error("a stream that was open survived the cut")
	}
	if _, err := f.Dial(context.Background(), peer.Addr()); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("dialling a cut address: %v, want a refusal", err)
	}
	f.cut(nil)
	again, err := f.Dial(context.Background(), peer.Addr())
	if err != nil {
		t.Fatalf("dialling after the cut healed: %v", err)
	}
	if err := again.Close(); err != nil {
		t.Error(err)
	}
	if n := len(f.conns); n != 0 {
		t.Errorf("%d closed streams are still remembered", n)
	}
}

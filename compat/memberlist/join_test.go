package memberlist

import (
	"encoding/binary"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// TestSplitHost: every way of writing an address.
func TestSplitHost(t *testing.T) {
	for s, want := range map[string]struct {
		host string
		port uint16
	}{
		"host": {"host", 7}, "host:5": {"host", 5}, "1.2.3.4": {"1.2.3.4", 7}, "1.2.3.4:5": {"1.2.3.4", 5},
		"::1": {"::1", 7}, "[::1]": {"::1", 7}, "[::1]:5": {"::1", 5}, ":5": {"", 5},
	} {
		host, port, err := splitHost(s, 7)
		if host != want.host || port != want.port || err != nil {
			t.Errorf("%s: %s %d %v", s, host, port, err)
		}
	}
	for _, s := range []string{"host:", "host:x", "host:70000", "a:b:c"} {
		if _, _, err := splitHost(s, 7); err == nil {
			t.Errorf("%s was accepted", s)
		}
	}
}

// TestLookUpTCP asks a DNS server over TCP for a name of more addresses than a
// datagram could tell.
func TestLookUpTCP(t *testing.T) {
	const count = 200
	server := dnsServer(t, "many.example.", count)
	conf := filepath.Join(t.TempDir(), "resolv.conf")
	if err := os.WriteFile(conf, []byte("# comment\nsearch example\nnameserver "+server+"\nnameserver 192.0.2.1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c := quick(nil, "a")
	c.DNSConfigPath, c.LogOutput = conf, io.Discard
	m, err := Create(c)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := m.Shutdown(); err != nil {
			t.Error(err)
		}
	}()
	targets, err := m.resolve("name/many.example:5")
	if err != nil || len(targets) != count {
		t.Fatalf("found %d: %v", len(targets), err)
	}
	if want := (target{netip.MustParseAddrPort("10.0.0.0:5"), "name"}); !reflect.DeepEqual(targets[0], want) {
		t.Errorf("found %v, want %v", targets[0], want)
	}
	if _, err := lookUpTCP(t.Context(), "many.example", "/does/not/exist"); err == nil {
		t.Error("looked up without a server")
	}
}

// dnsServer answers questions over TCP for the IPv4 addresses of one name, of
// which there are count, as RFC 1035 has it.
func dnsServer(t *testing.T, name string, count int) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return // closed
			}
			go answerDNS(conn, name, count)
		}
	}()
	return l.Addr().String()
}

func answerDNS(conn net.Conn, name string, count int) {
	defer conn.Close()
	for {
		var size [2]byte
		if _, err := io.ReadFull(conn, size[:]); err != nil {
			return
		}
		q := make([]byte, binary.BigEndian.Uint16(size[:]))
		if _, err := io.ReadFull(conn, q); err != nil {
			return
		}
		end := 12 // of the question: the name's labels, a zero, type and class
		var labels strings.Builder
		for q[end] != 0 {
			labels.Write(q[end+1 : end+1+int(q[end])])
			labels.WriteByte('.')
			end += 1 + int(q[end])
		}
		kind := binary.BigEndian.Uint16(q[end+1:])
		end += 5
		answers := 0
		if kind == 1 && labels.String() == name {
			answers = count
		}
		r := append([]byte{q[0], q[1], 0x84, 0, 0, 1, byte(answers >> 8), byte(answers), 0, 0, 0, 0}, q[12:end]...)
		for i := range answers {
			r = append(r, 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 9, 0, 4, 10, 0, byte(i>>8), byte(i))
		}
		if _, err := conn.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(r))), r...)); err != nil {
			return
		}
	}
}

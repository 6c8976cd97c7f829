package app

import (
	"bytes"
	"net/netip"
	"os"
	"slices"
	"strings"
)

// peersFile has the gossip addresses of the servers that were last seen, one a
// line. A server that starts again tries them beside those it is told to join:
// all of these may have moved meanwhile.
const peersFile = "peers"

// maxPeers bounds what is read from the file.
const maxPeers = 100

func (d *dataDir) peers() []string {
	b, err := os.ReadFile(d.file(peersFile))
	if err != nil {
		return nil // it is a help, and no more
	}
	var out []string
	for line := range strings.Lines(string(b)) {
		if a, err := netip.ParseAddrPort(strings.TrimSpace(line)); err == nil && len(out) < maxPeers {
			out = append(out, a.String())
		}
	}
	return out
}

// notePeers writes the addresses, if they are others than before.
func (d *dataDir) notePeers(addrs []string) error {
	slices.Sort(addrs)
	b := []byte(strings.Join(addrs, "\n") + "\n")
	if old, err := os.ReadFile(d.file(peersFile)); err == nil && bytes.Equal(old, b) {
		return nil
	}
	tmp := d.file(peersFile + ".tmp")
	if err := os.WriteFile(tmp, b, 0o644); err != nil {
		return err
	}
	return os.Rename(tmp, d.file(peersFile))
}

// noteKnown notes where the other servers are. Those that are gone stay noted
// as long as nobody else is there.
func (m *members) noteKnown() {
	var addrs []string
	for _, p := range m.list() {
		if p.here() && p.id() != m.s.id {
			addrs = append(addrs, p.member.Addr.String())
		}
	}
	if len(addrs) == 0 {
		return
	}
	if err := m.s.dir.notePeers(addrs); err != nil {
		m.s.log.Warn("noting where the other servers are", "err", err)
	}
}

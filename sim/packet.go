package sim

import (
	"errors"
	"fmt"
	"time"

	"github.com/musterhq/muster/swim"
	"github.com/musterhq/muster/wire"
)

// ceiling is how many packets a node may send in a second on its own account
// (invariant 19). The factors are the core's: gossip at up to four times its
// pace while much is waiting, each turn of it in up to three packets when
// compression disappoints, and a probe with all its relays.
func ceiling(cfg swim.Config) int {
	n := 64.0
	if cfg.GossipInterval > 0 {
		n += 12 * float64(cfg.GossipNodes) * float64(time.Second) / float64(cfg.GossipInterval)
	}
	if cfg.ProbeInterval > 0 {
		n += 2 * float64(cfg.IndirectChecks+2) * float64(time.Second) / float64(cfg.ProbeInterval)
	}
	return int(n)
}

// repliesPer is how many packets one that came in may cause: a ping on behalf
// of another, its ack, its nack.
const repliesPer = 3

// checkPacket counts a packet and checks it (invariants 10 and 19).
func (c *Cluster) checkPacket(n *node, data []byte) {
	if c.opts.Unchecked {
		return
	}
	if len(data) > n.limit || len(data) == 0 {
		c.violate(n, Sized, "sends a packet of %d bytes, at most %d are allowed", len(data), n.limit)
		return
	}
	n.sent++
	if c.now-n.window >= int64(time.Second) || n.window < 0 {
		n.window, n.sent, n.received = c.now, 1, 0
	} else if most := n.perWindow + len(c.nodes) + repliesPer*n.received; n.sent > most {
		c.violate(n, Storm, "sends more than %d packets in a second, %d received", most, n.received)
	}
	if !c.dense() && c.counts[Packets]%16 != 0 {
		return
	}
	if err := c.decodes(data, 0); err != nil {
		c.violate(n, Sized, "sends what does not decode: %v: %x", err, data)
	}
}

// livelocks counts ticks that change nothing.
type livelocks struct {
	tickAt int64
	ticks  int
}

const ticksMax = 1000

// checkLivelock: a core whose deadline never moves would spin for ever.
func (c *Cluster) checkLivelock(n *node) {
	if n.tickAt != c.now {
		n.tickAt, n.ticks = c.now, 0
	}
	if n.ticks++; n.ticks > ticksMax {
		c.violate(n, Storm, "wants another tick at once, for the %dth time", n.ticks)
	}
}

var errNested = errors.New("nested too deep")

// decodes checks that a memberlist peer could read a packet, and counts what
// is in it.
func (c *Cluster) decodes(data []byte, depth int) error {
	if len(data) == 0 || depth > 2 {
		return errNested
	}
	body := data[1:]
	switch t := wire.Type(data[0]); t {
	case wire.TypeCompound:
		c.counts[Compounds]++
		return c.decodesCompound(body, depth)
	case wire.TypeCompress:
		c.counts[Compressed]++
		plain, err := wire.AppendDecompressed(nil, body, 1<<20)
		if err != nil {
			return err
		}
		return c.decodes(plain, depth+1)
	case wire.TypePing:
		return new(wire.Ping).Decode(body)
	case wire.TypeIndirectPing:
		c.counts[Indirect]++
		return new(wire.IndirectPing).Decode(body)
	case wire.TypeAck:
		return new(wire.Ack).Decode(body)
	case wire.TypeNack:
		c.counts[Nacks]++
		return new(wire.Nack).Decode(body)
	case wire.TypeSuspect:
		return new(wire.Suspect).Decode(body)
	case wire.TypeDead:
		return new(wire.Dead).Decode(body)
	case wire.TypeAlive:
		return new(wire.Alive).Decode(body)
	case wire.TypeRumor:
		return new(wire.Rumor).Decode(body)
	case wire.TypeScopedRumor:
		return new(wire.Rumor).DecodeScoped(body)
	case wire.TypeGone:
		return new(wire.Gone).Decode(body)
	case wire.TypeUser:
		return nil
	default:
		return fmt.Errorf("type %d", t)
	}
}

func (c *Cluster) decodesCompound(body []byte, depth int) error {
	parts, err := wire.ParseCompound(body)
	if err != nil {
		return err
	}
	for {
		part, ok := parts.Next()
		if !ok {
			break
		}
		if err := c.decodes(part, depth+1); err != nil {
			return err
		}
	}
	if lost := parts.Truncated(); lost > 0 {
		return fmt.Errorf("compound lacks %d messages", lost)
	}
	return nil
}

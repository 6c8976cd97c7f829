package swim

import (
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/musterhq/muster/wire"
)

// Step takes in a packet as [wire.Codec.Open] returned it: one message, which
// may be a compound or compressed. It keeps nothing of msg. The error tells why
// something in it changed nothing; every message in it was processed, as far as
// the budget for one packet goes.
func (c *Core) Step(now time.Time, from netip.AddrPort, msg []byte) error {
	c.advance(now)
	c.budget = budget{bytes: len(msg), answers: answersMax, plain: max(decompressMax, 2*c.cfg.PacketSize), parts: messagesMax}
	return c.step(from, msg, 0)
}

// budget is what one packet may still cause. Its sender may be anybody and may
// give anybody's address: without it a packet full of pings would turn this
// member against whoever lives there.
type budget struct {
	bytes   int // to an address that is no member's, in one answer
	answers int // packets to anybody
	plain   int // bytes that decompression may make of it
	parts   int // messages in its compounds
}

// answersMax is more than an honest packet asks for, which has one ping or
// request at most, among broadcasts.
const answersMax = 4

// messagesMax is four times what an honest packet holds, which is one compound.
// Compounds of compounds, compressed, would be half a million in 5 KB.
const messagesMax = 4 * partsMax

func (b *budget) answer() bool {
	b.answers--
	return b.answers >= 0
}

// stranger says whether somebody who is no member may be answered with n bytes.
func (b *budget) stranger(n int) bool {
	if n > b.bytes {
		return false
	}
	b.bytes = 0
	return true
}

// unpack decompresses a message as far as the packet's budget goes.
func (c *Core) unpack(body []byte) ([]byte, error) {
	limit := c.budget.plain
	c.budget.plain = 0 // an attempt that fails has cost as much
	if limit <= 0 {
		return nil, wire.ErrTooLarge
	}
	plain, err := c.compression.AppendDecompressed(nil, body, limit)
	if err == nil {
		c.budget.plain = limit - len(plain)
	}
	return plain, err
}

// nestMax bounds compounds within compounds within compressed messages.
const nestMax = 3

func (c *Core) step(from netip.AddrPort, msg []byte, depth int) error {
	if len(msg) == 0 || depth > nestMax {
		c.stats.Malformed++
		return fmt.Errorf("%w: empty, or nested more than %d deep", ErrMalformed, nestMax)
	}
	body := msg[1:]
	switch t := wire.Type(msg[0]); t {
	case wire.TypeCompound:
		return c.stepCompound(from, body, depth)
	case wire.TypeCompress:
		plain, err := c.unpack(body)
		if err != nil {
			c.stats.Malformed++
			return fmt.Errorf("%w: %w", ErrMalformed, err)
		}
		return c.step(from, plain, depth+1)
	case wire.TypeUser:
		c.heard = c.now
		c.deliver(from, body, false)
		return nil
	default:
		return c.stepOne(t, from, body)
	}
}

// decompressMax bounds what the compressed messages in a packet may become, all
// of them together.
const decompressMax = 1 << 20

func (c *Core) stepCompound(from netip.AddrPort, body []byte, depth int) error {
	parts, err := wire.ParseCompound(body)
	if err != nil {
		c.stats.Malformed++
		return fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	var first error
	for {
		part, ok := parts.Next()
		if !ok {
			break
		}
		if c.budget.parts--; c.budget.parts < 0 {
			c.stats.Malformed++
			return fmt.Errorf("%w: more than %d messages in a packet", ErrMalformed, messagesMax)
		}
		if err := c.step(from, part, depth+1); err != nil && first == nil {
			first = err
		}
	}
	if n := parts.Truncated(); n > 0 && first == nil {
		c.stats.Malformed++
		first = fmt.Errorf("%w: compound lacks its last %d messages", ErrMalformed, n)
	}
	return first
}

// inbox holds one message of each kind, so that decoding allocates nothing.
type inbox struct {
	ping     wire.Ping
	indirect wire.IndirectPing
	ack      wire.Ack
	nack     wire.Nack
	suspect  wire.Suspect
	dead     wire.Dead
	alive    wire.Alive
	rumor    wire.Rumor
	gone     wire.Gone
}

func (c *Core) stepOne(t wire.Type, from netip.AddrPort, body []byte) error {
	in := &c.in
	var err error
	switch t {
	case wire.TypePing:
		if err = in.ping.Decode(body); err == nil {
			c.heard = c.now
			return c.ping(from, &in.ping)
		}
	case wire.TypeIndirectPing:
		if err = in.indirect.Decode(body); err == nil {
			c.heard = c.now
			return c.indirectPing(from, &in.indirect)
		}
	case wire.TypeAck:
		if err = in.ack.Decode(body); err == nil {
			c.heard = c.now
			return c.acked(&in.ack)
		}
	case wire.TypeNack:
		if err = in.nack.Decode(body); err == nil {
			c.heard = c.now
			return c.nacked(in.nack.SeqNo)
		}
	case wire.TypeSuspect:
		c.stats.SuspectsReceived++
		if err = in.suspect.Decode(body); err == nil {
			return c.suspect(&in.suspect)
		}
	case wire.TypeDead:
		c.stats.DeadsReceived++
		if err = in.dead.Decode(body); err == nil {
			return c.dead(&in.dead)
		}
	case wire.TypeAlive:
		c.stats.AlivesReceived++
		if err = in.alive.Decode(body); err == nil {
			return c.alive(&in.alive, origin{from: from})
		}
	case wire.TypeRumor:
		if err = in.rumor.Decode(body); err == nil {
			c.rumor(from, &in.rumor)
			return nil
		}
	case wire.TypeScopedRumor:
		if err = in.rumor.DecodeScoped(body); err == nil {
			if !Related(in.rumor.Scope, c.cfg.Namespace) {
				return c.ignored("broadcast of another namespace")
			}
			c.rumor(from, &in.rumor)
			return nil
		}
	case wire.TypeGone:
		if err = in.gone.Decode(body); err == nil {
			return c.gone(from, in.gone.SeqNo)
		}
	default:
		err = fmt.Errorf("message type %d in a packet", t)
	}
	c.stats.Malformed++
	return fmt.Errorf("%w: %w", ErrMalformed, err)
}

// ignored is the answer to a message that the rules give no effect.
func (c *Core) ignored(why string) error {
	c.stats.Ignored++
	return ignoredError(why)
}

// ignoredError is ErrIgnored with its reason, without an allocation.
type ignoredError string

func (e ignoredError) Error() string        { return ErrIgnored.Error() + ": " + string(e) }
func (e ignoredError) Is(target error) bool { return target == ErrIgnored }

// isIgnored tells a message without effect from one that was refused.
func isIgnored(err error) bool { return errors.Is(err, ErrIgnored) }

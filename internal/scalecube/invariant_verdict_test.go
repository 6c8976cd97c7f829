package scalecube

import (
	"errors"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"github.com/musterhq/muster/swim"
	"github.com/musterhq/muster/wire"
)

// (3) One probe round publishes one verdict, whatever the helpers say and in
// whatever order: nacks, acks, both of them, twice, too late, a stream refused
// or answered, a packet that could not be sent.
func TestInvariant3OneVerdictPerRound(t *testing.T) {
	t.Parallel()
	saved, lost := 0, 0
	for seed := range uint64(400) {
		r := newRound(t, seed)
		r.play()
		switch {
		case r.recovers > 0 || r.suspects > 1:
			t.Fatalf("seed %d: suspected %d times, recovered %d times in one round", seed, r.suspects, r.recovers)
		case r.answered && r.suspects > 0:
			t.Fatalf("seed %d: suspected though an answer had come", seed)
		case !r.answered && r.suspects == 0:
			t.Fatalf("seed %d: no answer came, and no suspicion", seed)
		case r.answered:
			saved++
		default:
			lost++
		}
	}
	if saved < 50 || lost < 50 {
		t.Errorf("%d rounds ended with an answer, %d without: the test is lopsided", saved, lost)
	}
}

// round is one probe round of a core, followed from the ping to its end.
type round struct {
	*core
	chance *rand.Rand

	seq      uint32 // of the probe; 0 before it
	target   netip.AddrPort
	relays   map[netip.AddrPort]uint32
	stream   uint64
	opened   bool
	answered bool // before the verdict
	suspects int
	recovers int
}

func newRound(t *testing.T, seed uint64) *round {
	c := newCore(t, func(c *swim.Config) {
		c.Seed, c.Compress = seed, false
		c.PushPullInterval, c.ReconnectInterval, c.SuspicionMult = 0, 0, 1000
	})
	r := &round{core: c, chance: rand.New(rand.NewPCG(seed, 3)), relays: make(map[netip.AddrPort]uint32)}
	for i := range byte(4) {
		if err := c.take(1+i, aliveMessage(string('k'+rune(i)), at(1+i), 1, wire.About{ID: uint64(1 + i)})); err != nil {
			t.Fatal(err)
		}
	}
	return r
}

// play has the round go by, and the time after it in which no other round can
// come to a verdict on the same member.
func (r *round) play() {
	for r.seq == 0 {
		r.run(5*time.Millisecond, r.look)
	}
	// How likely anybody is to say anything in a step of 5 ms.
	ack, nack := r.chance.Float64()*0.004, r.chance.Float64()*0.02
	for end := r.now.Add(1450 * time.Millisecond); r.now.Before(end); {
		r.run(5*time.Millisecond, r.look)
		for i := range byte(4) {
			from := at(1 + i)
			seq, asked := r.relays[from]
			if from == r.target {
				seq, asked = r.seq, true
			}
			if asked && r.draw(nack) && from != r.target {
				r.say(from, (&wire.Nack{SeqNo: seq}).Append(nil))
			}
			if asked && r.draw(ack) {
				r.answer()
				r.say(from, (&wire.Ack{SeqNo: seq}).Append(nil))
			}
		}
		if r.opened && r.draw(0.01) {
			r.opened = false
			r.Ready()
			if r.draw(0.1) {
				r.answer()
				r.StreamDone(r.now, r.stream, (&wire.Ack{SeqNo: r.seq}).Append(nil), nil)
			} else {
				r.StreamDone(r.now, r.stream, nil, errors.New("refused"))
			}
			r.look(r.core.Ready())
		}
		if r.draw(0.005) {
			r.Ready()
			r.Unreachable(r.now, r.target)
			r.look(r.core.Ready())
		}
	}
}

func (r *round) draw(p float64) bool { return r.chance.Float64() < p }

// answer notes an answer that comes before the verdict.
func (r *round) answer() { r.answered = r.answered || r.suspects == 0 }

func (r *round) say(from netip.AddrPort, msg []byte) {
	r.Ready()
	_ = r.Step(r.now, from, msg) // ignored, if it is late
	r.look(r.core.Ready())
}

// look notes what the core wants done.
func (r *round) look(rd swim.Ready) {
	for _, p := range rd.Packets {
		parts(p.Data, func(msg []byte) { r.sent(p.To, msg) })
	}
	for _, s := range rd.Streams {
		if s.Kind == swim.StreamPing && s.To == r.target && !r.opened && r.stream == 0 {
			r.stream, r.opened = s.ID, true
		}
	}
	for _, e := range rd.Events {
		if e.Member.Addr != r.target {
			continue
		}
		switch e.Kind {
		case swim.EventSuspect:
			r.suspects++
		case swim.EventRecover:
			r.recovers++
		}
	}
}

func (r *round) sent(to netip.AddrPort, msg []byte) {
	switch wire.Type(msg[0]) {
	case wire.TypePing:
		var p wire.Ping
		if err := p.Decode(msg[1:]); err != nil {
			r.t.Fatal(err)
		}
		if r.seq == 0 {
			r.seq, r.target = p.SeqNo, to
		}
	case wire.TypeIndirectPing:
		var p wire.IndirectPing
		if err := p.Decode(msg[1:]); err != nil {
			r.t.Fatal(err)
		}
		if p.SeqNo == r.seq {
			r.relays[to] = p.SeqNo
		}
	}
}

// parts yields the messages of a packet.
func parts(msg []byte, yield func([]byte)) {
	if wire.Type(msg[0]) != wire.TypeCompound {
		yield(msg)
		return
	}
	c, err := wire.ParseCompound(msg[1:])
	for err == nil {
		part, ok := c.Next()
		if !ok {
			return
		}
		yield(part)
	}
}

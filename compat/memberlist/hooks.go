package memberlist

import (
	"time"

	"github.com/musterhq/muster"
)

// hooks connects the delegates that there are. What is only to be told goes to
// the teller; what is asked is answered here and now.
func (m *Memberlist) hooks(cfg *muster.Config) {
	cfg.OnEvent = func(e muster.Event) { m.teller.add(note{event: &e}) }
	cfg.OnAccused = func(by string, of muster.State) {
		m.log.Printf("[WARN] memberlist: Refuting %s message (from: %s)", accusations[of], by)
	}
	if m.conf.Delegate != nil {
		m.delegateHooks(cfg)
	}
	if m.conf.Alive != nil {
		cfg.VetAlive = m.vetAlive
	}
	if m.conf.Merge != nil {
		cfg.VetMerge = func(members []muster.Member) (err error) {
			asking(func() { err = m.conf.Merge.NotifyMerge(newNodes(members)) })
			return err
		}
	}
	if m.conf.Ping != nil {
		cfg.OnPing = func(member muster.Member, rtt time.Duration, payload []byte) {
			m.teller.add(note{ping: &pinged{newNode(&member), rtt, payload}})
		}
	}
	if m.conf.NodeSelection != nil {
		cfg.SelectTargets = m.selectTargets
	}
}

var accusations = map[muster.State]string{muster.Alive: "an alive", muster.Suspect: "a suspect", muster.Dead: "a dead", muster.Left: "a dead"}

func (m *Memberlist) delegateHooks(cfg *muster.Config) {
	d := m.conf.Delegate
	cfg.OnMessage = func(msg muster.Message) { m.teller.add(note{message: msg.Payload}) }
	cfg.Broadcasts = func(limit int) (msgs [][]byte) {
		asking(func() { msgs = d.GetBroadcasts(broadcastOverhead, limit) })
		return msgs
	}
	cfg.LocalState = func(join bool) (state []byte) {
		asking(func() { state = d.LocalState(join) })
		return state
	}
	cfg.MergeState = func(state []byte, join bool) {
		n := note{message: state, merge: true, join: join}
		if m.conf.Alive == nil {
			m.teller.add(n)
			return
		}
		// The nodes that came with this state are yet to be shown to
		// NotifyAlive; the application expects to hear of them first.
		m.teller.hold()
		m.spawn(func() {
			m.flush(m.ctx)
			m.teller.release(n)
		})
	}
}

// broadcastOverhead is what a message adds to a packet beyond its bytes: its
// length and its type.
const broadcastOverhead = 3

func (m *Memberlist) vetAlive(member muster.Member) (err error) {
	asking(func() { err = m.conf.Alive.NotifyAlive(newNode(&member)) })
	if err != nil {
		m.log.Printf("[WARN] memberlist: ignoring alive message for '%s': %s", member.Name, err)
	}
	return err
}

func (m *Memberlist) selectTargets(candidates []muster.Member) (selected []muster.Member, preferred *muster.Member) {
	nodes := make([]*NodeState, len(candidates))
	members := make(map[string]*muster.Member, len(candidates))
	for i := range candidates {
		nodes[i] = newNodeState(&candidates[i])
		members[candidates[i].Name] = &candidates[i]
	}
	var chosen []*NodeState
	var first *NodeState
	asking(func() { chosen, first = m.conf.NodeSelection.SelectNodes(nodes) })
	for _, n := range chosen {
		if member := members[n.Name]; member != nil {
			selected = append(selected, *member)
		}
	}
	if first != nil {
		preferred = members[first.Name]
	}
	return selected, preferred
}

// refreshAck asks for what acks are to carry. What is too long for them is
// reported and leaves them with what they had.
func (m *Memberlist) refreshAck() {
	if m.conf.Ping == nil {
		return
	}
	var payload []byte
	asking(func() { payload = m.conf.Ping.AckPayload() })
	if err := m.node.SetAckPayload(payload); err != nil && !isClosed(err) {
		m.log.Printf("[ERR] memberlist: Failed to set the payload of acks: %v", err)
	}
}

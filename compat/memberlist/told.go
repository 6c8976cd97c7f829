package memberlist

import (
	"github.com/musterhq/muster"
)

// tellNote calls the delegate that a note is for. No lock is held.
func (m *Memberlist) tellNote(n note) {
	if <-m.started; m.node == nil {
		return // Create has failed
	}
	switch {
	case n.event != nil:
		m.tellEvent(n.event)
	case n.ping != nil:
		m.conf.Ping.NotifyPingComplete(n.ping.node, n.ping.rtt, n.ping.payload)
		m.refreshAck()
	case n.merge:
		m.conf.Delegate.MergeRemoteState(n.message, n.join)
	default:
		m.conf.Delegate.NotifyMsg(n.message)
	}
}

func (m *Memberlist) tellEvent(e *muster.Event) {
	m.logEvent(e)
	node := newNode(&e.Member)
	switch {
	case e.Kind == muster.MemberConflict:
		m.tellConflict(node)
	case m.conf.Events == nil, node.Name == m.conf.Name && m.hidden.Load():
	case e.Kind == muster.MemberJoined:
		m.tellJoin(node)
	case e.Kind == muster.MemberUpdated:
		m.tellUpdate(node, e.OldMeta)
	case e.Kind == muster.MemberFailed && e.From == "":
		// Another process has taken its place, and is about to join. That is
		// an update to memberlist, which does not tell processes apart.
		m.replaced[node.Name] = e.OldMeta
	case e.Kind.Gone():
		delete(m.replaced, node.Name)
		m.conf.Events.NotifyLeave(node)
	}
}

func (m *Memberlist) tellJoin(node *Node) {
	if old, ok := m.replaced[node.Name]; ok {
		delete(m.replaced, node.Name)
		m.tellUpdate(node, old)
		return
	}
	m.conf.Events.NotifyJoin(node)
}

// tellUpdate tells of new metadata. An address or versions alone are no update
// to memberlist.
func (m *Memberlist) tellUpdate(node *Node, old []byte) {
	if string(old) != string(node.Meta) {
		m.conf.Events.NotifyUpdate(node)
	}
}

// tellConflict reports a node whose name is another's. The owner may have gone
// meanwhile, and then there is no conflict any more.
func (m *Memberlist) tellConflict(other *Node) {
	owner, ok := m.node.Member(other.Name)
	if !ok {
		return
	}
	m.log.Printf("[ERR] memberlist: Conflicting address for %s. Mine: %v Theirs: %s Old state: %v",
		other.Name, owner.Addr, other.Address(), int(owner.State))
	if m.conf.Conflict != nil {
		m.conf.Conflict.NotifyConflict(newNode(&owner), other)
	}
}

// logEvent writes the lines that operators look for.
func (m *Memberlist) logEvent(e *muster.Event) {
	own, name := m.conf.Name, e.Member.Name
	switch {
	case e.Kind == muster.MemberSuspected && e.From == own:
		m.log.Printf("[INFO] memberlist: Suspect %s has failed, no acks received", name)
	case e.Kind == muster.MemberFailed && e.From == own:
		m.log.Printf("[INFO] memberlist: Marking %s as failed, suspect timeout reached (%d peer confirmations)", name, e.Confirmations)
		m.countDegraded(e.Confirmations)
	}
}

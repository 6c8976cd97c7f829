// Package memberlist is github.com/hashicorp/memberlist's API on muster.
//
// An application that was written against memberlist, or against Grafana's fork
// of it, needs no change: a replace line in its go.mod is enough (see README.md).
// A node built so speaks memberlist's protocol with nodes that are not, and
// muster's additions with those that are.
//
//	list, err := memberlist.Create(memberlist.DefaultLANConfig())
//	if err != nil {
//		return err
//	}
//	defer list.Shutdown()
//	if _, err := list.Join([]string{"10.0.0.1"}); err != nil {
//		return err
//	}
//	for _, member := range list.Members() {
//		fmt.Println(member.Name, member.Addr)
//	}
//
// # When delegates are called
//
// Calls that report something, those of [EventDelegate], [ConflictDelegate] and
// NotifyPingComplete, NotifyMsg and MergeRemoteState of [Delegate], come from one
// goroutine, one at a time, in the order in which things happened. Calls that ask
// for something, NotifyAlive, NotifyMerge, LocalState, GetBroadcasts, NodeMeta,
// AckPayload and SelectNodes, may come at the same time from others.
//
// [Create], [Memberlist.Join], [Memberlist.Leave] and [Memberlist.UpdateNode]
// return after the application has been told what they brought about, unless a
// delegate called them: then it is told once that delegate returns.
//
// No lock is held during a call: a delegate may call every method of the
// [Memberlist]. One that blocks holds up what there is to report after it, but
// neither the answers to other nodes' probes nor gossip.
package memberlist

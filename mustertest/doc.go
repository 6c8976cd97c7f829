// Package mustertest runs clusters of muster nodes in memory, for the tests of
// programs that use muster: what httptest is to net/http.
//
//	func TestFailover(t *testing.T) {
//		synctest.Test(t, func(t *testing.T) {
//			network := mustertest.NewNetwork(mustertest.Options{Seed: 1})
//			nodes := mustertest.Cluster(t, network, 3, nil) // n0, n1, n2
//			network.Isolate("n2")
//			mustertest.AwaitMembers(t, nodes[0], nodes[1])
//			network.Heal()
//			mustertest.AwaitMembers(t, nodes...)
//		})
//	}
//
// A [Network] hands out transports with addresses such as 10.0.0.1:7946. Each
// direction between two of them is a link, which may lose, delay, double and
// reorder packets, and be cut. Streams go over the same links: loss delays
// them, a cut stalls them. Everything may be changed at any time.
//
// # Time
//
// In a bubble of testing/synctest time is virtual: a cluster that takes a
// minute to notice a failure takes some milliseconds of the test's. Make the
// network inside the bubble. Without one everything works in real time.
//
// Seeds, and what is given to Join, should be addresses ([Network.Addr]): a host
// name is looked up for real, which a bubble does not allow.
//
// # Chance
//
// What happens to the packets of a link depends on the network's seed, the
// link's two addresses and the packets before it, and on nothing else. A run is
// repeated by its seed as far as Go's scheduler allows: goroutines that are due
// at the same instant still run in any order, and nodes draw what they choose
// (whom to probe, whom to gossip to) from their own source. [Start] logs the
// seed of a test that fails.
package mustertest

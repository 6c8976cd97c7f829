// Package ephemeral spreads what the clients of one server have registered to
// the other servers of the cluster, over the records of muster: it is the
// registry's [registry.Ephemeral].
//
// A server is one member of the gossip. Each publication, what one client says
// of one service, is a record of that member's, so only the server that holds
// the client ever writes it, all others come to have the same copy, and what
// was missed is found by comparing digests. This package is the translation in
// both directions, and the three things that records do not know:
//
//   - Which life of a server a record is from. A server that begins anew has
//     an empty map, and its peers drop the old one as soon as they hear of the
//     new. That is no word about its clients: they are on their way back, or to
//     another server. So each record names the life it was written in, lives
//     are counted in the server's data directory, and what vanishes with a life
//     stays listed for the registry's grace period.
//   - Whether it is the others who are gone, or this server. One that sees less
//     than half of its cluster takes nobody for dead and keeps what it has: the
//     clients of the other side live, and theirs is the bigger one.
//   - When a server that has just started knows as much as its peers do:
//     [Plane.Sync].
package ephemeral

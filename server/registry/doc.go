// Package registry holds what the services of a cluster are: namespaces,
// groups, services, clusters and instances, who subscribes to them, and what
// an operator has set. It is one index in memory, read locally and almost
// without locks, and it knows nothing of how a client speaks, of gossip or of
// Raft: it says what it needs of them in small interfaces.
//
// Data comes in on two ways, and each kind of data on exactly one of them:
//
//   - Ephemeral instances belong to the server that holds their client. A
//     client of this server goes through [Registry.Register]; what it
//     publishes is handed to [Ephemeral], which spreads it, and indexed. What
//     other servers say of theirs comes in by [Registry.ApplyPublication]. The
//     two never meet: no word of a peer changes what a client of this server
//     has published.
//   - All else (persistent instances, services' and clusters' settings,
//     operators' overlays, namespaces, switches, documents) is a command that
//     goes through [Persistent] and comes back, on each server in the same
//     order, to [Registry.Apply].
//
// Both end in a change of a [Service]. A change bumps the service's revision
// and drops its [View]; the next reader builds a new one, and all readers
// share it and what they have encoded of it. An [Observer] is told, which is
// how package push comes to push.
//
// # Revisions
//
// Clients ignore a list that is not newer than the one they hold, and a client
// may have its next list from another server. So a revision is a hybrid of a
// clock in milliseconds and a counter that never falls behind what was
// observed: a publication carries the revision its owner gave it, and a server
// that takes it in goes on from there.
//
// # Readiness
//
// A list that a server has not verified must not reach a subscriber, or a
// restart empties the caches of all callers. [Registry.Ready] ends the first
// phase, in which nothing is answered, once the caller has its data from disk
// and from peers. It may begin a second one, in which clients of an earlier
// life reconnect: requests are answered, but lists of ephemeral instances are
// not pushed, and whoever asks for one is given another server's, see
// [Registry.Complete].
package registry

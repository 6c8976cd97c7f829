// Package record shares what each member says about itself. Every member owns
// a map of keys to values that only it writes, and a log of messages that only
// it appends to; every other member converges to the same copy. It is the
// Scuttlebutt reconciliation of van Renesse, Dumitriu, Gough and Thomas,
// "Efficient Reconciliation and Flow Control for Anti-Entropy Protocols"
// (LADIS 2008).
//
// Since there is one writer per map, there is nothing to merge. Each change
// takes the owner's next version, and a copy is told apart by two numbers: the
// owner's generation, which a restart raises, and the version up to which the
// copy is complete. Changes are applied in the order of their versions and
// without a gap, so a copy only ever moves forward.
//
// News leaves at once, as segments of versions in packets that are gossiped.
// What does not fit a packet is announced by its version and pulled over a
// stream, by each member once. Now and then two members compare digests, at
// the price of what differs, and pull what was missed.
//
// The package is pure: no goroutine, clock, socket, log or global random
// source. A [Core] is driven by time and bytes and answers with a [Ready]:
//
//  1. Call one of the inputs: [Core.Step] for a packet, [Core.Serve] for a
//     request on a stream, [Core.StreamDone] for a reply, [Core.Tick] when the
//     time of [Core.Deadline] has come, [Core.PeerUp], [Core.PeerDown] and
//     [Core.Forget] for what the membership says, or a local intent. The time
//     handed in must never go back.
//  2. Call [Core.Ready] and act on it. Its slices are valid until the next input.
//  3. Arrange for the next Tick at Deadline.
//
// A Core is not safe for concurrent use. Same configuration, same seed, same
// inputs: same outputs. The wire format is in docs/records.md.
package record

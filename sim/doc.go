// Package sim runs a whole cluster of [swim.Core] in one goroutine, on virtual
// time, over links that misbehave on order.
//
// A run is a pure function of its [Options]: one heap of events keyed by
// virtual time and sequence drives everything, and every random draw comes
// from a stream of its own (per node and purpose; per link, packet and
// purpose), so that one more draw in one place does not shift the others. The
// same options give the same [Cluster.Hash], which covers every delivery and
// every event.
//
// What goes wrong is data: a [Schedule] of faults, generated from a seed,
// printed, edited and replayed. After every step the core that was touched is
// checked from outside against the invariants (see invariant.go) and from
// inside by [swim.Core.Check]; when the faults are over and a quiet period has
// passed, the cluster must have healed (see quiet.go).
//
// [Generate] draws a [Scenario] from a seed, [Scenario.Run] runs it, [Shrink]
// makes a failing one small.
package sim

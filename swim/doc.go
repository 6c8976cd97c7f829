// Package swim decides who is a member of the cluster. It implements SWIM
// (Das, Gupta, Motivala, DSN 2002) with the suspicion mechanism, and Lifeguard
// (Dadgar, Phillips, Currey, 2018), as hashicorp/memberlist speaks them on the
// wire.
//
// The package is pure: it has no goroutine, clock, socket, log or global
// random source. A [Core] is driven by time and bytes and answers with a
// [Ready]. Whoever drives it keeps to this contract:
//
//  1. Call one of the inputs: [Core.Step] for a packet, [Core.Tick] when the
//     time of [Core.Deadline] has come, [Core.Serve] and [Core.StreamDone] for
//     streams, [Core.Answer] for a question, or a local intent (Join, Leave,
//     SetMeta, Broadcast). The time handed in must never go back.
//  2. Call [Core.Ready] and act on it in the order of its fields: send the
//     packets, open the streams, hand on the events and messages, put the
//     questions. Its slices are valid until the next input.
//  3. Arrange for the next Tick at Deadline.
//
// A Core is not safe for concurrent use: it has one owner at a time.
//
// Same configuration, same seed, same inputs: same outputs, on every platform.
package swim

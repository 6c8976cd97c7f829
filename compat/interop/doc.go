// Package interop holds the proof that a muster node is a full citizen of a
// memberlist cluster: a matrix of mixed clusters made of real processes, the
// muster agent of this repository beside unmodified hashicorp/memberlist 0.7.0
// and 0.5.4 (program peer), on real loopback sockets.
//
//	go test -count=1 -timeout 25m          in this directory: the matrix, and its table
//	go test -short                         one smoke scenario, for every change
//	go test -run 'Matrix/runs/^kill:'      one scenario with its settings
//	go test -args -control                 memberlist alone: tests the harness
//
// A scenario (rows: join, messages, leave, kill, restart, key rotation, frozen
// process, partition) runs under several settings (plain, encrypted, labelled,
// IPv6, compression on, off and mixed). After every step each node's view of
// every other is asserted, by polling until a deadline.
//
// The same scenarios also run with memberlist processes only. That control
// says which warnings and errors memberlist prints by itself when its peers
// die or freeze; in a mixed cluster the memberlist processes may print no
// other kind of line.
package interop

// Package micro holds the benchmarks of single operations, the same ones for
// both systems. memberlist keeps its codec, its choice of peers and its merge
// to itself; reach_memberlist.go gets at them by linking to the unexported
// functions, so that exactly those are timed and nothing around them.
package micro

import (
	"fmt"
	"testing"
)

// Bench is one operation of one system.
type Bench struct {
	Name string
	Run  func(*testing.B)
	// Batched marks a benchmark whose every iteration does Batch operations.
	Batched bool
}

// PerLoop is how many operations an iteration does.
func (b Bench) PerLoop() int {
	if b.Batched {
		return Batch
	}
	return 1
}

// The operations. Names are keys of rows.
const (
	EncodePing  = "encode_ping"
	DecodePing  = "decode_ping"
	EncodeAlive = "encode_alive"
	DecodeAlive = "decode_alive"
	QueueUser   = "queue_user"  // queue a user broadcast where 10,000 wait
	TakeNews    = "take_news"   // take in an alive message where 10,000 wait
	AnswerPing  = "answer_ping" // answer a ping with a packet full of news
	PickAll     = "pick_all"    // 3 of 10,000, all eligible
	PickFew     = "pick_few"    // 3 of 10,000, 1% eligible
	PickNone    = "pick_none"   // 3 of 10,000, none eligible
	MergeSame   = "merge_same"  // push/pull of 10,000, nothing new
	MergeNew    = "merge_new"   // push/pull of 10,000, all new
)

// Members is the size of the cluster in every benchmark.
const Members = 10_000

// Batch is how many operations run between two preparations that are not
// timed, where an operation uses something up.
const Batch = 1000

// For lists the benchmarks of a system.
func For(system string) ([]Bench, error) {
	switch system {
	case "memberlist":
		return memberlistBenches(), nil
	case "muster":
		return musterBenches(), nil
	}
	return nil, fmt.Errorf("no micro-benchmarks of %q", system)
}

// The messages are those of a cluster with names like a cloud's host names and
// 64 bytes of metadata.
const (
	nodeName = "node-0123456789-abcdef"
	fromName = "node-0123456789-abcdeg"
)

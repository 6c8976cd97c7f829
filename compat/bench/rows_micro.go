package main

import "github.com/musterhq/muster/compat/bench/micro"

// microRows: what is promised is a fifth of the time, and no allocation where
// messages are encoded and decoded.
func (b *rowBuilder) microRows() {
	fifth := ratioAtMost(1, 5)
	for _, op := range []struct {
		key, name    string
		time, allocs target
	}{
		{micro.EncodePing, "encode ping", fifth, valueAtMost(0)},
		{micro.DecodePing, "decode ping", fifth, valueAtMost(0)},
		{micro.EncodeAlive, "encode alive", fifth, valueAtMost(0)},
		{micro.DecodeAlive, "decode alive", fifth, valueAtMost(0)},
		{micro.QueueUser, "queue a user broadcast, 10,000 queued", target{}, target{}},
		{micro.TakeNews, "take in an alive message, 10,000 queued", target{}, target{}},
		{micro.AnswerPing, "answer a ping with a packet of news, 10,000 queued", target{}, target{}},
		{micro.PickAll, "pick 3 of 10,000, all eligible", fifth, target{}},
		{micro.PickFew, "pick 3 of 10,000, 1% eligible", fifth, target{}},
		{micro.PickNone, "pick 3 of 10,000, none eligible", fifth, target{}},
		{micro.MergeSame, "merge a push/pull of 10,000, nothing new", fifth, target{}},
		{micro.MergeNew, "merge a push/pull of 10,000, all new", fifth, target{}},
	} {
		b.add(op.name+", time", "ns", op.time, source{setupMicro, "micro_" + op.key + "_ns"})
		b.add(op.name+", allocations", "", op.allocs, source{setupMicro, "micro_" + op.key + "_allocs"})
	}
}

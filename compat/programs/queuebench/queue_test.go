// Package queuebench measures a TransmitLimitedQueue, whichever memberlist it is
// built with; compat/memberlist/README.md tells how.
package queuebench

import (
	"fmt"
	"testing"

	"github.com/hashicorp/memberlist"
)

type plain struct {
	key string
	msg []byte
}

func (b *plain) Invalidates(other memberlist.Broadcast) bool {
	o, ok := other.(*plain)
	return ok && o.key == b.key
}
func (b *plain) Message() []byte { return b.msg }
func (b *plain) Finished()       {}

type named struct{ plain }

func (b *named) Name() string { return b.key }

type unique struct{ plain }

func (b *unique) UniqueBroadcast() {}

func queue(b *testing.B, queued int, of func(i int) memberlist.Broadcast) {
	q := &memberlist.TransmitLimitedQueue{RetransmitMult: 4, NumNodes: func() int { return 10 }}
	for i := range queued {
		q.QueueBroadcast(of(i))
	}
	b.ReportAllocs()
	i := queued
	for b.Loop() {
		q.QueueBroadcast(of(i))
		if i++; q.NumQueued() > 2*queued {
			b.StopTimer()
			q.Prune(queued)
			b.StartTimer()
		}
	}
}

func BenchmarkQueueBroadcast(b *testing.B) {
	for _, queued := range []int{1000, 10000} {
		names := make([]string, queued)
		for i := range names {
			names[i] = fmt.Sprint(i)
		}
		msg := make([]byte, 100)
		b.Run(fmt.Sprintf("named/%d", queued), func(b *testing.B) {
			queue(b, queued, func(i int) memberlist.Broadcast { return &named{plain{names[i%queued], msg}} })
		})
		b.Run(fmt.Sprintf("unique/%d", queued), func(b *testing.B) {
			queue(b, queued, func(i int) memberlist.Broadcast { return &unique{plain{"", msg}} })
		})
		b.Run(fmt.Sprintf("plain/%d", queued), func(b *testing.B) {
			queue(b, queued, func(i int) memberlist.Broadcast { return &plain{names[i%queued], msg} })
		})
	}
}

func BenchmarkGetBroadcasts(b *testing.B) {
	for _, queued := range []int{0, 10, 1000, 10000} {
		b.Run(fmt.Sprint(queued), func(b *testing.B) {
			q := &memberlist.TransmitLimitedQueue{RetransmitMult: 1 << 30, NumNodes: func() int { return 10 }}
			for i := range queued {
				q.QueueBroadcast(&unique{plain{"", make([]byte, 50+i%100)}})
			}
			b.ReportAllocs()
			for b.Loop() {
				q.GetBroadcasts(2, 1398)
			}
		})
	}
}

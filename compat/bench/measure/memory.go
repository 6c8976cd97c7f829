package measure

import (
	"errors"
	"fmt"
	"runtime"
	"time"

	"github.com/musterhq/muster/compat/bench/fake"
	"github.com/musterhq/muster/compat/bench/system"
)

// drainLimit bounds the wait for a node to have gossiped N members.
const drainLimit = time.Minute

// memoryGroup feeds one node N members in one push/pull and weighs it: right
// after, when it may have queued them as news; when it has nothing left to
// gossip; and when the application has asked for the list of members.
func memoryGroup(sys system.System, job Job, res *Result) (err error) {
	message, err := fake.PushPull(fake.States(job.N), true)
	if err != nil {
		return err
	}
	var traffic system.Traffic
	node, err := sys.Start(system.Options{
		Name: "node-self", Compression: true, Traffic: &traffic, Isolated: fake.Peer(message),
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, node.Kill()) }()
	before := liveHeap()
	if err := node.Join("10.0.0.1:7946"); err != nil {
		return fmt.Errorf("feed %d members: %w", job.N, err)
	}
	fed := liveHeap()
	if !drained(&traffic) {
		res.Note("still gossiping %v after it was fed", drainLimit)
	}
	quiet := liveHeap()
	if n := len(node.Members()); n != job.N+1 {
		return fmt.Errorf("fed %d members, it lists %d", job.N, n-1)
	}
	listed := liveHeap()
	runtime.KeepAlive(message)
	perMember := func(heap uint64) float64 { return (float64(heap) - float64(before)) / float64(job.N) }
	res.Add("memory_fed", perMember(fed))
	res.Add("memory_quiet", perMember(quiet))
	res.Add("memory_listed", perMember(listed))
	return nil
}

// drained waits until the node sends nothing more: half a second of silence
// where it gossips each millisecond.
func drained(traffic *system.Traffic) bool {
	deadline := time.Now().Add(drainLimit)
	for last := traffic.Packets.Load(); time.Now().Before(deadline); {
		time.Sleep(500 * time.Millisecond)
		now := traffic.Packets.Load()
		if now == last {
			return true
		}
		last = now
	}
	return false
}

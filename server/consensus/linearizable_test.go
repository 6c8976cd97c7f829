//go:build unix

package consensus

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
)

// kvInput and kvOutput are one operation on one key, in the history.
type kvInput struct {
	op, key, a, b string
}

type kvOutput struct {
	value   string
	unknown bool
}

// kvModel is the specification: one register per key. An operation of unknown
// outcome never returns, so it may take effect at any time after its call, or,
// behind everything else, as good as never.
var kvModel = porcupine.Model{
	Partition: func(history []porcupine.Operation) [][]porcupine.Operation {
		byKey := map[string][]porcupine.Operation{}
		for _, o := range history {
			k := o.Input.(kvInput).key
			byKey[k] = append(byKey[k], o)
		}
		var out [][]porcupine.Operation
		for _, h := range byKey {
			out = append(out, h)
		}
		return out
	},
	Init: func() any { return "" },
	Step: func(state, input, output any) (bool, any) {
		s, in, out := state.(string), input.(kvInput), output.(kvOutput)
		ok := out.unknown || out.value == s
		switch {
		case in.op == "set":
			return ok, in.a
		case in.op == "cas" && s == in.a:
			return ok, in.b
		}
		return ok, s
	},
	DescribeOperation: func(input, output any) string { return fmt.Sprint(input, " -> ", output) },
}

// liveCluster is three servers in processes of their own.
type liveCluster struct {
	t    *testing.T
	dir  string
	mu   sync.Mutex
	proc map[string]*process
}

func (l *liveCluster) start(name string) {
	l.t.Helper()
	p := startProcess(l.t, Options{
		Dir: filepath.Join(l.dir, name), ID: name, BootstrapExpect: 3, SegmentSize: 256 << 10,
		SnapshotEntries: 500, SnapshotInterval: 500 * time.Millisecond, TrailingEntries: 100,
	})
	l.mu.Lock()
	l.proc[name] = p
	l.mu.Unlock()
	l.gossip()
}

func (l *liveCluster) get(name string) *process {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.proc[name]
}

func (l *liveCluster) gossip() {
	l.mu.Lock()
	defer l.mu.Unlock()
	var alive []Server
	for name, p := range l.proc {
		alive = append(alive, Server{ID: name, Addr: p.addr})
	}
	for _, p := range l.proc {
		_ = p.tell(order{Do: "members", Members: alive}) // it may be dead
	}
}

// leader asks around; "" when nobody knows.
func (l *liveCluster) leader() string {
	for _, name := range three {
		if r, err := l.get(name).ask(order{Do: "state", Timeout: time.Second}); err == nil && r.Leader != "" {
			return r.Leader
		}
	}
	return ""
}

func (l *liveCluster) waitReady() {
	l.t.Helper()
	eventually(l.t, 30*time.Second, "readiness", func() error {
		for _, name := range three {
			if r, err := l.get(name).ask(order{Do: "state", Timeout: time.Second}); err != nil || !r.Ready {
				return fmt.Errorf("%s: %v", name, err)
			}
		}
		return nil
	})
}

// history collects operations.
type history struct {
	start time.Time
	mu    sync.Mutex
	ops   []porcupine.Operation
	acked atomic.Int64
	lost  atomic.Int64
}

// do runs one operation at a server and records it, unless it certainly had no
// effect.
func (h *history) do(p *process, client int, in kvInput) {
	q := order{Do: "propose", Cmd: strings.TrimRight(strings.Join([]string{in.op, in.key, in.a, in.b}, " "), " "), Timeout: 3 * time.Second}
	if in.op == "read" {
		q = order{Do: "read", Cmd: in.key, Timeout: 3 * time.Second}
	}
	op := porcupine.Operation{ClientId: client, Input: in, Call: int64(time.Since(h.start))}
	r, err := p.ask(q)
	op.Return, op.Output = int64(time.Since(h.start)), kvOutput{value: r.Answer}
	switch {
	case err == nil:
		h.acked.Add(1)
	case in.op == "read" || r.Sure:
		return
	default:
		h.lost.Add(1)
		op.Return, op.Output = int64(1<<62), kvOutput{unknown: true}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.ops = append(h.ops, op)
}

// Clients at all servers write and read while the leader is killed, stopped and
// cut off, and followers are killed; at the end everything is killed at once and
// read again. The history must be one that a single copy could have produced.
// MUSTER_LINEARIZE_SECONDS makes it longer, MUSTER_SEED repeats the choices.
func TestLinearizable(t *testing.T) {
	if testing.Short() {
		t.Skip("ten seconds of faults")
	}
	seed := uint64(long("MUSTER_SEED", int(time.Now().UnixNano()&0xffffff)))
	t.Logf("MUSTER_SEED=%d", seed)
	l := &liveCluster{t: t, dir: t.TempDir(), proc: map[string]*process{}}
	t.Cleanup(func() {
		for _, p := range l.proc {
			p.kill()
		}
	})
	for _, name := range three {
		l.start(name)
	}
	l.waitReady()
	h := &history{start: time.Now()}
	duration := time.Duration(long("MUSTER_LINEARIZE_SECONDS", 10)) * time.Second
	stop := make(chan struct{})
	var clients sync.WaitGroup
	for id := range 8 {
		clients.Add(1)
		go func() {
			defer clients.Done()
			rng := rand.New(rand.NewPCG(seed, uint64(id)))
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				h.do(l.get(three[id%3]), id, randomOp(rng, h, id, i))
				time.Sleep(time.Duration(rng.IntN(4)) * time.Millisecond)
			}
		}()
	}
	faults := l.harass(h, rand.New(rand.NewPCG(seed, 99)), time.Now().Add(duration))
	close(stop)
	clients.Wait()
	for _, name := range three {
		l.get(name).kill()
	}
	for _, name := range three {
		l.start(name)
	}
	l.waitReady()
	readAll(l, h)
	t.Logf("%d operations, %d of unknown outcome, faults: %v", h.acked.Load(), h.lost.Load(), faults)
	checkHistory(t, h)
}

// keys is how many keys are in use at a time. They change every few seconds,
// which keeps the histories of single keys short enough to be checked.
const keys = 4

func currentKey(h *history, i int) string {
	return fmt.Sprintf("%d-%d", int(time.Since(h.start)/(5*time.Second)), i)
}

// randomOp chooses an operation on one of the present keys.
func randomOp(rng *rand.Rand, h *history, client, i int) kvInput {
	key := currentKey(h, rng.IntN(keys))
	value := fmt.Sprintf("%d.%d", client, i)
	switch rng.IntN(5) {
	case 0, 1:
		return kvInput{op: "read", key: key}
	case 2:
		return kvInput{op: "cas", key: key, a: fmt.Sprintf("%d.%d", rng.IntN(8), i-1), b: value}
	default:
		return kvInput{op: "set", key: key, a: value}
	}
}

// harass does harm until the time is over, always leaving or bringing back a
// majority, and returns what it did.
func (l *liveCluster) harass(h *history, rng *rand.Rand, until time.Time) map[string]int {
	did := map[string]int{}
	for time.Now().Before(until) {
		time.Sleep(time.Duration(500+rng.IntN(700)) * time.Millisecond)
		name := l.leader()
		if name == "" {
			continue
		}
		what := []string{"kill leader", "stop leader", "cut leader", "kill follower", "kill and stop"}[rng.IntN(5)]
		did[what]++
		p := l.get(name)
		pause := time.Duration(300+rng.IntN(1500)) * time.Millisecond
		switch what {
		case "kill follower":
			others := slices.DeleteFunc(slices.Clone(three), func(s string) bool { return s == name })
			name = others[rng.IntN(2)]
			fallthrough
		case "kill leader":
			l.get(name).kill()
			time.Sleep(pause / 2)
			l.start(name)
		case "stop leader":
			_ = p.cmd.Process.Signal(syscall.SIGSTOP)
			time.Sleep(pause + time.Second) // long enough for another leader
			// Questions that wait for it when it wakes up, believing that it leads.
			asked := l.readWhileStopped(h, p)
			_ = p.cmd.Process.Signal(syscall.SIGCONT)
			asked.Wait()
		case "cut leader":
			_ = p.tell(order{Do: "cut", Cut: true})
			time.Sleep(pause)
			_ = p.tell(order{Do: "cut"})
		case "kill and stop":
			// No majority for a while: nothing may succeed.
			other := three[(slices.Index(three, name)+1)%3]
			_ = p.cmd.Process.Signal(syscall.SIGSTOP)
			l.get(other).kill()
			time.Sleep(pause / 2)
			_ = p.cmd.Process.Signal(syscall.SIGCONT)
			l.start(other)
		}
	}
	return did
}

// readWhileStopped has many reads of the present keys begin at a stopped server.
func (l *liveCluster) readWhileStopped(h *history, p *process) *sync.WaitGroup {
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			h.do(p, 200+i, kvInput{op: "read", key: currentKey(h, i%keys)})
		}()
	}
	time.Sleep(20 * time.Millisecond)
	return &wg
}

// readAll reads every key that was used, at every server.
func readAll(l *liveCluster, h *history) {
	used := map[string]bool{}
	h.mu.Lock()
	for _, o := range h.ops {
		used[o.Input.(kvInput).key] = true
	}
	h.mu.Unlock()
	for k := range used {
		for i, name := range three {
			h.do(l.get(name), 100+i, kvInput{op: "read", key: k})
		}
	}
}

// checkHistory fails the test, and leaves a picture, when no single copy could
// have behaved like this.
func checkHistory(t *testing.T, h *history) {
	t.Helper()
	if h.acked.Load() < 100 {
		t.Errorf("only %d operations succeeded", h.acked.Load())
	}
	res, info := porcupine.CheckOperationsVerbose(kvModel, h.ops, 2*time.Minute)
	if res == porcupine.Ok {
		return
	}
	f, err := os.CreateTemp("", "history-*.html")
	if err == nil {
		err = porcupine.Visualize(kvModel, info, f)
	}
	t.Errorf("the history is %v linearizable; see %v (%v)", res, f.Name(), err)
}

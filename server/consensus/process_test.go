package consensus

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"sync"
	"testing"
	"time"
)

// The tests that kill and stop servers run each in a process of its own: this
// test binary again, which then talks in lines of JSON.

const processEnv = "MUSTER_TEST_PROCESS"

func TestMain(m *testing.M) {
	if conf := os.Getenv(processEnv); conf != "" {
		if err := serveProcess(conf); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// order is what a test asks of a process, and report what it answers.
type order struct {
	ID      int
	Do      string // propose, read, members, cut, state
	Cmd     string
	Members []Server
	Cut     bool
	Timeout time.Duration
}

type report struct {
	ID     int
	Addr   string // in the first line
	Answer string
	Sure   bool // with Err: certainly not done
	Err    string
	Leader string
	Ready  bool
}

// serveProcess is a server.
func serveProcess(conf string) error {
	var o Options
	if err := json.Unmarshal([]byte(conf), &o); err != nil {
		return err
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	gate := &gateLayer{Listener: ln}
	o.Stream, o.Advertise = gate, ln.Addr().String()
	fsm := newKV()
	n, err := Open(o, fsm)
	if err != nil {
		return err
	}
	var mu sync.Mutex
	out := json.NewEncoder(os.Stdout)
	say := func(r report) {
		mu.Lock()
		defer mu.Unlock()
		_ = out.Encode(r) // the test is gone when it fails
	}
	say(report{Addr: o.Advertise})
	in := json.NewDecoder(bufio.NewReader(os.Stdin))
	for {
		var q order
		if err := in.Decode(&q); err != nil {
			return nil // the test is over
		}
		switch q.Do {
		case "members":
			n.SetMembers(q.Members)
		case "cut":
			gate.set(q.Cut)
		default:
			go func() { say(obey(n, fsm, q)) }()
		}
	}
}

func obey(n *Node, fsm *kv, q order) report {
	r := report{ID: q.ID}
	ctx, cancel := context.WithTimeout(context.Background(), q.Timeout)
	defer cancel()
	var err error
	switch q.Do {
	case "propose":
		var b []byte
		b, err = n.Propose(ctx, []byte(q.Cmd))
		r.Answer, r.Sure = string(b), errors.Is(err, ErrNotProposed)
	case "read":
		if err = n.Linearizable(ctx); err == nil {
			r.Answer = fsm.get(q.Cmd)
		}
	default:
		r.Leader, r.Ready = n.leaders.id(), n.Ready() == nil
	}
	if err != nil {
		r.Err = err.Error()
	}
	return r
}

// gateLayer can hold all traffic of a process, in both directions, as a broken
// cable would: connections stay, and go on when it is mended.
type gateLayer struct {
	net.Listener
	mu  sync.Mutex
	cut bool
}

func (g *gateLayer) set(cut bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.cut = cut
}

// wait returns when the gate is open, or at the deadline.
func (g *gateLayer) wait(deadline func() time.Time) error {
	for {
		g.mu.Lock()
		cut := g.cut
		g.mu.Unlock()
		if !cut {
			return nil
		}
		if d := deadline(); !d.IsZero() && time.Now().After(d) {
			return os.ErrDeadlineExceeded
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func (g *gateLayer) Accept() (net.Conn, error) {
	c, err := g.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &gateConn{Conn: c, gate: g}, nil
}

func (g *gateLayer) Dial(ctx context.Context, addr string) (net.Conn, error) {
	d, _ := ctx.Deadline()
	if err := g.wait(func() time.Time { return d }); err != nil {
		return nil, err
	}
	var dialer net.Dialer
	c, err := dialer.DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	return &gateConn{Conn: c, gate: g}, nil
}

type gateConn struct {
	net.Conn
	gate        *gateLayer
	mu          sync.Mutex
	read, write time.Time
	closed      bool
}

func (c *gateConn) deadline(d *time.Time) func() time.Time {
	return func() time.Time {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.closed {
			return time.Unix(1, 0)
		}
		return *d
	}
}

func (c *gateConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if gerr := c.gate.wait(c.deadline(&c.read)); gerr != nil {
		return 0, gerr
	}
	return n, err
}

func (c *gateConn) Write(b []byte) (int, error) {
	if err := c.gate.wait(c.deadline(&c.write)); err != nil {
		return 0, err
	}
	return c.Conn.Write(b)
}

func (c *gateConn) SetDeadline(t time.Time) error {
	return errors.Join(c.SetReadDeadline(t), c.SetWriteDeadline(t))
}

func (c *gateConn) SetReadDeadline(t time.Time) error {
	c.mu.Lock()
	c.read = t
	c.mu.Unlock()
	return c.Conn.SetReadDeadline(t)
}

func (c *gateConn) SetWriteDeadline(t time.Time) error {
	c.mu.Lock()
	c.write = t
	c.mu.Unlock()
	return c.Conn.SetWriteDeadline(t)
}

func (c *gateConn) Close() error {
	c.mu.Lock()
	c.closed = true
	c.mu.Unlock()
	return c.Conn.Close()
}

// process is a server as the test sees it.
type process struct {
	name string
	addr string
	cmd  *exec.Cmd
	in   io.WriteCloser

	mu      sync.Mutex
	next    int
	pending map[int]chan report
	dead    bool
}

var errProcessGone = errors.New("the process is gone")

// startProcess runs a server and waits until it is open.
func startProcess(t testing.TB, o Options) *process {
	t.Helper()
	conf, err := json.Marshal(map[string]any{
		"Dir": o.Dir, "ID": o.ID, "BootstrapExpect": o.BootstrapExpect, "Heartbeat": o.Heartbeat,
		"SnapshotEntries": o.SnapshotEntries, "SnapshotInterval": o.SnapshotInterval, "TrailingEntries": o.TrailingEntries,
		"SegmentSize": o.SegmentSize,
	})
	if err != nil {
		t.Fatal(err)
	}
	p := &process{name: o.ID, cmd: exec.Command(os.Args[0]), pending: map[int]chan report{}}
	p.cmd.Env = append(os.Environ(), processEnv+"="+string(conf))
	p.cmd.Stderr = os.Stderr
	if p.in, err = p.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	dec := json.NewDecoder(bufio.NewReader(out))
	var first report
	if err := dec.Decode(&first); err != nil {
		_ = p.cmd.Wait()
		t.Fatalf("server %s does not open: %v", o.ID, err)
	}
	p.addr = first.Addr
	go p.listen(dec)
	return p
}

// listen hands out the reports until the process ends.
func (p *process) listen(dec *json.Decoder) {
	for {
		var r report
		if err := dec.Decode(&r); err != nil {
			break
		}
		p.mu.Lock()
		c := p.pending[r.ID]
		delete(p.pending, r.ID)
		p.mu.Unlock()
		if c != nil {
			c <- r
		}
	}
	p.mu.Lock()
	p.dead = true
	for _, c := range p.pending {
		close(c)
	}
	p.pending = nil
	p.mu.Unlock()
}

// tell gives an order without waiting for a report.
func (p *process) tell(q order) error {
	b, err := json.Marshal(q)
	if err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.dead {
		return errProcessGone
	}
	_, err = p.in.Write(append(b, '\n'))
	return err
}

// ask gives an order and waits for the report.
func (p *process) ask(q order) (report, error) {
	c := make(chan report, 1)
	p.mu.Lock()
	if p.dead {
		p.mu.Unlock()
		return report{Sure: true}, errProcessGone
	}
	p.next++
	q.ID = p.next
	p.pending[q.ID] = c
	p.mu.Unlock()
	if err := p.tell(q); err != nil {
		return report{}, err
	}
	r, ok := <-c
	switch {
	case !ok:
		return r, errProcessGone
	case r.Err != "":
		return r, errors.New(r.Err)
	}
	return r, nil
}

// kill ends the process as kill -9 does, and waits for the end.
func (p *process) kill() {
	_ = p.cmd.Process.Kill() // it may be gone already
	_ = p.cmd.Wait()         // reports the signal
	_ = p.in.Close()
}

// Command demo shows three servers with real clients of nacos-sdk-go v2 on
// them, and somebody who writes what is kept on disk. The leader is killed,
// then a follower, and both come back; what the clients were told meanwhile is
// shown as it happens, and at the end in a table.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"text/tabwriter"
	"time"

	"github.com/musterhq/muster/server/e2e/fleet"
	"github.com/musterhq/muster/server/e2e/proc"
)

const providers, watchers = 6, 3

func main() {
	binary := flag.String("muster", "../../bin/muster", "the server's `FILE`")
	flag.Parse()
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt)
	defer cancel()
	if err := run(ctx, *binary); err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, binary string) (err error) {
	if binary, err = filepath.Abs(binary); err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "muster-demo")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	c, err := proc.NewCluster(binary, dir, 3, nil)
	if err != nil {
		return err
	}
	defer c.Close()
	if err := c.Start(ctx); err != nil {
		return err
	}
	f := fleet.New(c.Servers, dir)
	f.Show(os.Stdout)
	defer f.Close()
	for _, s := range c.Servers {
		f.Note("%s is ready after %v, at %s", s.Name, s.Ready.Round(time.Millisecond), s.URL(""))
	}
	if err := populate(ctx, f); err != nil {
		return err
	}
	w := startWriter(ctx, c.Servers)
	rows, err := kills(ctx, c, f, w)
	kept, lost, werr := w.finish(ctx)
	if err := errors.Join(err, werr); err != nil {
		return err
	}
	f.Note("%d persistent writes were acknowledged meanwhile; %d of them are missing", kept, lost)
	return report(rows, f, lost)
}

// populate starts clients.
func populate(ctx context.Context, f *fleet.Fleet) error {
	for i := range watchers {
		if _, err := f.Watch(i); err != nil {
			return err
		}
	}
	for i := range providers {
		if _, err := f.Provide(i, i); err != nil {
			return err
		}
	}
	f.Note("%d clients register an instance each, %d subscribe", providers, watchers)
	return agree(ctx, f)
}

// kills kills the leader, and when it is back a follower.
func kills(ctx context.Context, c *proc.Cluster, f *fleet.Fleet, w *writer) (rows []row, err error) {
	leader, err := c.Leader(ctx)
	if err != nil {
		return nil, err
	}
	follower := c.Servers[0]
	if follower == leader {
		follower = c.Servers[1]
	}
	for _, k := range []struct {
		s    *proc.Server
		what string
	}{{leader, "the leader"}, {follower, "a follower"}} {
		r, err := killed(ctx, c, f, w, k.s, k.what)
		if err != nil {
			return rows, err
		}
		rows = append(rows, r)
	}
	return rows, nil
}

// A row of the closing table.
type row struct {
	what                 string
	writes, moved, ready time.Duration
}

// killed kills a server, and starts it again.
func killed(ctx context.Context, c *proc.Cluster, f *fleet.Fleet, w *writer, s *proc.Server, what string) (r row, err error) {
	r.what = fmt.Sprintf("%s, %s", s.Name, what)
	had, err := held(ctx, s)
	if err != nil {
		return r, err
	}
	f.Note("kill -9 %s, %s, to which %d clients are connected", s.Name, what, had)
	s.Kill()
	at := time.Now()
	if err := eventually(ctx, func() bool { return allMoved(ctx, c, s) }); err != nil {
		return r, fmt.Errorf("the clients of %s: %w", s.Name, err)
	}
	r.moved = time.Since(at)
	f.Note("its clients are connected to the others")
	if err := pause(ctx, 15*time.Second-time.Since(at)); err != nil { // past the time in which its clients are waited for
		return r, err
	}
	r.writes = w.gap(at)
	f.Note("for %v no persistent write was acknowledged", r.writes.Round(time.Millisecond))
	if err := agree(ctx, f); err != nil {
		return r, err
	}
	f.Note("all subscribers have all instances")
	if err := s.Start(); err != nil {
		return r, err
	}
	if err := s.AwaitReady(ctx); err != nil {
		return r, err
	}
	r.ready = s.Ready
	f.Note("%s is back, ready after %v", s.Name, s.Ready.Round(time.Millisecond))
	return r, pause(ctx, 2*time.Second)
}

// report prints the closing table. What the clients should not have seen is an
// error.
func report(rows []row, f *fleet.Fleet, lost int) error {
	t := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	say := func(format string, args ...any) { _, _ = fmt.Fprintf(t, format, args...) } // reported by Flush
	say("\nKILLED\tCLIENTS MOVED AFTER\tWRITES STOOD FOR\tREADY AGAIN AFTER\n")
	for _, r := range rows {
		say("%s\t%v\t%v\t%v\n", r.what, r.moved.Round(time.Millisecond), r.writes.Round(time.Millisecond), r.ready.Round(time.Millisecond))
	}
	gaps := f.Gaps(time.Second)
	say("\nlive instances missing from a subscriber's list\t%d\n", len(gaps))
	say("empty lists that subscribers were told\t%d\n", f.Empty())
	say("acknowledged writes lost\t%d\n", lost)
	if err := t.Flush(); err != nil {
		return err
	}
	for _, g := range gaps {
		fmt.Println(g)
	}
	if len(gaps) > 0 || f.Empty() > 0 || lost > 0 {
		return errors.New("the clients have noticed")
	}
	return nil
}

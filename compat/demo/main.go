// Command demo shows muster at work: five muster agents and two nodes of the
// real hashicorp/memberlist, each a process of its own on this machine, form
// one encrypted cluster. One of each is killed, one is frozen and woken, the
// cluster is cut in two and healed. All the while it shows what every node
// believes about every other, and it ends by itself with a table of who
// noticed what, and when.
//
//	go run ./demo --muster PATH --peer PATH
//
// where the paths are the built binaries of server/cmd/muster and of
// compat/interop/peer. It needs Linux or macOS, for the signals.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// demoLimit ends the demo whatever happens. The phases have limits of their own.
const demoLimit = 88 * time.Second

func main() {
	muster := flag.String("muster", "", "`PATH` of the muster binary")
	peer := flag.String("peer", "", "`PATH` of the memberlist peer binary")
	plain := flag.Bool("plain", false, "print lines instead of redrawing the screen")
	flag.Parse()
	if *muster == "" || *peer == "" || flag.NArg() > 0 {
		flag.Usage()
		os.Exit(2)
	}
	if !canSignal {
		fmt.Fprintln(os.Stderr, "demo: this system cannot freeze a process; use Linux or macOS")
		os.Exit(1)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *muster, *peer, newScreen(os.Stdout, *plain)); err != nil {
		if errors.Is(err, context.Canceled) {
			err = errors.New("interrupted")
		}
		fmt.Fprintf(os.Stderr, "demo: %v\n", err)
		stop()
		os.Exit(1)
	}
}

// run plays the demo and leaves no process behind, whichever way it ends.
func run(ctx context.Context, muster, peer string, out *screen) error {
	ctx, cancel := context.WithTimeout(ctx, demoLimit)
	defer cancel()
	dir, err := os.MkdirTemp("", "muster-demo-")
	if err != nil {
		return fmt.Errorf("directory for the logs: %w", err)
	}
	s := newStage(dir, muster, peer, out)
	playErr := s.play(ctx)
	s.close()
	s.report(playErr)
	if playErr != nil && !errors.Is(playErr, context.Canceled) {
		return fmt.Errorf("%w (all logs are in %s)", playErr, dir)
	}
	return errors.Join(playErr, os.RemoveAll(dir))
}

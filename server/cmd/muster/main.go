// Command muster runs members of a cluster and asks them what they see. All of
// it is in package cli; main adds the process: signals and the exit code.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/musterhq/muster/server/cli"
)

func main() {
	ctx, cancel := context.WithCancel(context.Background())
	go obeySignals(cancel)
	os.Exit(cli.Main(ctx, os.Args[1:], cli.Streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr}))
}

// obeySignals asks the command to end at the first signal, which lets an agent
// say goodbye, and ends the process at the second.
func obeySignals(cancel context.CancelFunc) {
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	<-signals
	cancel()
	<-signals
	fmt.Fprintln(os.Stderr, "muster: a second signal: ended at once")
	os.Exit(cli.ExitFailed)
}

// Command peer runs one unmodified hashicorp/memberlist node as a process,
// with the flags and the HTTP paths of muster's agent, so that a harness can
// treat both alike. It is a test double for "somebody else's cluster": it
// exists to be talked to, killed, frozen and cut off.
//
// The same source builds against memberlist 0.7.0 (the module's go.mod) and
// 0.5.4 (memberlist05.mod).
//
// When the node is up it prints one line on standard output,
//
//	ready name=NAME addr=HOST:PORT api=HOST:PORT
//
// and from then on only answers on its API. Memberlist's log goes to standard
// error. Joining happens after that line, in the background.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// leaveTimeout bounds a graceful leave; after it the process ends anyway.
const leaveTimeout = 5 * time.Second

func main() {
	opts, err := parseOptions(os.Args[1:])
	if errors.Is(err, flag.ErrHelp) {
		return
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "peer: %v\n", err)
		os.Exit(2)
	}
	if err := run(opts); err != nil {
		fmt.Fprintf(os.Stderr, "peer: %v\n", err)
		os.Exit(1)
	}
}

// run starts the node and its API and returns when the node has left, by
// request or by signal.
func run(opts options) error {
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer cancel()

	n, err := startNode(opts)
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", opts.api)
	if err != nil {
		return errors.Join(fmt.Errorf("open the API: %w", err), n.list.Shutdown())
	}
	server := newServer(n)
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()

	fmt.Printf("ready name=%s addr=%s api=%s\n", opts.name, n.addr(), listener.Addr())
	go n.keepJoining(ctx, opts.join)

	select {
	case <-ctx.Done():
		err = n.leave()
	case <-n.left:
	case err = <-served:
		err = fmt.Errorf("serve the API: %w", err)
	}
	n.end()
	grace, stop := context.WithTimeout(context.Background(), leaveTimeout)
	defer stop()
	return errors.Join(err, server.Shutdown(grace), n.list.Shutdown())
}

// Serve runs the server of package sut on the ports that suites of others
// expect, until it is interrupted.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"

	"github.com/musterhq/muster/server/e2e/sut"
)

func main() {
	s, err := sut.Start(sut.Options{HTTP: 8848, GRPC: 9848})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	<-ctx.Done()
	s.Close()
}

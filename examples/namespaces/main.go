// Namespaces puts teams into one cluster that do not see each other, below an
// operator who sees all.
package main

import (
	"context"
	"fmt"
	"log"
	"time"

	"github.com/musterhq/muster"
)

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	heard := make(chan string, 10)
	nodes := map[string]*muster.Node{}
	for _, ns := range []string{"dev", "dev/red", "dev/blue", "dev/red/ci"} {
		cfg := muster.Local()
		cfg.Name, cfg.Namespace, cfg.Bind = "in "+ns, ns, "127.0.0.1:0"
		cfg.OnMessage = func(m muster.Message) { heard <- fmt.Sprintf("%s hears %q", cfg.Name, m.Payload) }
		node, err := muster.Start(cfg)
		check(err)
		nodes[ns] = node
		if ns != "dev" {
			_, err = node.Join(ctx, nodes["dev"].Local().Addr.String())
			check(err)
		}
	}
	for _, want := range []struct {
		ns   string
		sees int // itself included
	}{{"dev", 4}, {"dev/red", 3}, {"dev/blue", 2}, {"dev/red/ci", 3}} {
		for len(nodes[want.ns].Members()) != want.sees {
			time.Sleep(10 * time.Millisecond) // a program would use Watch
			check(ctx.Err())
		}
		fmt.Println(want.ns, "sees", want.sees)
	}
	check(nodes["dev/red"].Broadcast([]byte("for red only")))
	for range 2 { // the operator above and the namespace below
		fmt.Println(<-heard)
	}
	for _, n := range nodes {
		check(n.Close())
	}
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

// Hello joins a cluster, greets whoever joins, and prints what happens.
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"os"
	"os/signal"

	"github.com/musterhq/muster"
)

func main() {
	cfg := muster.LAN()
	flag.StringVar(&cfg.Name, "name", "", "of this member; the host's by default")
	flag.StringVar(&cfg.Bind, "bind", cfg.Bind, "where to listen")
	flag.Func("join", "where another member listens, tried until it answers", func(s string) error {
		cfg.Seeds = append(cfg.Seeds, s)
		return nil
	})
	flag.Parse()
	cfg.OnMessage = func(m muster.Message) { fmt.Printf("%s\n", m.Payload) }
	node, err := muster.Start(cfg)
	if err != nil {
		log.Fatal(err)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	for e := range node.Watch(ctx) {
		fmt.Println(e.Kind, e.Member.Name, e.Member.Addr)
		if e.Kind == muster.MemberJoin {
			if err := node.Broadcast(fmt.Appendf(nil, "hello %s", e.Member.Name)); err != nil {
				log.Print(err)
			}
		}
	}
	if err := node.Leave(context.Background()); err != nil {
		log.Fatal(err)
	}
}

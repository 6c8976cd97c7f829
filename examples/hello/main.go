// Hello joins a cluster, prints what happens, and tells the others of it.
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
	cfg, join := muster.LAN(), ""
	flag.StringVar(&cfg.Name, "name", "gopher", "of this member")
	flag.StringVar(&cfg.Bind, "bind", cfg.Bind, "where to listen")
	flag.StringVar(&join, "join", "", "where another member listens")
	if flag.Parse(); join != "" {
		cfg.Seeds = []string{join} // tried until it answers
	}
	cfg.OnMessage = func(m muster.Message) { fmt.Printf("%s\n", m.Payload) }
	node, err := muster.Start(cfg)
	if err != nil {
		log.Fatal(err)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	for e := range node.Watch(ctx) {
		fmt.Println(e.Kind, e.Member.Name, e.Member.Addr)
		if err := node.Broadcast([]byte(cfg.Name + " saw " + e.Member.Name)); err != nil {
			log.Print(err)
		}
	}
	if err := node.Leave(context.Background()); err != nil {
		log.Print(err)
	}
}

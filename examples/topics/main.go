// Topics sends messages to those who asked for them: one reader gets what is
// sent to it alone, all get what is published, each once and in order.
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"slices"

	"github.com/musterhq/muster"
)

func main() {
	ctx := context.Background()
	var nodes []*muster.Node
	lines := make(chan string, 10)
	for _, name := range []string{"editor", "ann", "ben"} {
		cfg := muster.Local()
		cfg.Name, cfg.Bind = name, "127.0.0.1:0"
		n, err := muster.Start(cfg)
		check(err)
		n.Subscribe("news", func(m muster.Message) { lines <- fmt.Sprintf("%s reads %q by %s", name, m.Payload, m.Sender) })
		if nodes = append(nodes, n); len(nodes) > 1 {
			_, err := n.Join(ctx, nodes[0].Local().Addr.String())
			check(err)
		}
	}
	for range nodes[0].Watch(ctx) {
		if len(nodes[0].Members()) == len(nodes) {
			break
		}
	}
	editor := nodes[0]
	check(editor.SendTopic(ctx, "ann", "news", []byte("for ann only")))
	fmt.Println(<-lines)
	err := editor.SendTopic(ctx, "ann", "sports", []byte("lost"))
	fmt.Println("ann reads no sports:", errors.Is(err, muster.ErrNoHandler))
	p, err := editor.Publish(ctx, "news", []byte("for all"))
	check(err)
	check(p.Wait(ctx)) // until every member has it
	both := []string{<-lines, <-lines}
	slices.Sort(both)
	fmt.Println(both[0])
	fmt.Println(both[1])
	for _, n := range nodes {
		check(n.Close())
	}
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

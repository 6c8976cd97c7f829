// Watch follows what members say about themselves: a worker counts down in its
// metadata, and another member sees every change until the worker leaves.
package main

import (
	"context"
	"fmt"
	"log"
	"time"

	"github.com/musterhq/muster"
)

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	watcher := start("watcher", "")
	worker := start("worker", "jobs=3")
	if _, err := worker.Join(ctx, watcher.Local().Addr.String()); err != nil {
		log.Fatal(err)
	}
	jobs := 3
	for e := range watcher.Watch(ctx) { // begins with a join for each present member
		if e.Member.Name != "worker" {
			continue
		}
		fmt.Printf("%s %s %s\n", e.Kind, e.Member.Name, e.Member.Meta)
		if e.Kind.Gone() {
			break
		}
		if jobs--; jobs < 0 {
			go leave(ctx, worker)
		} else if err := worker.SetMeta(fmt.Appendf(nil, "jobs=%d", jobs)); err != nil {
			log.Fatal(err)
		}
	}
	if err := watcher.Close(); err != nil {
		log.Fatal(err)
	}
}

func start(name, meta string) *muster.Node {
	cfg := muster.Local()
	cfg.Name, cfg.Bind, cfg.Meta = name, "127.0.0.1:0", []byte(meta)
	node, err := muster.Start(cfg)
	if err != nil {
		log.Fatal(err)
	}
	return node
}

func leave(ctx context.Context, n *muster.Node) {
	if err := n.Leave(ctx); err != nil {
		log.Print(err)
	}
}

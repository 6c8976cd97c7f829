// Records keeps a list of services: every node says what it offers, under keys
// of its own, and all have the same list. An entry lives as long as it is kept.
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
	shop, caller := start("shop"), start("caller")
	if _, err := caller.Join(ctx, shop.Local().Addr.String()); err != nil {
		log.Fatal(err)
	}
	offer(shop, "service/catalogue", "10.0.0.7:8080", 0)
	offer(shop, "service/flash-sale", "10.0.0.7:8081", time.Second) // unless it is set or touched again
	offer(shop, "private/notes", "of no interest to the caller", 0)

	for e := range caller.Records().Watch(ctx, "service/") { // begins with what there is
		if e.Deleted {
			fmt.Printf("%s of %s has ended\n", e.Key, e.Owner)
			break
		}
		fmt.Printf("%s of %s is at %s\n", e.Key, e.Owner, e.Value)
	}
	for _, r := range caller.Records().List("shop", "service/") {
		fmt.Printf("still there: %s at %s\n", r.Key, r.Value)
	}
	for _, n := range []*muster.Node{shop, caller} {
		if err := n.Close(); err != nil {
			log.Fatal(err)
		}
	}
}

func start(name string) *muster.Node {
	cfg := muster.Local()
	cfg.Name, cfg.Bind = name, "127.0.0.1:0"
	node, err := muster.Start(cfg)
	if err != nil {
		log.Fatal(err)
	}
	return node
}

func offer(n *muster.Node, key, addr string, ttl time.Duration) {
	if err := n.Records().Set(key, []byte(addr), ttl); err != nil {
		log.Fatal(err)
	}
}

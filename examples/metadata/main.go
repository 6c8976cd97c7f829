// Metadata announces a struct, and then one of 100 kB, which memberlist's 512
// bytes would not hold.
package main

import (
	"context"
	"fmt"
	"log"
	"strings"
	"time"

	"github.com/musterhq/muster"
)

// About is what a member of this cluster says of itself.
type About struct {
	Zone  string
	Notes string
}

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	watcher, worker := start("watcher"), start("worker")
	check(muster.SetMetaAs(worker, About{Zone: "eu"}))
	_, err := worker.Join(ctx, watcher.Local().Addr.String())
	check(err)
	for e := range watcher.Watch(ctx, muster.MemberJoined, muster.MemberUpdated) {
		if e.Member.Name != "worker" {
			continue
		}
		about, err := muster.MetaAs[About](e.Member)
		check(err)
		fmt.Printf("%s: worker in %s with %d bytes of notes (%d bytes before)\n", e.Kind, about.Zone, len(about.Notes), len(e.OldMeta))
		if about.Zone == "us" {
			break
		}
		check(muster.SetMetaAs(worker, About{Zone: "us", Notes: strings.Repeat("n", 100_000)}))
	}
	check(worker.Close())
	check(watcher.Close())
}

func start(name string) *muster.Node {
	cfg := muster.Local()
	cfg.Name, cfg.Bind = name, "127.0.0.1:0"
	node, err := muster.Start(cfg)
	check(err)
	return node
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

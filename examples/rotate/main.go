// Rotate changes the key of an encrypted cluster while it runs: every member
// learns the new key, then uses it, then forgets the old one.
package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"log"

	"github.com/musterhq/muster"
	"github.com/musterhq/muster/wire"
)

func main() {
	ctx := context.Background()
	oldKey, newKey := []byte(rand.Text()[:16]), []byte(rand.Text()[:16]) // AES-128
	var nodes []*muster.Node
	var rings []*wire.Keyring
	got := make(chan string)
	for i := range 2 {
		ring, err := wire.NewKeyring([][]byte{oldKey}, oldKey)
		check(err)
		cfg := muster.Local()
		cfg.Name, cfg.Bind = fmt.Sprint("n", i), "127.0.0.1:0"
		cfg.Keyring, cfg.Label = ring, "example"
		cfg.OnMessage = func(m muster.Message) { got <- fmt.Sprintf("%s got %q", cfg.Name, m.Payload) }
		n, err := muster.Start(cfg)
		check(err)
		if nodes, rings = append(nodes, n), append(rings, ring); i > 0 {
			_, err = n.Join(ctx, nodes[0].Local().Addr.String())
			check(err)
		}
	}
	steps := []struct {
		name string
		do   func(*wire.Keyring) error
	}{
		{"all know the new key", func(r *wire.Keyring) error { return r.Add(newKey) }},
		{"all use the new key", func(r *wire.Keyring) error { return r.Use(newKey) }},
		{"the old key is gone", func(r *wire.Keyring) error { return r.Remove(oldKey) }},
	}
	for _, step := range steps {
		for _, r := range rings { // a step is over before the next begins
			check(step.do(r))
		}
		check(nodes[0].Send(ctx, "n1", []byte(step.name)))
		fmt.Println(<-got)
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

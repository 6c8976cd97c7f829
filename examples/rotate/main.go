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
	oldKey, newKey := key(), key()
	var nodes []*muster.Node
	var rings []*wire.Keyring
	for i := range 3 {
		ring, err := wire.NewKeyring([][]byte{oldKey}, oldKey)
		check(err)
		cfg := muster.Local()
		cfg.Name, cfg.Bind = fmt.Sprint("n", i), "127.0.0.1:0"
		cfg.Keyring, cfg.Label = ring, "example"
		cfg.OnMessage = func(m muster.Message) { fmt.Printf("%s got %q\n", cfg.Name, m.Payload) }
		n, err := muster.Start(cfg)
		check(err)
		nodes, rings = append(nodes, n), append(rings, ring)
		if i > 0 {
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
	}
	for _, n := range nodes {
		check(n.Close())
	}
}

func key() []byte { return []byte(rand.Text() + rand.Text())[:32] }

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

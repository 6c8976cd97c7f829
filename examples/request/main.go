// Request asks another member: it answers, refuses, or hears that nobody waits.
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"time"

	"github.com/musterhq/muster"
)

func main() {
	ctx := context.Background()
	clerk, asker := start("clerk"), start("asker")
	_, err := asker.Join(ctx, clerk.Local().Addr.String())
	check(err)
	clerk.Handle("price", func(_ context.Context, m muster.Message) ([]byte, error) {
		if string(m.Payload) == "pears" {
			return []byte("3.20"), nil
		}
		return nil, fmt.Errorf("%s: no %s today", m.Sender, m.Payload)
	})
	told := make(chan struct{})
	clerk.Handle("haggle", func(ctx context.Context, _ muster.Message) ([]byte, error) {
		<-ctx.Done() // ends with the asker's patience
		close(told)
		return nil, ctx.Err()
	})
	price, err := asker.Request(ctx, "clerk", "price", []byte("pears"))
	fmt.Printf("pears cost %s (%v)\n", price, err)
	var refusal *muster.RemoteError
	if _, err = asker.Request(ctx, "clerk", "price", []byte("plums")); errors.As(err, &refusal) {
		fmt.Printf("refused: %s\n", refusal.Text)
	}
	_, err = asker.Request(ctx, "clerk", "weather", nil)
	fmt.Println("nobody there handles the weather:", errors.Is(err, muster.ErrNoHandler))
	short, cancel := context.WithTimeout(ctx, 50*time.Millisecond)
	defer cancel()
	_, err = asker.Request(short, "clerk", "haggle", nil)
	<-told
	fmt.Println("the asker gave up, and the clerk too:", errors.Is(err, context.DeadlineExceeded))
	check(errors.Join(asker.Close(), clerk.Close()))
}

func start(name string) *muster.Node {
	cfg := muster.Local()
	cfg.Name, cfg.Bind = name, "127.0.0.1:0"
	n, err := muster.Start(cfg)
	check(err)
	return n
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

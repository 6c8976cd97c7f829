// TLS starts two members that show each other certificates, gives one of them a
// new one while it runs, and has a third, of another CA, knock in vain.
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/musterhq/muster"
)

func start(name, dir string) (*muster.Node, *muster.TCPTransport) {
	quiet := slog.New(slog.DiscardHandler)
	files := muster.TLSFiles{Cert: filepath.Join(dir, "cert.pem"), Key: filepath.Join(dir, "key.pem"), CA: filepath.Join(dir, "ca.pem")}
	// Every member's certificate is for muster.local, wherever it runs.
	tls := muster.TLSConfig{TLSFiles: files, PeerName: "muster.local", TCPOptions: muster.TCPOptions{Logger: quiet}}
	transport, err := muster.ListenTLS("127.0.0.1:0", tls)
	check(err)
	cfg := muster.Local()
	cfg.Name, cfg.Transport, cfg.Logger = name, transport, quiet
	node, err := muster.Start(cfg)
	check(err)
	return node, transport
}

func main() {
	dir, err := os.MkdirTemp("", "muster-tls-")
	check(err)
	defer os.RemoveAll(dir)
	ours, theirs := newCA("ours"), newCA("theirs")
	a, _ := start("a", ours.issue(dir, "a"))
	b, transport := start("b", ours.issue(dir, "b"))
	stranger, _ := start("stranger", theirs.issue(dir, "stranger"))
	ctx, seed := context.Background(), a.Local().Addr.String()

	_, err = b.Join(ctx, seed)
	fmt.Println("members:", len(b.Members()), err)

	ours.issue(dir, "b") // over the old files, as an operator or a cron job would
	check(transport.ReloadCertificates())
	fmt.Println("certificates renewed:", transport.Stats().CertsLoaded)

	_, err = stranger.Join(ctx, seed)
	fmt.Println("stranger refused:", errors.Is(err, muster.ErrPeerNotTrusted))
	check(errors.Join(a.Close(), b.Close(), stranger.Close()))
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

// Command go-v1 is the conformance driver of nacos-sdk-go v1, whose client cannot
// be closed and does not say how the server is.
package main

import (
	"fmt"
	"os"

	"github.com/nacos-group/nacos-sdk-go/clients/naming_client"

	"github.com/musterhq/muster/server/e2e/conformance/protocol"
)

func main() {
	d := &driver{out: protocol.NewWriter(os.Stdout), subscriptions: make(map[string]*subscription)}
	os.Stdout = os.Stderr // nothing that the library prints gets among the answers
	if err := protocol.Serve(os.Stdin, d.out, d.handle); err != nil {
		fmt.Fprintln(os.Stderr, "go-v1:", err)
		os.Exit(1)
	}
}

type driver struct {
	out           *protocol.Writer
	client        naming_client.INamingClient
	subscriptions map[string]*subscription
}

func (d *driver) handle(r protocol.Request) (any, error) {
	if r.Op == "hello" {
		return protocol.Hello{Client: "nacos-sdk-go", Version: version, Language: "go", Generation: 1}, nil
	}
	if r.Op == "connect" {
		return nil, d.connect(r)
	}
	if d.client == nil {
		return nil, fmt.Errorf("%s before connect", r.Op)
	}
	switch r.Op {
	case "register":
		return nil, done(d.client.RegisterInstance(registration(r)))
	case "deregister":
		return nil, done(d.client.DeregisterInstance(deregistration(r)))
	case "list":
		return d.list(r)
	case "select":
		return d.selectSome(r)
	case "selectOne":
		return d.selectOne(r)
	case "subscribe":
		return nil, d.subscribe(r)
	case "unsubscribe":
		return nil, d.unsubscribe(r)
	case "services":
		return d.services(r)
	}
	return nil, protocol.ErrUnsupported
}

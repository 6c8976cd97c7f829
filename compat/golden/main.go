// Command golden runs small clusters of the real memberlist over a network in
// memory and prints what they send, one line of hex for each packet and each
// direction of a stream. The lines are the golden bytes of package wire:
//
//	go run ./golden > ../wire/testdata/golden/memberlist-0.7.0.txt
//	go run -modfile=memberlist05.mod ./golden > ../wire/testdata/golden/memberlist-0.5.4.txt
//
// Nothing is taken from memberlist's own encoders, which are private; only
// what leaves through its Transport counts. Of messages of one kind the first
// few are kept.
package main

import (
	"bufio"
	"fmt"
	"os"
	"runtime/debug"

	"github.com/musterhq/muster/wire"
)

func main() {
	out := bufio.NewWriter(os.Stdout)
	fmt.Fprintf(out, "# Sent by %s. See compat/golden; do not edit.\n", version())
	fmt.Fprintf(out, "# packet|dial|reply SETTING HEX, a stream's bytes being dialed or replied.\n")
	for _, s := range settings {
		lines, err := capture(s)
		if err != nil {
			fmt.Fprintf(os.Stderr, "golden: %s: %v\n", s.name, err)
			os.Exit(1)
		}
		for _, l := range lines {
			fmt.Fprintf(out, "%s %s %x\n", l.kind, s.name, l.data)
		}
	}
	if err := out.Flush(); err != nil {
		fmt.Fprintf(os.Stderr, "golden: %v\n", err)
		os.Exit(1)
	}
}

// version names the memberlist this program was built with.
func version() string {
	info, _ := debug.ReadBuildInfo()
	for _, d := range info.Deps {
		if d.Path == "github.com/hashicorp/memberlist" {
			return "memberlist " + d.Version
		}
	}
	return "memberlist"
}

// A setting is one way to configure a cluster. wire's golden test has a Codec
// for each name.
type setting struct {
	name     string
	label    string
	key      []byte
	protocol uint8
	compress bool
}

var key = []byte("0123456789abcdef")

var settings = []setting{
	{name: "plain", protocol: 2},
	{name: "label", protocol: 2, label: "dc1"},
	{name: "key", protocol: 2, key: key},
	{name: "label+key", protocol: 2, label: "dc1", key: key},
	{name: "protocol1+key", protocol: 1, key: key},
	{name: "compress", protocol: 2, compress: true},
	{name: "label+key+compress", protocol: 2, label: "dc1", key: key, compress: true},
}

func (s setting) codec() *wire.Codec {
	ring, err := wire.NewKeyring(nil, s.key)
	if err != nil {
		panic(err) // the keys above are constants
	}
	return &wire.Codec{Label: s.label, Keyring: ring, ProtocolVersion: s.protocol, Compress: s.compress}
}

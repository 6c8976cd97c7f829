package main

import (
	"encoding/base64"
	"flag"
	"fmt"
	"net"
	"os"
	"strconv"
)

// options are the command line, checked.
type options struct {
	name          string
	bindHost      string
	bindPort      int
	advertiseHost string
	advertisePort int
	join          []string
	label         string
	keys          [][]byte // first is primary
	profile       string
	meta          string
	api           string
	noCompression bool
	debugFaults   bool
	noRebroadcast bool
}

func parseOptions(args []string) (options, error) {
	var (
		o               options
		bind, advertise string
	)
	f := flag.NewFlagSet("peer", flag.ContinueOnError)
	f.StringVar(&o.name, "name", "", "node name (default: the host's)")
	f.StringVar(&bind, "bind", "127.0.0.1:0", "`HOST:PORT` for UDP and TCP; port 0 picks one")
	f.StringVar(&advertise, "advertise", "", "`HOST:PORT` told to peers (default: the bound one)")
	f.Func("join", "`HOST:PORT` of a member; repeatable", func(s string) error {
		o.join = append(o.join, s)
		return nil
	})
	f.StringVar(&o.label, "label", "", "cluster label")
	f.Func("key", "`BASE64` of 16, 24 or 32 bytes; repeatable, the first is primary", func(s string) error {
		key, err := base64.StdEncoding.DecodeString(s)
		if err != nil {
			return fmt.Errorf("not base64: %w", err)
		}
		o.keys = append(o.keys, key)
		return nil
	})
	f.StringVar(&o.profile, "profile", "lan", "lan, wan or local")
	f.StringVar(&o.meta, "meta", "", "metadata, at most 512 bytes")
	f.StringVar(&o.api, "api", "127.0.0.1:0", "`HOST:PORT` of the HTTP API")
	f.BoolVar(&o.noCompression, "no-compression", false, "send without LZW")
	f.BoolVar(&o.debugFaults, "debug-faults", false, "allow POST /debug/cut")
	f.BoolVar(&o.noRebroadcast, "no-rebroadcast", false, "do not pass on user messages seen for the first time")
	if err := f.Parse(args); err != nil {
		return options{}, err
	}
	if f.NArg() > 0 {
		return options{}, fmt.Errorf("unexpected argument %q", f.Arg(0))
	}
	var err error
	if o.bindHost, o.bindPort, err = splitAddr(bind); err != nil {
		return options{}, fmt.Errorf("--bind: %w", err)
	}
	if advertise != "" {
		if o.advertiseHost, o.advertisePort, err = splitAddr(advertise); err != nil {
			return options{}, fmt.Errorf("--advertise: %w", err)
		}
	}
	if o.name == "" {
		if o.name, err = os.Hostname(); err != nil {
			return options{}, fmt.Errorf("find a default for --name: %w", err)
		}
	}
	return o, nil
}

func splitAddr(s string) (string, int, error) {
	host, port, err := net.SplitHostPort(s)
	if err != nil {
		return "", 0, err
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return "", 0, fmt.Errorf("port of %q: %w", s, err)
	}
	return host, int(n), nil
}

// Command bench measures three muster servers beside three nodes of etcd and
// three of ZooKeeper, in one run on one machine, and what it takes muster to
// hold clients and instances. README.md says how, and what came out.
//
//	go run .                        everything, about 25 minutes
//	go run . --quick                a smoke of a few minutes
//	go run . --only 'persistent'    the rows that match
//	go run . -o json                for a program to read
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/musterhq/muster/server/bench/peers"
	"github.com/musterhq/muster/server/e2e/proc"
)

var (
	errUsage  = errors.New("usage")
	errMissed = errors.New("targets missed")
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if len(os.Args) == 3 && os.Args[1] == peers.EtcdCommand {
		exit(peers.RunEtcd(ctx, os.Args[2]))
		return
	}
	exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

func exit(err error) {
	switch {
	case err == nil, errors.Is(err, flag.ErrHelp):
	case errors.Is(err, errUsage):
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(2)
	default:
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// options are what the command line says.
type options struct {
	quick  bool
	check  bool
	only   *regexp.Regexp
	who    *regexp.Regexp
	crowds []int
	round  time.Duration
	output string
	server string // the server module's directory
	binary string
	dir    string
}

func parse(args []string, errs io.Writer) (o options, err error) {
	fs := flag.NewFlagSet("bench", flag.ContinueOnError)
	fs.SetOutput(errs)
	fs.BoolVar(&o.quick, "quick", false, "less of everything: it shows that it works, not how fast")
	fs.BoolVar(&o.check, "check", false, "exit with 1 if a target is missed")
	only := fs.String("only", "", "`REGEXP` of the parts to measure")
	who := fs.String("who", "", "`REGEXP` of those who are compared; ratios are to the first that matches")
	crowds := fs.String("clients", "1,16,64,256", "`N,...` clients, at the same time")
	fs.DurationVar(&o.round, "round", 0, "how `long` a round is (default 1.5s, with --quick 0.8s)")
	fs.StringVar(&o.output, "o", "table", "table or json")
	fs.StringVar(&o.server, "server", "..", "`DIR` of the server's module, which is built")
	fs.StringVar(&o.binary, "binary", "", "`FILE` of a muster that is built already")
	fs.StringVar(&o.dir, "dir", "", "`DIR` for the servers' data, on the disk to be measured (default: a temporary one)")
	if err := fs.Parse(args); err != nil {
		return o, err
	}
	if fs.NArg() > 0 || o.output != "table" && o.output != "json" {
		return o, fmt.Errorf("%w: bench [--quick] [--check] [--only REGEXP] [-o table|json]", errUsage)
	}
	if o.only, err = regexp.Compile(*only); err != nil {
		return o, fmt.Errorf("%w: --only: %w", errUsage, err)
	}
	if o.who, err = regexp.Compile(*who); err != nil {
		return o, fmt.Errorf("%w: --who: %w", errUsage, err)
	}
	for part := range strings.SplitSeq(*crowds, ",") {
		n, err := strconv.Atoi(part)
		if err != nil || n < 1 {
			return o, fmt.Errorf("%w: --clients: %q is no number of clients", errUsage, part)
		}
		o.crowds = append(o.crowds, n)
	}
	return o, nil
}

func run(ctx context.Context, args []string, out, errs io.Writer) (err error) {
	o, err := parse(args, errs)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp(o.dir, "muster-bench-")
	if err != nil {
		return err
	}
	o.dir = dir
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	if o.binary == "" {
		if o.binary, err = proc.Build(ctx, o.server, dir); err != nil {
			return err
		}
	} else if o.binary, err = filepath.Abs(o.binary); err != nil {
		return err
	}
	b := &bench{options: o, log: errs}
	b.report.Machine = fmt.Sprintf("%s, %s/%s, %d cores, %s", time.Now().Format(time.DateOnly), runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), runtime.Version())
	for _, p := range parts {
		if !p.wanted(o.only) {
			continue
		}
		if err := b.measure(ctx, p); err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
	}
	if o.output == "json" {
		err = json.NewEncoder(out).Encode(b.report)
	} else {
		err = b.report.print(out)
	}
	if err == nil && o.check && b.report.missed() {
		err = errMissed
	}
	return err
}

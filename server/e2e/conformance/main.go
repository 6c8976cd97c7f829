// Command conformance runs unmodified Nacos clients against muster: one server,
// and a cluster of three.
//
//	go run ./conformance                            everything, some minutes
//	go run ./conformance --clients go-v2,node       these clients
//	go run ./conformance --servers 1 --run batch    one scenario, at one server
//	go run ./conformance -o json                    for a program to read
//
// It builds the server, installs the clients through their package registries,
// says which it could not have, goes through every scenario with each, and ends
// with a table. The exit code is 1 if anything failed. README.md says more.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/musterhq/muster/server/e2e/proc"
)

var (
	errUsage  = errors.New("usage")
	errFailed = errors.New("some scenarios failed")
)

type options struct {
	clients  []string
	servers  []int
	only     *regexp.Regexp
	output   string
	parallel int
	leave    bool
	suiteDir string
}

func (o options) wants(scenario string) bool { return o.only.MatchString(scenario) }

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	switch err := run(ctx, os.Args[1:], os.Stdout); {
	case err == nil, errors.Is(err, flag.ErrHelp):
	case errors.Is(err, errUsage):
		fmt.Fprintln(os.Stderr, "conformance:", err)
		os.Exit(2)
	default:
		fmt.Fprintln(os.Stderr, "conformance:", err)
		os.Exit(1)
	}
}

func parse(args []string) (o options, err error) {
	fs := flag.NewFlagSet("conformance", flag.ContinueOnError)
	clients := fs.String("clients", "", "`NAMES` of clients, separated by commas (default all)")
	servers := fs.String("servers", "1,3", "`NUMBERS` of servers to run against")
	only := fs.String("run", "", "`REGEXP` of scenarios (default all)")
	fs.StringVar(&o.output, "o", "table", "how to print the results: table or json")
	fs.IntVar(&o.parallel, "parallel", 12, "`N` scenarios at a time")
	fs.BoolVar(&o.leave, "keep", false, "keep the directory with the servers' data and all logs")
	fs.StringVar(&o.suiteDir, "suite", "", "`DIR` with a copy of the repository nacos-group/nacos-e2e (default: from the module proxy)")
	if err := fs.Parse(args); err != nil {
		return o, errors.Join(errUsage, err)
	}
	if *clients != "" {
		o.clients = strings.Split(*clients, ",")
	}
	for part := range strings.SplitSeq(*servers, ",") {
		n, err := strconv.Atoi(part)
		if err != nil || n < 1 {
			return o, fmt.Errorf("%w: --servers %s", errUsage, *servers)
		}
		o.servers = append(o.servers, n)
	}
	if o.only, err = regexp.Compile(*only); err != nil {
		return o, fmt.Errorf("%w: --run: %w", errUsage, err)
	}
	if fs.NArg() > 0 || o.parallel < 1 || o.output != "table" && o.output != "json" {
		return o, fmt.Errorf("%w: see --help", errUsage)
	}
	return o, nil
}

func run(ctx context.Context, args []string, out io.Writer) (err error) {
	o, err := parse(args)
	if err != nil {
		return err
	}
	sources, err := filepath.Abs(filepath.Join("conformance", "drivers"))
	if err != nil {
		return err
	}
	wanted, err := o.choose(drivers(sources))
	if err != nil {
		return err
	}
	r := &runner{options: o, started: time.Now(), turns: make(chan struct{}, starting)}
	if r.cache, err = cacheDir(); err != nil {
		return err
	}
	if r.dir, err = os.MkdirTemp("", "conformance-"); err != nil {
		return err
	}
	defer func() {
		if r.leave || err != nil {
			r.progress("data and logs are in %s", r.dir)
		} else {
			err = os.RemoveAll(r.dir)
		}
	}()
	binary, err := proc.Build(ctx, "..", r.dir)
	if err != nil {
		return err
	}
	had, hello := r.have(ctx, wanted)
	if err := r.everything(ctx, binary, had, hello); err != nil {
		return err
	}
	return r.report(out)
}

// choose picks the drivers that were asked for.
func (o options) choose(all []Driver) ([]Driver, error) {
	if o.clients == nil {
		return all, nil
	}
	var some []Driver
	var names []string
	for _, d := range all {
		names = append(names, d.Name())
		if slices.Contains(o.clients, d.Name()) {
			some = append(some, d)
		}
	}
	if len(some) < len(o.clients) {
		return nil, fmt.Errorf("%w: --clients: there are %s", errUsage, strings.Join(names, ", "))
	}
	return some, nil
}

func (r *runner) report(out io.Writer) error {
	rep := report{Clients: r.names, Results: r.results, Absent: r.absent, Seconds: time.Since(r.started).Seconds()}
	write := rep.table
	if r.output == "json" {
		write = rep.json
	}
	if err := write(out); err != nil {
		return err
	}
	if n := rep.failures(); n > 0 {
		return fmt.Errorf("%w: %d", errFailed, n)
	}
	return nil
}

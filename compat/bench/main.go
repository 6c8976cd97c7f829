// Command bench runs muster and hashicorp/memberlist side by side, on real
// sockets of the loopback interface, and prints one table: both values, their
// ratio, and whether what muster promises holds.
//
//	go run ./bench                  everything, about 25 minutes
//	go run ./bench --quick          a smoke of 2 to 3 minutes
//	go run ./bench --only 'N=200'   the rows that match
//	go run ./bench -o json          for a program to read
//
// Every measurement runs in a child process of its own. README.md says how
// each row is measured.
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
	"regexp"
	"strings"

	"github.com/musterhq/muster/compat/bench/measure"
	"github.com/musterhq/muster/compat/bench/system"
)

// childCommand is the hidden subcommand that measures one job.
const childCommand = "child"

func main() {
	if len(os.Args) == 3 && os.Args[1] == childCommand {
		if err := child(os.Args[2], os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, "bench:", err)
			os.Exit(1)
		}
		return
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	switch err := run(ctx, os.Args[1:], os.Stdout, os.Stderr); {
	case err == nil:
	case errors.Is(err, flag.ErrHelp):
	case errors.Is(err, errUsage):
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(2)
	default:
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// child measures the job given as JSON and prints its result as JSON.
func child(arg string, out io.Writer) error {
	var job measure.Job
	if err := json.Unmarshal([]byte(arg), &job); err != nil {
		return fmt.Errorf("read job: %w", err)
	}
	res, err := measure.Run(job)
	if err != nil {
		return err
	}
	if err := json.NewEncoder(out).Encode(res); err != nil {
		return fmt.Errorf("write result: %w", err)
	}
	return nil
}

var (
	errUsage  = errors.New("usage")
	errMissed = errors.New("targets missed")
)

type options struct {
	quick   bool
	check   bool
	only    *regexp.Regexp
	output  string
	systems []string
}

func parse(args []string, stderr io.Writer) (options, error) {
	var o options
	var only, systems string
	fs := flag.NewFlagSet("bench", flag.ContinueOnError)
	fs.SetOutput(stderr)
	fs.BoolVar(&o.quick, "quick", false, "a smoke of 2 to 3 minutes: small clusters, short windows, one repetition")
	fs.BoolVar(&o.check, "check", false, "exit with 1 when a target is missed")
	fs.StringVar(&only, "only", "", "measure only the rows whose name matches this regular expression")
	fs.StringVar(&o.output, "o", "table", "`format`: table or json")
	fs.StringVar(&systems, "systems", strings.Join(systemNames(), ","), "which systems to measure")
	if err := fs.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return o, err
		}
		return o, errUsage
	}
	if fs.NArg() > 0 {
		return o, fmt.Errorf("%w: unexpected argument %q", errUsage, fs.Arg(0))
	}
	if o.output != "table" && o.output != "json" {
		return o, fmt.Errorf("%w: -o is table or json, not %q", errUsage, o.output)
	}
	var err error
	if o.only, err = regexp.Compile("(?i)" + only); err != nil {
		return o, fmt.Errorf("%w: --only: %w", errUsage, err)
	}
	for name := range strings.SplitSeq(systems, ",") {
		if _, err := system.Named(name); err != nil {
			return o, fmt.Errorf("%w: --systems: %w", errUsage, err)
		}
		o.systems = append(o.systems, name)
	}
	return o, nil
}

func systemNames() []string {
	var names []string
	for _, s := range system.All() {
		names = append(names, s.Name())
	}
	return names
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	o, err := parse(args, stderr)
	if err != nil {
		return err
	}
	p := fullPlan()
	if o.quick {
		p = quickPlan()
	}
	rows := selectRows(allRows(p), o.only)
	if len(rows) == 0 {
		return fmt.Errorf("%w: no row matches --only; `--quick` has fewer rows than a full run", errUsage)
	}
	r := runner{progress: stderr, results: map[key][]measure.Sample{}}
	if err := r.run(ctx, p.jobs(rows, o.systems)); err != nil {
		return err
	}
	rep := report(rows, &r, o.quick)
	if o.output == "json" {
		err = rep.writeJSON(stdout)
	} else {
		err = rep.writeTable(stdout)
	}
	if err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	if missed := rep.missed(); o.check && missed > 0 {
		return fmt.Errorf("%w: %d", errMissed, missed)
	}
	return nil
}

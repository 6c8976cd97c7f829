package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/musterhq/muster/server/app"
	"github.com/musterhq/muster/server/auth"
	"github.com/musterhq/muster/wire"
)

// serverFlags are muster server's options as they were given.
type serverFlags struct {
	dataDir, bind, advertise, label, keyFile     string
	httpPort, grpcPort, gossipPort, raftPort     int
	join, keys                                   []string
	expect                                       int
	auth, adminAuth, pushToCaller                bool
	adminPassword, adminPasswordFile, secretFile string
	grace, settle, deadAfter                     time.Duration
	maxConnections                               int
	limits                                       []string
	logLevel, logFormat, output                  *choice
}

func serverCommand(std Streams) *cobra.Command {
	var f serverFlags
	cmd := &cobra.Command{
		Use:   "server",
		Short: "Run a service registry that Nacos clients work with",
		Args:  noArgs,
		Example: `  muster server
  muster server --data-dir /var/lib/muster --join 10.0.0.7
  muster server --data-dir /var/lib/muster --join 10.0.0.7,10.0.0.8,10.0.0.9 --bootstrap-expect 3`,
		Long: `Server runs a service registry in the foreground: for Nacos clients of 1.x by
HTTP at 8848, for those of 2.x and 3.x by gRPC at 9848. When it can be used it
prints one line,

  ready id=UUID http=HOST:PORT grpc=HOST:PORT gossip=HOST:PORT raft=HOST:PORT

and from then on logs to standard error. SIGTERM and SIGINT make it have its
clients move to other servers, leave and end; a second signal ends it at once.

A server is its data directory. With --join it becomes part of a cluster: the
line is the same for the first start, for a restart and for one server more, and
any server that is there will do. The first server of a cluster is started
without --join, or several at once with --bootstrap-expect.

Without --key-file the ports among servers, 7946 and 7848, ask nobody, and
without --admin-auth the API: keep them from whom they do not concern.`,
	}
	f.register(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return runServer(cmd, f, std) }
	return cmd
}

func (f *serverFlags) register(cmd *cobra.Command) {
	fs := cmd.Flags()
	fs.SortFlags = false // the order below is the order of interest
	fs.StringVar(&f.dataDir, "data-dir", "muster-data", "`DIR` that the server is: who it is and what was agreed on")
	fs.StringArrayVar(&f.join, "join", nil, "`HOST[:PORT]` of another server's gossip; repeatable, or separated by commas")
	fs.IntVar(&f.expect, "bootstrap-expect", 0, "`N` servers that found the cluster together, the first time (default 1 without --join)")
	fs.StringVar(&f.bind, "bind", "", "`IP` to listen at, with all ports (default all)")
	fs.StringVar(&f.advertise, "advertise", "", "`HOST` that others are told to connect to instead")
	fs.IntVar(&f.httpPort, "http-port", 0, "`PORT` for HTTP; -1 picks one, for this and those below (default 8848)")
	fs.IntVar(&f.grpcPort, "grpc-port", 0, "`PORT` for gRPC; clients compute it (default that for HTTP + 1000)")
	fs.IntVar(&f.gossipPort, "gossip-port", 0, "`PORT` for gossip, UDP and TCP (default 7946)")
	fs.IntVar(&f.raftPort, "raft-port", 0, "`PORT` for Raft (default that for HTTP - 1000)")
	fs.StringVar(&f.label, "label", "", "`TEXT` that keeps clusters apart: only servers with the same one talk")
	fs.StringVar(&f.keyFile, "key-file", "", "`FILE` of keys that guard the ports among servers, one in base64 per line, the first in use; keep it mode 0600")
	fs.StringArrayVar(&f.keys, "key", nil, "`BASE64` key; repeatable, the first in use; other users can see it: prefer --key-file")
	fs.BoolVar(&f.auth, "auth", false, "ask clients for a token")
	fs.BoolVar(&f.adminAuth, "admin-auth", false, "ask operators for a token")
	fs.StringVar(&f.adminPassword, "admin-password", "", "`PASSWORD` of the first user, nacos; other users of this machine can see it (default: one is drawn, and shown once on standard error)")
	fs.StringVar(&f.adminPasswordFile, "admin-password-file", "", "`FILE` with that password")
	fs.StringVar(&f.secretFile, "token-secret-file", "", "`FILE` with the secret that signs tokens, 32 bytes or more in base64 (default: the cluster draws one)")
	fs.DurationVar(&f.grace, "grace", 0, "how long clients of a server that is gone stay listed, from when that is noticed (default 8s)")
	fs.DurationVar(&f.settle, "settle", 0, "how long nothing is pushed after all servers were gone, while clients come back (default 10s)")
	fs.DurationVar(&f.deadAfter, "dead-after", 0, "how long a server is away before it is no more a part of the cluster (default 10m)")
	fs.IntVar(&f.maxConnections, "max-connections", 0, "gRPC connections of clients, at most (default 100000)")
	fs.StringArrayVar(&f.limits, "limit", nil, "`NAME=N` bounds what clients may have the server hold or do, as services=100000; repeatable; a NAME that is none lists them")
	fs.BoolVar(&f.pushToCaller, "udp-push-to-caller", false, "push to 1.x clients at the address they ask from, not at the one they give: nobody can have others sent datagrams")
	f.logLevel = choiceFlag(cmd, "log-level", "", "least level logged", "info", "debug", "warn", "error")
	f.logFormat = choiceFlag(cmd, "log-format", "", "auto is text on a terminal and json otherwise", "auto", "text", "json")
	f.output = choiceFlag(cmd, "output", "o", "how to print the ready line", "table", "json")
}

func runServer(cmd *cobra.Command, f serverFlags, std Streams) error {
	level := new(slog.LevelVar)
	log := newLogger(std.Err, f.logLevel.value, f.logFormat.value, level)
	o, err := f.options(log)
	if err != nil {
		return usage(cmd, err)
	}
	o.Logger, o.Level, o.FirstUser = log, level, showFirstUser(std.Err)
	tuneHeap()
	s, err := app.New(o)
	if errors.Is(err, app.ErrOptions) {
		return usage(cmd, err)
	}
	if err != nil {
		return err
	}
	said := make(chan error, 1)
	go func() {
		select {
		case <-s.Up():
			err := serverLine{s.ID(), s.Addrs()}.print(cmd.OutOrStdout(), f.output.value)
			if asText(std.Err, f.logFormat.value) {
				welcome(std.Err, s.Addrs())
			}
			said <- err
		case <-cmd.Context().Done():
			said <- nil
		}
	}()
	if err := s.Run(cmd.Context()); err != nil {
		return err
	}
	if err := <-said; err != nil {
		return fmt.Errorf("print the ready line: %w", err)
	}
	return nil
}

// showFirstUser tells the operator of the first user, beside the log, which may
// be kept for long and read by many.
func showFirstUser(w io.Writer) func(name, password string) {
	return func(name, password string) {
		_, _ = fmt.Fprintf(w, "first user: %s / %s (shown once)\n", name, password) // stderr is gone: nobody to tell
	}
}

// options turns the flags into the server's.
func (f *serverFlags) options(log *slog.Logger) (o app.Options, err error) {
	o = app.Options{
		DataDir: f.dataDir, Bind: f.bind, Advertise: f.advertise, Label: f.label,
		HTTPPort: f.httpPort, GRPCPort: f.grpcPort, GossipPort: f.gossipPort, RaftPort: f.raftPort,
		BootstrapExpect: f.expect, Grace: f.grace, Settle: f.settle, DeadAfter: f.deadAfter,
		Auth: f.auth, AdminAuth: f.adminAuth, AdminPassword: f.adminPassword, MaxConnections: f.maxConnections,
		PushToCaller: f.pushToCaller,
		Version:      buildVersion().Version,
	}
	for _, l := range f.limits {
		if err := o.SetLimit(l); err != nil {
			return o, err
		}
	}
	for _, j := range f.join {
		for part := range strings.SplitSeq(j, ",") {
			if part = strings.TrimSpace(part); part != "" {
				o.Join = append(o.Join, part)
			}
		}
	}
	keys, err := (&agentFlags{keys: f.keys, keyFile: f.keyFile}).allKeys(log)
	if err != nil {
		return o, err
	}
	if len(keys) > 0 {
		if o.Keyring, err = wire.NewKeyring(keys, keys[0]); err != nil {
			return o, fmt.Errorf("keys: %w", err)
		}
	}
	if f.adminPasswordFile != "" {
		if o.AdminPassword, err = readLine("--admin-password-file", f.adminPasswordFile); err != nil {
			return o, err
		}
	}
	if f.secretFile != "" {
		text, err := readLine("--token-secret-file", f.secretFile)
		if err != nil {
			return o, err
		}
		if o.Secret, err = auth.ParseSecret(text); err != nil {
			return o, fmt.Errorf("--token-secret-file %s: %w", f.secretFile, err)
		}
	}
	return o, nil
}

// readLine reads a file that holds one line.
func readLine(flag, file string) (string, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return "", fmt.Errorf("%s: %w", flag, err)
	}
	line := strings.TrimRight(string(b), "\r\n")
	if line == "" || strings.ContainsAny(line, "\r\n") {
		return "", fmt.Errorf("%s %s: want one line", flag, file)
	}
	return line, nil
}

// serverLine tells whoever started the server where it is.
type serverLine struct {
	id string
	at app.Addrs
}

func (l serverLine) print(w io.Writer, output string) error {
	if output == "json" {
		return json.NewEncoder(w).Encode(map[string]string{
			"id": l.id, "http": l.at.HTTP, "grpc": l.at.GRPC, "gossip": l.at.Gossip, "raft": l.at.Raft,
		})
	}
	_, err := fmt.Fprintf(w, "ready id=%s http=%s grpc=%s gossip=%s raft=%s\n", l.id, l.at.HTTP, l.at.GRPC, l.at.Gossip, l.at.Raft)
	return err
}

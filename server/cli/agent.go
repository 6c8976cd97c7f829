package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/musterhq/muster"
	"github.com/musterhq/muster/server/agent"
	"github.com/musterhq/muster/server/api"
	"github.com/musterhq/muster/wire"
)

// agentFlags are muster agent's options as they were given.
type agentFlags struct {
	name, bind, advertise, label, meta, api string
	join, keys                              []string
	keyFile                                 string
	noCompression, debugFaults              bool
	profile, logLevel, logFormat, output    *choice
}

func agentCommand(std Streams) *cobra.Command {
	var f agentFlags
	cmd := &cobra.Command{
		Use:   "agent",
		Short: "Run a member of a cluster",
		Args:  noArgs,
		Example: `  muster agent --name a
  muster agent --name b --bind 10.0.0.8:7946 --join 10.0.0.7:7946 --key-file cluster.key
  muster agent --name c --bind 127.0.0.1:0 --api 127.0.0.1:0 --join 127.0.0.1:7946`,
		Long: `Agent runs a member in the foreground. When it is up it prints one line,

  ready name=NAME addr=HOST:PORT api=HOST:PORT

and from then on logs to standard error. Seeds that do not answer yet are tried
on in the background. SIGTERM, SIGINT and "muster leave" make it leave the
cluster within 10 seconds and end; a second signal ends it at once.

The API has no password. It listens on the loopback interface unless told
otherwise; whoever can reach it can read and steer this member.`,
	}
	f.register(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return runAgent(cmd, f, std) }
	return cmd
}

func (f *agentFlags) register(cmd *cobra.Command) {
	fs := cmd.Flags()
	fs.SortFlags = false // the order below is the order of interest
	fs.StringVar(&f.name, "name", "", "`NAME` of this member, unique in the cluster (default the host name)")
	fs.StringVar(&f.bind, "bind", "", "`HOST:PORT` for the cluster, UDP and TCP; port 0 picks one (default 0.0.0.0:7946)")
	fs.StringVar(&f.advertise, "advertise", "", "`HOST:PORT` that others reach this member at (default found from --bind)")
	fs.StringArrayVar(&f.join, "join", nil, "`HOST:PORT` of a member to join through; repeatable")
	fs.StringVar(&f.label, "label", "", "`TEXT` that keeps clusters apart: only members with the same one talk")
	fs.StringVar(&f.keyFile, "key-file", "", "`FILE` of keys, one in base64 per line, the first in use; keep it mode 0600")
	fs.StringArrayVar(&f.keys, "key", nil, "`BASE64` key; repeatable, the first in use; other users can see it: prefer --key-file")
	f.profile = choiceFlag(cmd, "profile", "", "timing for this kind of network", "lan", "wan", "local")
	fs.StringVar(&f.meta, "meta", "", "`STRING` told to all members about this one, at most 1 MiB; beyond 512 bytes to muster members only")
	fs.StringVar(&f.api, "api", api.DefaultAddr, "`HOST:PORT` for the HTTP API; port 0 picks one")
	fs.BoolVar(&f.noCompression, "no-compression", false, "send without compression")
	f.logLevel = choiceFlag(cmd, "log-level", "", "least level logged", "info", "debug", "warn", "error")
	f.logFormat = choiceFlag(cmd, "log-format", "", "auto is text on a terminal and json otherwise", "auto", "text", "json")
	f.output = choiceFlag(cmd, "output", "o", "how to print the ready line", "table", "json")
	fs.BoolVar(&f.debugFaults, "debug-faults", false, "serve POST /debug/cut; for tests, not a stable interface")
	_ = fs.MarkHidden("debug-faults") // the flag exists: it was added above
}

func runAgent(cmd *cobra.Command, f agentFlags, std Streams) error {
	log := newLogger(std.Err, f.logLevel.value, f.logFormat.value, new(slog.LevelVar))
	cfg, err := f.config(log)
	if err != nil {
		return usage(cmd, err)
	}
	cfg.Logger = log
	a, err := agent.Start(agent.Options{Config: cfg, API: f.api, DebugFaults: f.debugFaults})
	if err != nil {
		return err
	}
	if !a.Loopback() {
		log.Warn("the API is reachable from other machines and has no password", "api", a.APIAddr())
	}
	self := a.Node().Local()
	ready := readyLine{Name: self.Name, Addr: self.Addr.String(), API: a.APIAddr()}
	if err := ready.print(cmd.OutOrStdout(), f.output.value); err != nil {
		return fmt.Errorf("print the ready line: %w", err)
	}
	return a.Wait(cmd.Context())
}

// config turns the flags into the library's configuration.
func (f *agentFlags) config(log *slog.Logger) (muster.Config, error) {
	presets := map[string]func() muster.Config{"lan": muster.LAN, "wan": muster.WAN, "local": muster.Local}
	cfg := presets[f.profile.value]()
	if f.name != "" {
		cfg.Name = f.name
	}
	if f.bind != "" {
		cfg.Bind = f.bind
	}
	cfg.Advertise = f.advertise
	cfg.Seeds = f.join
	cfg.Label = f.label
	cfg.Meta = []byte(f.meta)
	cfg.Compression = !f.noCompression
	keys, err := f.allKeys(log)
	if err != nil {
		return cfg, err
	}
	if len(keys) > 0 {
		if cfg.Keyring, err = wire.NewKeyring(keys, keys[0]); err != nil {
			return cfg, fmt.Errorf("keys: %w", err)
		}
	}
	return cfg, nil
}

// allKeys is --key first, then the file: the command line wins.
func (f *agentFlags) allKeys(log *slog.Logger) ([][]byte, error) {
	var keys [][]byte
	for _, s := range f.keys {
		key, err := parseKey(s)
		if err != nil {
			return nil, fmt.Errorf("--key: %w", err)
		}
		keys = append(keys, key)
	}
	if f.keyFile == "" {
		return keys, nil
	}
	more, open, err := readKeyFile(f.keyFile)
	if err != nil {
		return nil, err
	}
	if open {
		log.Warn("others may read the key file; chmod 600 it", "file", f.keyFile)
	}
	return append(keys, more...), nil
}

// readyLine tells whoever started the agent where it is.
type readyLine struct {
	Name string `json:"name"`
	Addr string `json:"addr"`
	API  string `json:"api"`
}

func (r readyLine) print(w io.Writer, output string) error {
	if output == "json" {
		return json.NewEncoder(w).Encode(r) // one line here, too
	}
	name := r.Name
	if strings.ContainsAny(name, " =\"") || printable(name) != name {
		name = strconv.Quote(name) // keeps the line one that can be split
	}
	_, err := fmt.Fprintf(w, "ready name=%s addr=%s api=%s\n", name, r.Addr, r.API)
	return err
}

// newLogger logs text for a person at a terminal and JSON for a collector.
// What is logged may be changed by way of least, which is set to level.
func newLogger(w io.Writer, level, format string, least *slog.LevelVar) *slog.Logger {
	levels := map[string]slog.Level{"debug": slog.LevelDebug, "info": slog.LevelInfo, "warn": slog.LevelWarn, "error": slog.LevelError}
	least.Set(levels[level])
	opts := slog.HandlerOptions{Level: least, ReplaceAttr: readable}
	if asText(w, format) {
		return slog.New(slog.NewTextHandler(w, &opts))
	}
	return slog.New(slog.NewJSONHandler(w, &opts))
}

// asText reports whether the log is for a person.
func asText(w io.Writer, format string) bool {
	return format == "text" || format == "auto" && isTerminal(w)
}

// readable has durations as a person writes them, in JSON as well.
func readable(_ []string, a slog.Attr) slog.Attr {
	if a.Value.Kind() == slog.KindDuration {
		a.Value = slog.StringValue(a.Value.Duration().String())
	}
	return a
}

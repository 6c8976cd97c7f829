// Package cli is the muster command: what the operator types, and what comes
// back. Data goes to standard output, everything else to standard error; every
// command that prints something also prints it as JSON with -o json, and that
// JSON is a promise (see the golden files in testdata).
//
// A flag on the command line wins over its MUSTER_* environment variable, and
// that over the default. How a command ended is told by its exit code; see the
// constants in exit.go.
package cli

import (
	"context"
	"io"
	"os"

	"github.com/spf13/cobra"
	"golang.org/x/term"
)

// Streams are where a command reads and writes.
type Streams struct {
	In       io.Reader
	Out, Err io.Writer
}

// Main runs one command line (without the program's name) and returns the
// exit code. When ctx ends, an agent leaves its cluster and other commands
// give up.
func Main(ctx context.Context, args []string, std Streams) int {
	root := newRoot(std)
	root.SetArgs(args)
	root.SetIn(std.In)
	root.SetOut(std.Out)
	root.SetErr(std.Err)
	return report(std.Err, root.ExecuteContext(ctx))
}

func newRoot(std Streams) *cobra.Command {
	root := &cobra.Command{
		Use: "muster",
		Example: `  # a service registry for Nacos clients, at 8848 and 9848, and what is in it
  muster server
  muster instance register orders 10.0.0.5:8080
  muster instance list orders

  # three members on one machine
  muster agent --name a --bind 127.0.0.1:7946 --api 127.0.0.1:7373
  muster agent --name b --bind 127.0.0.1:0 --api 127.0.0.1:0 --join 127.0.0.1:7946
  muster agent --name c --bind 127.0.0.1:0 --api 127.0.0.1:0 --join 127.0.0.1:7946

  # who is there, and what happens
  muster members
  muster events`,
		Long: `muster runs a service registry that Nacos clients work with, or a member of a
cluster, and asks those that run. Its members and those of hashicorp/memberlist
share one cluster.`,
		SilenceErrors: true, // report prints them
		SilenceUsage:  true, // an error has a hint instead
		Args:          unknownCommand,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error {
			return applyEnv(cmd.Flags(), os.LookupEnv)
		},
	}
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error { return usage(cmd, err) })
	root.SuggestionsMinimumDistance = 2
	root.SetUsageTemplate(usageTemplate)
	root.SetHelpTemplate(helpTemplate)
	root.AddGroup(
		&cobra.Group{ID: "run", Title: "Run a server or a member:"},
		&cobra.Group{ID: "registry", Title: "Ask a running server:"},
		&cobra.Group{ID: "look", Title: "Look at a running agent:"},
		&cobra.Group{ID: "act", Title: "Make a running agent do something:"},
	)
	add := func(group string, cmds ...*cobra.Command) {
		for _, c := range cmds {
			c.GroupID = group
			root.AddCommand(c)
		}
	}
	add("run", serverCommand(std), agentCommand(std), keygenCommand())
	add("registry", serviceCommand(), instanceCommand(), namespaceCommand(), clientCommand(), memberCommand(), raftCommand(std))
	add("look", membersCommand(), eventsCommand(), messagesCommand(), statsCommand())
	add("act", joinCommand(), leaveCommand(), metaCommand(), broadcastCommand(std), sendCommand(std), keyCommand(std))
	root.AddCommand(versionCommand())
	return root
}

// The help begins with examples: they are what most readers came for.
const helpTemplate = `{{if .HasExample}}Examples:
{{.Example}}

{{end}}{{with (or .Long .Short)}}{{. | trimTrailingWhitespaces}}

{{end}}{{.UsageString}}`

const usageTemplate = `Usage:{{if .Runnable}}
  {{.UseLine}}{{end}}{{if .HasAvailableSubCommands}}
  {{.CommandPath}} COMMAND{{$cmds := .Commands}}{{range $group := .Groups}}

{{.Title}}{{range $cmds}}{{if (and (eq .GroupID $group.ID) .IsAvailableCommand)}}
  {{rpad .Name .NamePadding}} {{.Short}}{{end}}{{end}}{{end}}{{if .Groups}}

Other:{{else}}

Commands:{{end}}{{range $cmds}}{{if (and (eq .GroupID "") (or .IsAvailableCommand (eq .Name "help")))}}
  {{rpad .Name .NamePadding}} {{.Short}}{{end}}{{end}}{{end}}{{if .HasAvailableLocalFlags}}

Flags:
{{.LocalFlags.FlagUsages | trimTrailingWhitespaces}}

A flag may also be given in the environment: --key-file as MUSTER_KEY_FILE, and
a repeatable one separated by commas. The command line wins.{{end}}

` + exitHelp + `
`

// isTerminal reports whether a person reads what is written to w.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

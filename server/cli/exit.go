package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/musterhq/muster"
	"github.com/musterhq/muster/server/agent"
	"github.com/musterhq/muster/server/api"
)

// The exit codes, a promise to scripts.
const (
	ExitOK          = 0
	ExitFailed      = 1 // the command was understood, and did not work
	ExitUsage       = 2 // the command line or the environment is wrong; nothing was done
	ExitNotFound    = 3 // what was named does not exist
	ExitUnreachable = 4 // nobody answers at --server or --api, or went away
)

const exitHelp = `Exit codes: 0 ok, 1 failed, 2 usage, 3 not found, 4 server or agent unreachable.`

// failure is an error that knows its exit code and what to try next.
type failure struct {
	code int
	hint string
	err  error
}

func (f *failure) Error() string { return f.err.Error() }
func (f *failure) Unwrap() error { return f.err }

// usage marks err as the caller's mistake on cmd's command line.
func usage(cmd *cobra.Command, err error) error {
	return &failure{ExitUsage, fmt.Sprintf(`"%s --help" shows how`, cmd.CommandPath()), err}
}

// report prints err as one line and a hint, and returns its exit code.
func report(w io.Writer, err error) int {
	if err == nil {
		return ExitOK
	}
	f := classify(err)
	_, _ = fmt.Fprintf(w, "muster: %s\n", oneLine(err.Error())) // stderr is gone: the code still tells
	if f.hint != "" {
		_, _ = fmt.Fprintf(w, "hint: %s\n", f.hint)
	}
	return f.code
}

func classify(err error) failure {
	var (
		f    *failure
		bind *agent.BindError
		said *api.Error
		// What the server finds wrong with its ports and its directory.
		hinting interface {
			error
			Hint() string
		}
	)
	if f, ok := classifyAdmin(err); ok {
		return f
	}
	switch {
	case errors.As(err, &f):
		return *f
	case errors.As(err, &bind):
		return failure{code: ExitFailed, hint: bind.Hint()}
	case errors.As(err, &hinting):
		return failure{code: ExitFailed, hint: hinting.Hint()}
	case errors.Is(err, muster.ErrConfig):
		return failure{code: ExitUsage, hint: `"muster agent --help" shows the flags`}
	case errors.As(err, &said) && said.Status == http.StatusNotFound:
		return failure{code: ExitNotFound, hint: said.Hint}
	case errors.As(err, &said):
		return failure{code: ExitFailed, hint: said.Hint}
	case errors.Is(err, api.ErrBroken):
		return failure{code: ExitUnreachable, hint: "the agent died, or this reader was too slow for it"}
	case errors.Is(err, api.ErrUnreachable):
		return failure{code: ExitUnreachable, hint: `start one with "muster agent", or give its address with --api HOST:PORT`}
	case errors.Is(err, context.Canceled):
		return failure{code: ExitFailed}
	}
	return failure{code: ExitFailed}
}

// oneLine makes an error a single lower-case line: errors.Join uses several,
// and cobra and the operating system capitalise as they like. A first word in
// capitals, as an option's or a protocol's name, stays.
func oneLine(s string) string {
	s = strings.ReplaceAll(strings.TrimSpace(s), "\n", "; ")
	first, n := utf8.DecodeRuneInString(s)
	second, _ := utf8.DecodeRuneInString(s[n:])
	if unicode.IsUpper(first) && unicode.IsLower(second) {
		return string(unicode.ToLower(first)) + s[n:]
	}
	return s
}

// unknownCommand is the root's argument check: whatever is left over was meant
// as a command.
func unknownCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	err := fmt.Errorf("unknown command %q", args[0])
	if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
		return &failure{ExitUsage, fmt.Sprintf("did you mean %q?", near[0]), err}
	}
	return usage(cmd, err)
}

// args makes cobra's argument checks usage errors.
func args(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(cmd *cobra.Command, given []string) error {
		if err := check(cmd, given); err != nil {
			return usage(cmd, err)
		}
		return nil
	}
}

// noArgs says what is wrong, where cobra's own calls it an unknown command.
func noArgs(cmd *cobra.Command, given []string) error {
	if len(given) > 0 {
		return usage(cmd, fmt.Errorf("unexpected argument %q", given[0]))
	}
	return nil
}

package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/musterhq/muster/server/api"
)

// answerTimeout bounds a command that asks an agent one thing. Leaving is the
// slowest of them.
const answerTimeout = 15 * time.Second

// choice is a flag that takes one of a few words.
type choice struct {
	value string
	words []string
}

func (c *choice) String() string { return c.value }
func (c *choice) Type() string   { return strings.Join(c.words, "|") }

func (c *choice) Set(s string) error {
	if !slices.Contains(c.words, s) {
		return fmt.Errorf("want one of %s", strings.Join(c.words, ", "))
	}
	c.value = s
	return nil
}

// choiceFlag adds a choice with completion; the first word is the default.
func choiceFlag(cmd *cobra.Command, name, short, help string, words ...string) *choice {
	c := &choice{words[0], words}
	cmd.Flags().VarP(c, name, short, help)
	// The flag was just added, so this cannot fail.
	_ = cmd.RegisterFlagCompletionFunc(name, cobra.FixedCompletions(words, cobra.ShellCompDirectiveNoFileComp))
	return c
}

func outputFlag(cmd *cobra.Command) *choice {
	return choiceFlag(cmd, "output", "o", "how to print", "table", "json")
}

// apiFlag adds --api to a command that asks a running agent.
func apiFlag(flags *pflag.FlagSet) *string {
	return flags.String("api", api.DefaultAddr, "`HOST:PORT` of the agent's API")
}

// client makes the API client for --api.
func client(cmd *cobra.Command, addr string) (*api.Client, error) {
	c, err := api.NewClient(addr)
	if err != nil {
		return nil, usage(cmd, fmt.Errorf("--api %q: want HOST:PORT", addr))
	}
	return c, nil
}

// ask makes the body of a command that asks the agent at *addr one thing, in
// bounded time.
func ask(addr *string, do func(ctx context.Context, cmd *cobra.Command, c *api.Client, args []string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		c, err := client(cmd, *addr)
		if err != nil {
			return err
		}
		ctx, cancel := context.WithTimeout(cmd.Context(), answerTimeout)
		defer cancel()
		return do(ctx, cmd, c, args)
	}
}

// completeMembers offers the names a running agent knows.
func completeMembers(addr *string) cobra.CompletionFunc {
	return func(cmd *cobra.Command, _ []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
		c, err := api.NewClient(*addr)
		if err != nil {
			return nil, cobra.ShellCompDirectiveError
		}
		ctx, cancel := context.WithTimeout(cmd.Context(), time.Second)
		defer cancel()
		members, err := c.Members(ctx)
		if err != nil {
			return nil, cobra.ShellCompDirectiveError
		}
		var names []cobra.Completion
		for _, m := range members {
			names = append(names, m.Name)
		}
		return names, cobra.ShellCompDirectiveNoFileComp
	}
}

package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/musterhq/muster/server/admin"
)

// serverAsk are the flags of a command that asks a server.
type serverAsk struct {
	addr, token, user string
}

func (a *serverAsk) register(cmd *cobra.Command) {
	fs := cmd.Flags()
	fs.StringVar(&a.addr, "server", admin.DefaultAddr, "`HOST:PORT` of any server's HTTP, or its URL")
	fs.StringVar(&a.token, "token", "", "`TOKEN` of a login; other users can see it: prefer MUSTER_TOKEN")
	fs.StringVar(&a.user, "user", "", "`NAME` to log in as, with the password in MUSTER_PASSWORD")
}

// ask makes the body of a command that asks a server, in bounded time.
func (a *serverAsk) ask(do func(ctx context.Context, cmd *cobra.Command, c *admin.Client, args []string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		c, err := admin.New(a.addr, a.token)
		if err != nil {
			return usage(cmd, fmt.Errorf("--server: %w", err))
		}
		ctx, cancel := context.WithTimeout(cmd.Context(), answerTimeout)
		defer cancel()
		if a.user != "" {
			if err := c.Login(ctx, a.user, os.Getenv("MUSTER_PASSWORD")); err != nil {
				return err
			}
		}
		return do(ctx, cmd, c, args)
	}
}

// serviceAsk adds the flags that name a service beside its name.
type serviceAsk struct {
	serverAsk
	namespace, group string
}

func (a *serviceAsk) register(cmd *cobra.Command) {
	cmd.Flags().StringVarP(&a.namespace, "namespace", "n", "public", "`ID` of the namespace")
	cmd.Flags().StringVarP(&a.group, "group", "g", "DEFAULT_GROUP", "`GROUP` of the service; or say GROUP@@SERVICE")
	a.serverAsk.register(cmd)
}

// key names the service of an argument.
func (a *serviceAsk) key(name string) admin.Key {
	k := admin.Key{Namespace: a.namespace, Group: a.group, Name: name}
	if g, n, ok := strings.Cut(name, "@@"); ok {
		k.Group, k.Name = g, n
	}
	return k
}

// nouns makes a command that only has others under it.
func nouns(use, short, example string, cmds ...*cobra.Command) *cobra.Command {
	cmd := &cobra.Command{Use: use, Short: short, Example: example, Args: unknownCommand, RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() }}
	cmd.AddCommand(cmds...)
	return cmd
}

// classifyAdmin tells how a command that asked a server has ended; ok is false
// if it was something else.
func classifyAdmin(err error) (f failure, ok bool) {
	var said *admin.Error
	switch {
	case errors.As(err, &said) && said.NotFound():
		return failure{code: ExitNotFound}, true
	case errors.As(err, &said) && (said.Status == 401 || said.Status == 403):
		return failure{code: ExitFailed, hint: "log in with --user NAME and MUSTER_PASSWORD, or give a --token"}, true
	case errors.As(err, &said) && said.Status == 503:
		return failure{code: ExitFailed, hint: `the server is not ready; "muster member list" and "muster raft status" tell more`}, true
	case errors.As(err, &said):
		return failure{code: ExitFailed}, true
	case errors.Is(err, admin.ErrUnreachable):
		return failure{code: ExitUnreachable, hint: `start one with "muster server", or give its address with --server HOST:PORT`}, true
	}
	return failure{}, false
}

func mark(yes bool) string {
	if yes {
		return "yes"
	}
	return "no"
}

// short is enough of an id to tell servers apart.
func short(id string) string {
	if len(id) == 36 && strings.Count(id, "-") == 4 {
		return id[:8]
	}
	return id
}

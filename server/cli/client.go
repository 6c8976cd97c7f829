package cli

import (
	"context"
	"io"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/musterhq/muster/server/admin"
)

func clientCommand() *cobra.Command {
	return nouns("client", "List the clients of all servers, and show one", `  muster client list
  muster client get 1795301530684_10.0.0.5_44656`, clientListCommand(), clientGetCommand())
}

func clientListCommand() *cobra.Command {
	var a serverAsk
	var limit int
	cmd := &cobra.Command{
		Use: "list", Short: "List clients", Args: noArgs,
		Example: `  muster client list
  muster client list -o json | jq -r '.[] | select(.kind == "grpc") | .version' | sort | uniq -c`,
		Long: `List lists clients: connections by gRPC, addresses that register by HTTP, and
for each persistent instance one that stands for it. What program a client is,
only the server knows that holds it; ask that one.`,
	}
	a.register(cmd)
	cmd.Flags().IntVar(&limit, "limit", 1000, "clients, at most")
	output := outputFlag(cmd)
	cmd.RunE = a.ask(func(ctx context.Context, cmd *cobra.Command, c *admin.Client, _ []string) error {
		list, err := c.Clients(ctx, limit)
		if err != nil {
			return err
		}
		if output.value == "json" {
			return printJSON(cmd.OutOrStdout(), list)
		}
		rows := [][]string{{"ID", "KIND", "SERVER", "VERSION", "APP", "SERVICES"}}
		for _, c := range list {
			rows = append(rows, []string{printable(c.ID), c.Kind, short(c.Server), printable(c.Version), printable(c.App), strconv.Itoa(c.Services)})
		}
		return table(cmd.OutOrStdout(), rows)
	})
	return cmd
}

func clientGetCommand() *cobra.Command {
	var a serverAsk
	cmd := &cobra.Command{
		Use: "get ID", Short: "Show a client and what it has registered", Args: args(cobra.ExactArgs(1)),
		Example: `  muster client get 1795301530684_10.0.0.5_44656
  muster client get '10.0.0.5:8080#true' -o json`,
	}
	a.register(cmd)
	output := outputFlag(cmd)
	cmd.RunE = a.ask(func(ctx context.Context, cmd *cobra.Command, c *admin.Client, args []string) error {
		r, err := c.Client(ctx, args[0])
		if err != nil {
			return err
		}
		if output.value == "json" {
			return printJSON(cmd.OutOrStdout(), r)
		}
		return clientTable(cmd.OutOrStdout(), &r)
	})
	return cmd
}

func clientTable(w io.Writer, c *admin.Registrant) error {
	rows := [][]string{
		{"id", printable(c.ID)}, {"kind", c.Kind}, {"server", c.Server}, {"version", printable(c.Version)}, {"app", printable(c.App)},
		{"labels", pairs(c.Labels)},
	}
	if !c.Updated.IsZero() {
		rows = append(rows, []string{"updated", c.Updated.Local().Format(time.RFC3339)})
	}
	for _, p := range c.Published {
		rows = append(rows, []string{"registered", printable(p.Namespace) + " " + printable(p.Group) + "@@" + printable(p.Service) + "  instances=" + strconv.Itoa(p.Instances)})
	}
	return table(w, rows)
}

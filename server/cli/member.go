package cli

import (
	"context"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/musterhq/muster/server/admin"
)

func memberCommand() *cobra.Command {
	return nouns("member", "List the servers of a registry's cluster", `  muster member list`, memberListCommand())
}

func memberListCommand() *cobra.Command {
	var a serverAsk
	cmd := &cobra.Command{
		Use: "list", Short: "List the servers", Args: noArgs,
		Example: `  muster member list
  muster member list -o json | jq -r '.[] | select(.ready | not) | .http'`,
		Long: `List lists the servers as the one that is asked knows them: also those that are
dead or have left, for a few minutes. A server is "muster server"; members that
run "muster agent" are listed by "muster members".`,
	}
	a.register(cmd)
	output := outputFlag(cmd)
	cmd.RunE = a.ask(func(ctx context.Context, cmd *cobra.Command, c *admin.Client, _ []string) error {
		list, err := c.Members(ctx)
		if err != nil {
			return err
		}
		if output.value == "json" {
			return printJSON(cmd.OutOrStdout(), list)
		}
		rows := [][]string{{"ID", "HTTP", "GRPC", "GOSSIP", "STATE", "READY", "RAFT", "LAG", "VERSION", "WHY"}}
		for _, m := range list {
			state := m.State
			if m.Leaving {
				state = "leaving"
			}
			why := m.Reason
			if m.Disk != "" {
				why = "disk: " + m.Disk
			}
			rows = append(rows, []string{
				short(m.ID), m.HTTP, m.GRPC, m.Gossip, state, mark(m.Ready), m.Role, strconv.FormatUint(m.Lag, 10), printable(m.Version), printable(why),
			})
		}
		return table(cmd.OutOrStdout(), rows)
	})
	return cmd
}

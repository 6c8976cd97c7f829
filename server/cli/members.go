package cli

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/musterhq/muster/server/api"
)

func membersCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "members [NAME...]",
		Short: "List the members an agent knows",
		Example: `  muster members
  muster members web-1
  muster members -o json | jq -r '.[] | select(.state == "alive") | .addr'`,
		Long: `Members lists what the agent at --api knows of its cluster: the alive, the
suspect, and those dead or left that it still remembers.

With NAMEs it lists only those, and ends with code 3 if one is not known.`,
	}
	addr, output := apiFlag(cmd.Flags()), outputFlag(cmd)
	cmd.ValidArgsFunction = completeMembers(addr)
	cmd.RunE = ask(addr, func(ctx context.Context, cmd *cobra.Command, c *api.Client, names []string) error {
		members, err := c.Members(ctx)
		if err != nil {
			return err
		}
		missing := ""
		if len(names) > 0 {
			members, missing = pick(members, names)
		}
		if output.value == "json" {
			err = printJSON(cmd.OutOrStdout(), members)
		} else {
			err = membersTable(cmd.OutOrStdout(), members)
		}
		if err == nil && missing != "" {
			err = &failure{ExitNotFound, `"muster members" without a name lists all`, fmt.Errorf("no member named %q", missing)}
		}
		return err
	})
	return cmd
}

// pick returns the members with those names, and one name that none has.
func pick(members []api.Member, names []string) (found []api.Member, missing string) {
	found = []api.Member{} // JSON wants [] and not null
	for _, name := range names {
		i := slices.IndexFunc(members, func(m api.Member) bool { return m.Name == name })
		if i < 0 {
			missing = name
			continue
		}
		found = append(found, members[i])
	}
	return found, missing
}

func membersTable(w io.Writer, members []api.Member) error {
	rows := [][]string{{"NAME", "ADDR", "STATE", "INCARNATION", "META"}}
	for _, m := range members {
		rows = append(rows, []string{
			printable(m.Name), m.Addr, m.State,
			strconv.FormatUint(uint64(m.Incarnation), 10), metaText(m),
		})
	}
	return table(w, rows)
}

func metaText(m api.Member) string {
	if m.MetaBytes != nil {
		return printable(string(m.MetaBytes))
	}
	return printable(m.Meta)
}

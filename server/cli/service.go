package cli

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/musterhq/muster/server/admin"
)

func serviceCommand() *cobra.Command {
	return nouns("service", "List services, and show one", `  muster service list
  muster service get orders`, serviceListCommand(), serviceGetCommand())
}

func serviceListCommand() *cobra.Command {
	var a serverAsk
	var namespace, group string
	var limit int
	cmd := &cobra.Command{
		Use:   "list [TEXT]",
		Short: "List services",
		Args:  args(cobra.MaximumNArgs(1)),
		Example: `  muster service list
  muster service list order
  muster service list -n prod -g PAYMENTS -o json | jq -r '.[] | select(.healthy == 0) | .name'`,
		Long: `List lists the services of a namespace, with TEXT those whose name contains it.
Protected are those of which so few instances are healthy that all are listed.`,
	}
	cmd.Flags().StringVarP(&namespace, "namespace", "n", "public", "`ID` of the namespace")
	cmd.Flags().StringVarP(&group, "group", "g", "", "`TEXT` that the group contains (default any)")
	cmd.Flags().IntVar(&limit, "limit", 1000, "services, at most")
	a.register(cmd)
	output := outputFlag(cmd)
	cmd.RunE = a.ask(func(ctx context.Context, cmd *cobra.Command, c *admin.Client, args []string) error {
		list, err := c.Services(ctx, namespace, group, strings.Join(args, ""), limit)
		if err != nil {
			return err
		}
		if output.value == "json" {
			return printJSON(cmd.OutOrStdout(), list)
		}
		rows := [][]string{{"GROUP", "NAME", "CLUSTERS", "INSTANCES", "HEALTHY", "PROTECTED"}}
		for _, s := range list {
			rows = append(rows, []string{
				printable(s.Group), printable(s.Name), strconv.Itoa(s.Clusters), strconv.Itoa(s.Instances), strconv.Itoa(s.Healthy), mark(s.Protected),
			})
		}
		return table(cmd.OutOrStdout(), rows)
	})
	return cmd
}

func serviceGetCommand() *cobra.Command {
	var a serviceAsk
	cmd := &cobra.Command{
		Use:   "get SERVICE",
		Short: "Show a service",
		Args:  args(cobra.ExactArgs(1)),
		Example: `  muster service get orders
  muster service get PAYMENTS@@orders -o json`,
	}
	a.register(cmd)
	output := outputFlag(cmd)
	cmd.RunE = a.ask(func(ctx context.Context, cmd *cobra.Command, c *admin.Client, args []string) error {
		s, err := c.Service(ctx, a.key(args[0]))
		if err != nil {
			return err
		}
		if output.value == "json" {
			return printJSON(cmd.OutOrStdout(), s)
		}
		return serviceTable(cmd.OutOrStdout(), &s)
	})
	return cmd
}

func serviceTable(w io.Writer, s *admin.ServiceDetail) error {
	kind := "persistent"
	if s.Ephemeral {
		kind = "ephemeral"
	}
	rows := [][]string{
		{"namespace", printable(s.Namespace)}, {"group", printable(s.Group)}, {"name", printable(s.Name)}, {"kind", kind},
		{"protect threshold", strconv.FormatFloat(s.ProtectThreshold, 'g', -1, 64)}, {"selector", printable(s.Selector)},
		{"metadata", pairs(s.Metadata)}, {"subscribers", strconv.Itoa(s.Subscribers)},
	}
	for _, c := range s.Clusters {
		rows = append(rows, []string{"cluster", fmt.Sprintf("%s  checker=%s  %s", printable(c.Name), printable(c.Checker), pairs(c.Metadata))})
	}
	return table(w, rows)
}

// pairs prints metadata on one line.
func pairs(m map[string]string) string {
	var out []string
	for _, k := range slices.Sorted(maps.Keys(m)) {
		out = append(out, printable(k)+"="+printable(m[k]))
	}
	return strings.Join(out, " ")
}

package cli

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/musterhq/muster/server/admin"
)

func namespaceCommand() *cobra.Command {
	return nouns("namespace", "List, create and delete namespaces", `  muster namespace list
  muster namespace create prod --name Production
  muster namespace delete prod`, namespaceListCommand(), namespaceCreateCommand(), namespaceDeleteCommand())
}

func namespaceListCommand() *cobra.Command {
	var a serverAsk
	cmd := &cobra.Command{
		Use: "list", Short: "List namespaces", Args: noArgs,
		Example: `  muster namespace list
  muster namespace list -o json | jq -r '.[].id'`,
	}
	a.register(cmd)
	output := outputFlag(cmd)
	cmd.RunE = a.ask(func(ctx context.Context, cmd *cobra.Command, c *admin.Client, _ []string) error {
		list, err := c.Namespaces(ctx)
		if err != nil {
			return err
		}
		if output.value == "json" {
			return printJSON(cmd.OutOrStdout(), list)
		}
		rows := [][]string{{"ID", "NAME", "DESCRIPTION"}}
		for _, n := range list {
			rows = append(rows, []string{printable(n.ID), printable(n.Name), printable(n.Description)})
		}
		return table(cmd.OutOrStdout(), rows)
	})
	return cmd
}

func namespaceCreateCommand() *cobra.Command {
	var a serverAsk
	var n admin.Namespace
	cmd := &cobra.Command{
		Use: "create ID", Short: "Create a namespace", Args: args(cobra.ExactArgs(1)),
		Example: `  muster namespace create prod --name Production --description "what customers see"`,
	}
	a.register(cmd)
	cmd.Flags().StringVar(&n.Name, "name", "", "`NAME` for people (default the ID)")
	cmd.Flags().StringVar(&n.Description, "description", "", "`TEXT` about it")
	output := outputFlag(cmd)
	cmd.RunE = a.ask(func(ctx context.Context, cmd *cobra.Command, c *admin.Client, args []string) error {
		if n.ID = args[0]; n.Name == "" {
			n.Name = n.ID
		}
		if err := c.CreateNamespace(ctx, n); err != nil {
			return err
		}
		return say(cmd.OutOrStdout(), output.value, n, "created %s", printable(n.ID))
	})
	return cmd
}

func namespaceDeleteCommand() *cobra.Command {
	var a serverAsk
	cmd := &cobra.Command{
		Use: "delete ID", Short: "Delete a namespace", Args: args(cobra.ExactArgs(1)),
		Example: `  muster namespace delete prod`,
		Long:    `Delete forgets a namespace and its name. What is registered in it stays.`,
	}
	a.register(cmd)
	output := outputFlag(cmd)
	cmd.RunE = a.ask(func(ctx context.Context, cmd *cobra.Command, c *admin.Client, args []string) error {
		if err := c.DeleteNamespace(ctx, args[0]); err != nil {
			return err
		}
		return say(cmd.OutOrStdout(), output.value, map[string]bool{"ok": true}, "deleted %s", printable(args[0]))
	})
	return cmd
}

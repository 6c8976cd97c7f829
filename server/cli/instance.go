package cli

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/musterhq/muster/server/admin"
)

func instanceCommand() *cobra.Command {
	return nouns("instance", "List, register and deregister instances", `  muster instance list orders
  muster instance register orders 10.0.0.5:8080
  muster instance deregister orders 10.0.0.5:8080`, instanceListCommand(), instanceRegisterCommand(), instanceDeregisterCommand())
}

func instanceListCommand() *cobra.Command {
	var a serviceAsk
	var cluster string
	var healthy bool
	cmd := &cobra.Command{
		Use:   "list SERVICE",
		Short: "List the instances of a service",
		Args:  args(cobra.ExactArgs(1)),
		Example: `  muster instance list orders
  muster instance list orders --healthy -o json | jq -r '.[] | "\(.ip):\(.port)"'`,
	}
	a.register(cmd)
	cmd.Flags().StringVar(&cluster, "cluster", "", "only those of the `CLUSTER`")
	cmd.Flags().BoolVar(&healthy, "healthy", false, "only those that are healthy")
	output := outputFlag(cmd)
	cmd.RunE = a.ask(func(ctx context.Context, cmd *cobra.Command, c *admin.Client, args []string) error {
		list, err := c.Instances(ctx, a.key(args[0]), cluster, healthy)
		if err != nil {
			return err
		}
		if output.value == "json" {
			return printJSON(cmd.OutOrStdout(), list)
		}
		rows := [][]string{{"ADDR", "CLUSTER", "WEIGHT", "HEALTHY", "ENABLED", "EPHEMERAL", "METADATA"}}
		for _, i := range list {
			rows = append(rows, []string{
				printable(net.JoinHostPort(i.IP, strconv.Itoa(i.Port))), printable(i.Cluster), strconv.FormatFloat(i.Weight, 'g', -1, 64),
				mark(i.Healthy), mark(i.Enabled), mark(i.Ephemeral), pairs(i.Metadata),
			})
		}
		return table(cmd.OutOrStdout(), rows)
	})
	return cmd
}

// instanceAddr reads HOST:PORT.
func instanceAddr(cmd *cobra.Command, s string) (host string, port int, err error) {
	host, p, err := net.SplitHostPort(s)
	if err == nil {
		var n uint64
		if n, err = strconv.ParseUint(p, 10, 16); err == nil && host != "" {
			return host, int(n), nil
		}
	}
	return "", 0, usage(cmd, fmt.Errorf("instance %q: want HOST:PORT", s))
}

func instanceRegisterCommand() *cobra.Command {
	var a serviceAsk
	i := admin.Instance{Healthy: true}
	var disabled bool
	var meta []string
	cmd := &cobra.Command{
		Use:   "register SERVICE HOST:PORT",
		Short: "Register an instance",
		Args:  args(cobra.ExactArgs(2)),
		Example: `  muster instance register orders 10.0.0.5:8080
  muster instance register orders 10.0.0.5:8080 --weight 2 --cluster eu --meta zone=a --meta version=7`,
		Long: `Register registers an instance, which stays until it is deregistered. Servers
check by TCP whether it answers, unless the service says otherwise.

With --ephemeral it stays for 30 seconds, or as long as somebody beats for it.
A service has either the one kind or the other.`,
	}
	a.register(cmd)
	fs := cmd.Flags()
	fs.BoolVar(&i.Ephemeral, "ephemeral", false, "it goes unless somebody beats for it")
	fs.StringVar(&i.Cluster, "cluster", "DEFAULT", "`CLUSTER` it is of")
	fs.Float64Var(&i.Weight, "weight", 1, "share of the calls that it is to get")
	fs.BoolVar(&disabled, "disabled", false, "it is listed to nobody yet")
	fs.StringArrayVar(&meta, "meta", nil, "`KEY=VALUE` of its metadata; repeatable")
	output := outputFlag(cmd)
	cmd.RunE = a.ask(func(ctx context.Context, cmd *cobra.Command, c *admin.Client, args []string) (err error) {
		if i.IP, i.Port, err = instanceAddr(cmd, args[1]); err != nil {
			return err
		}
		i.Enabled, i.Metadata = !disabled, map[string]string{}
		for _, m := range meta {
			k, v, ok := strings.Cut(m, "=")
			if !ok || k == "" {
				return usage(cmd, fmt.Errorf("--meta %q: want KEY=VALUE", m))
			}
			i.Metadata[k] = v
		}
		if err := c.Register(ctx, a.key(args[0]), i); err != nil {
			return err
		}
		return say(cmd.OutOrStdout(), output.value, i, "registered %s in %s", args[1], printable(args[0]))
	})
	return cmd
}

func instanceDeregisterCommand() *cobra.Command {
	var a serviceAsk
	var i admin.Instance
	cmd := &cobra.Command{
		Use:     "deregister SERVICE HOST:PORT",
		Short:   "Deregister an instance",
		Args:    args(cobra.ExactArgs(2)),
		Example: `  muster instance deregister orders 10.0.0.5:8080`,
		Long: `Deregister takes an instance out that was registered by this command line or by
HTTP. That it is not there is no error. One that a client holds a connection for
goes with the client.`,
	}
	a.register(cmd)
	cmd.Flags().BoolVar(&i.Ephemeral, "ephemeral", false, "it was registered as ephemeral")
	cmd.Flags().StringVar(&i.Cluster, "cluster", "DEFAULT", "`CLUSTER` it is of")
	output := outputFlag(cmd)
	cmd.RunE = a.ask(func(ctx context.Context, cmd *cobra.Command, c *admin.Client, args []string) (err error) {
		if i.IP, i.Port, err = instanceAddr(cmd, args[1]); err != nil {
			return err
		}
		if err := c.Deregister(ctx, a.key(args[0]), i); err != nil {
			return err
		}
		return say(cmd.OutOrStdout(), output.value, map[string]bool{"ok": true}, "deregistered %s from %s", args[1], printable(args[0]))
	})
	return cmd
}

package cli

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/musterhq/muster/server/api"
)

// maxPayload bounds what is read from standard input; the agent's own bound is
// in the same order.
const maxPayload = 4 << 20

func joinCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "join HOST:PORT...",
		Short:   "Join a cluster through some of its members",
		Args:    args(cobra.MinimumNArgs(1)),
		Example: `  muster join 10.0.0.7:7946`,
	}
	addr, output := apiFlag(cmd.Flags()), outputFlag(cmd)
	cmd.RunE = ask(addr, func(ctx context.Context, cmd *cobra.Command, c *api.Client, seeds []string) error {
		result, err := c.Join(ctx, seeds...)
		if err != nil {
			return err
		}
		return say(cmd.OutOrStdout(), output.value, result, "joined through %d of %d", result.Joined, len(seeds))
	})
	return cmd
}

func leaveCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "leave",
		Short: "Leave the cluster and end the agent",
		Args:  noArgs,
		Example: `  muster leave
  muster leave --api 127.0.0.1:7374`,
		Long: `Leave tells the agent's cluster that this member goes, so that nobody takes it
for dead, and then ends the agent. SIGTERM to the agent does the same.`,
	}
	addr, output := apiFlag(cmd.Flags()), outputFlag(cmd)
	cmd.RunE = ask(addr, func(ctx context.Context, cmd *cobra.Command, c *api.Client, _ []string) error {
		if err := c.Leave(ctx); err != nil {
			return err
		}
		return say(cmd.OutOrStdout(), output.value, api.Done{OK: true}, "left")
	})
	return cmd
}

func metaCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "meta TEXT",
		Short: "Change what the agent says about itself",
		Args:  args(cobra.ExactArgs(1)),
		Example: `  muster meta '{"role":"web","weight":3}'
  muster meta ''`,
		Long: `Meta replaces the agent's metadata, at most 1 MiB, and tells the cluster. memberlist
members see up to 512 bytes of it, or none.`,
	}
	addr, output := apiFlag(cmd.Flags()), outputFlag(cmd)
	cmd.RunE = ask(addr, func(ctx context.Context, cmd *cobra.Command, c *api.Client, args []string) error {
		if err := c.SetMeta(ctx, args[0]); err != nil {
			return err
		}
		return say(cmd.OutOrStdout(), output.value, api.Done{OK: true}, "ok")
	})
	return cmd
}

func broadcastCommand(std Streams) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "broadcast TEXT|-",
		Short: "Send a message to every member",
		Args:  args(cobra.ExactArgs(1)),
		Example: `  muster broadcast 'reload'
  muster broadcast - < message.bin`,
		Long: `Broadcast gossips a message to every member. "-" reads it from standard input.`,
	}
	addr, output := apiFlag(cmd.Flags()), outputFlag(cmd)
	cmd.RunE = ask(addr, func(ctx context.Context, cmd *cobra.Command, c *api.Client, args []string) error {
		payload, err := argument(std.In, args[0])
		if err != nil {
			return err
		}
		if err := c.Broadcast(ctx, payload); err != nil {
			return err
		}
		return say(cmd.OutOrStdout(), output.value, api.Done{OK: true}, "ok")
	})
	return cmd
}

func sendCommand(std Streams) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "send NAME TEXT|-",
		Short: "Send a message to one member",
		Args:  args(cobra.ExactArgs(2)),
		Example: `  muster send web-1 'reload'
  muster send web-1 --packet 'a hint that may be lost'`,
		Long: `Send delivers a message to one member over a stream, or with --packet tries to,
in one packet. "-" reads it from standard input. An unknown NAME ends with
code 3.`,
	}
	addr, output := apiFlag(cmd.Flags()), outputFlag(cmd)
	packet := cmd.Flags().Bool("packet", false, "one packet, which may be lost")
	cmd.ValidArgsFunction = completeMembers(addr)
	cmd.RunE = ask(addr, func(ctx context.Context, cmd *cobra.Command, c *api.Client, args []string) error {
		payload, err := argument(std.In, args[1])
		if err != nil {
			return err
		}
		if err := c.Send(ctx, args[0], payload, !*packet); err != nil {
			return err
		}
		return say(cmd.OutOrStdout(), output.value, api.Done{OK: true}, "ok")
	})
	return cmd
}

// argument returns the bytes that an argument stands for: itself, or standard
// input for "-".
func argument(in io.Reader, arg string) ([]byte, error) {
	if arg != "-" {
		return []byte(arg), nil
	}
	b, err := io.ReadAll(io.LimitReader(in, maxPayload+1))
	if err != nil {
		return nil, fmt.Errorf("read standard input: %w", err)
	}
	if len(b) > maxPayload {
		return nil, fmt.Errorf("standard input exceeds %d bytes", maxPayload)
	}
	return b, nil
}

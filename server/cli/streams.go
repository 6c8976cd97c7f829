package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/musterhq/muster/server/api"
)

// clock is how streams show time: the reader is watching, so the day is known.
const clock = "15:04:05.000"

func eventsCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "events",
		Short: "Watch members come and go",
		Args:  noArgs,
		Example: `  muster events
  muster events -o json | jq -r 'select(.kind == "failed") | .member.name'`,
		Long: `Events prints what happens in the agent's cluster as it happens, beginning with
a join for each member already known. With -o json each event is one line.

It ends with code 0 when the agent closes, and with code 4 if the agent dies.`,
	}
	addr, output := apiFlag(cmd.Flags()), outputFlag(cmd)
	cmd.RunE = follow(addr, func(ctx context.Context, c *api.Client) error {
		out := cmd.OutOrStdout()
		lines := json.NewEncoder(out)
		return c.Events(ctx, func(e api.Event) error {
			if output.value == "json" {
				return lines.Encode(e)
			}
			_, err := fmt.Fprintln(out, eventLine(e, time.Local))
			return err
		})
	})
	return cmd
}

func eventLine(e api.Event, zone *time.Location) string {
	line := fmt.Sprintf("%s  %-9s  %s  %s  %s  incarnation %d", e.Time.In(zone).Format(clock), e.Kind,
		printable(e.Member.Name), e.Member.Addr, e.Member.State, e.Member.Incarnation)
	if meta := metaText(e.Member); meta != "" {
		line += "  " + meta
	}
	return line
}

func messagesCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "messages",
		Short: "Watch the user messages an agent receives",
		Args:  noArgs,
		Example: `  muster messages
  muster messages --recent -o json`,
		Long: `Messages prints the user messages the agent receives from now on, or with
--recent those it still remembers (at most the last 1000). Payloads are base64
in JSON.`,
	}
	addr, output := apiFlag(cmd.Flags()), outputFlag(cmd)
	recent := cmd.Flags().Bool("recent", false, "print what was received already, and end")
	cmd.RunE = follow(addr, func(ctx context.Context, c *api.Client) error {
		out := cmd.OutOrStdout()
		lines := json.NewEncoder(out)
		show := func(m api.Message) error {
			if output.value == "json" {
				return lines.Encode(m)
			}
			_, err := fmt.Fprintln(out, messageLine(m, time.Local))
			return err
		}
		if !*recent {
			return c.Messages(ctx, show)
		}
		got, err := c.Recent(ctx)
		if err != nil {
			return err
		}
		if output.value == "json" {
			return printJSON(out, got)
		}
		for _, m := range got {
			if err := show(m); err != nil {
				return err
			}
		}
		return nil
	})
	return cmd
}

func messageLine(m api.Message, zone *time.Location) string {
	how := "packet"
	switch {
	case m.Broadcast:
		how = "broadcast"
	case m.Reliable:
		how = "stream"
	}
	return fmt.Sprintf("%s  %-9s  %-21s  %s", m.Time.In(zone).Format(clock), how, m.From, printable(string(m.Payload)))
}

// follow makes the body of a command that reads until the agent or the
// operator ends it. The operator's Ctrl-C is how one stops watching, and so no
// failure.
func follow(addr *string, do func(context.Context, *api.Client) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, _ []string) error {
		c, err := client(cmd, *addr)
		if err != nil {
			return err
		}
		if err := do(cmd.Context(), c); !errors.Is(err, context.Canceled) {
			return err
		}
		return nil
	}
}

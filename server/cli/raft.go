package cli

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/musterhq/muster/server/admin"
	"github.com/musterhq/muster/server/app"
)

func raftCommand(std Streams) *cobra.Command {
	return nouns("raft", "Look after what the servers agree on", `  muster raft status
  muster raft transfer 10.0.0.8:8848
  muster raft remove 1f0c9d1e

  # after a majority of the servers was lost for good
  muster raft recover --data-dir /var/lib/muster`,
		raftStatusCommand(), raftTransferCommand(), raftRemoveCommand(), raftSnapshotCommand(), raftRecoverCommand(std), raftForgetCommand())
}

func raftStatusCommand() *cobra.Command {
	var a serverAsk
	cmd := &cobra.Command{
		Use: "status", Short: "Show the state of Raft, of each server that answers", Args: noArgs,
		Example: `  muster raft status
  muster raft status -o json | jq .leader`,
	}
	a.register(cmd)
	output := outputFlag(cmd)
	cmd.RunE = a.ask(func(ctx context.Context, cmd *cobra.Command, c *admin.Client, _ []string) error {
		r, err := c.Raft(ctx)
		if err != nil {
			return err
		}
		if output.value == "json" {
			return printJSON(cmd.OutOrStdout(), r)
		}
		return raftTable(cmd.OutOrStdout(), &r)
	})
	return cmd
}

func raftTable(w io.Writer, r *admin.Raft) error {
	leader := short(r.Leader)
	if leader == "" {
		leader = "none"
	}
	if _, err := fmt.Fprintf(w, "leader %s, term %d, commit %d, snapshot %d\n", leader, r.Term, r.Commit, r.Snapshot); err != nil {
		return err
	}
	rows := [][]string{{"ID", "HTTP", "RAFT", "ROLE", "ALIVE", "APPLIED", "LAG", "READY", "WHY"}}
	for _, s := range r.Servers {
		role := "nonvoter"
		switch {
		case s.ID == r.Leader:
			role = "leader"
		case s.Voter:
			role = "voter"
		}
		why := s.Reason
		if s.Disk != "" {
			why = "disk: " + s.Disk
		}
		if !s.Answered {
			why = "does not answer"
		}
		rows = append(rows, []string{
			short(s.ID), s.HTTP, s.Addr, role, mark(s.Alive), strconv.FormatUint(s.Applied, 10), strconv.FormatUint(s.Lag, 10), mark(s.Ready), printable(why),
		})
	}
	return table(w, rows)
}

// raftDo makes a command that has a server do something about Raft.
func raftDo(cmd *cobra.Command, command, done string) *cobra.Command {
	var a serverAsk
	a.register(cmd)
	output := outputFlag(cmd)
	cmd.RunE = a.ask(func(ctx context.Context, cmd *cobra.Command, c *admin.Client, args []string) error {
		who := ""
		if len(args) > 0 {
			who = args[0]
		}
		if err := c.RaftCommand(ctx, command, who); err != nil {
			return err
		}
		return say(cmd.OutOrStdout(), output.value, map[string]bool{"ok": true}, "%s", done)
	})
	return cmd
}

func raftTransferCommand() *cobra.Command {
	return raftDo(&cobra.Command{
		Use: "transfer [SERVER]", Short: "Hand the leadership to another server", Args: args(cobra.MaximumNArgs(1)),
		Example: `  muster raft transfer
  muster raft transfer 10.0.0.8:8848`,
		Long: `Transfer hands the leadership to SERVER, an id, its beginning, or an address of
the server; without one to the server that is furthest.`,
	}, "transferLeader", "handed on")
}

func raftRemoveCommand() *cobra.Command {
	return raftDo(&cobra.Command{
		Use: "remove SERVER", Short: "Take a server that is gone for good out of the cluster", Args: args(cobra.ExactArgs(1)),
		Example: `  muster raft remove 1f0c9d1e`,
		Long: `Remove takes SERVER, an id, its beginning, or an address of the server, out of
the cluster. Stop it before: one that is there is taken in again. A server that
is away for --dead-after is removed without this.`,
	}, "removePeer", "removed")
}

func raftSnapshotCommand() *cobra.Command {
	return raftDo(&cobra.Command{
		Use: "snapshot", Short: "Have the server that is asked write a snapshot and cut its log", Args: noArgs,
		Example: `  muster raft snapshot --server 10.0.0.8:8848`,
	}, "doSnapshot", "written")
}

func raftRecoverCommand(std Streams) *cobra.Command {
	var dir string
	cmd := &cobra.Command{
		Use: "recover", Short: "Make a server go on alone after the majority was lost for good", Args: noArgs,
		Example: `  # on the server that was furthest, see "muster raft status"
  muster raft recover --data-dir /var/lib/muster
  muster server --data-dir /var/lib/muster

  # on the others that are left
  muster raft forget --data-dir /var/lib/muster
  muster server --data-dir /var/lib/muster --join 10.0.0.7`,
		Long: `Recover works on the data directory of a server that does not run. The server
becomes a cluster of its own, with all it has in its log, also with what was not
agreed on. What only the lost servers had is gone. Nothing else is touched.

Do this on one server, and only when a majority cannot come back: the others
that are left begin anew and join it.`,
	}
	cmd.Flags().StringVar(&dir, "data-dir", "muster-data", "`DIR` of the server")
	output := outputFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		log := newLogger(std.Err, "warn", "auto", new(slog.LevelVar))
		if err := app.Recover(dir, log); err != nil {
			return err
		}
		return say(cmd.OutOrStdout(), output.value, map[string]bool{"ok": true}, "recovered; start the server without --join, and the others with it after \"muster raft forget\"")
	}
	return cmd
}

func raftForgetCommand() *cobra.Command {
	var dir string
	cmd := &cobra.Command{
		Use: "forget", Short: "Make a server a new one", Args: noArgs,
		Example: `  muster raft forget --data-dir /var/lib/muster`,
		Long: `Forget works on the data directory of a server that does not run. It becomes a
new server, which joins a cluster and gets everything from there. What it had is
not deleted: it is put aside, and said where.`,
	}
	cmd.Flags().StringVar(&dir, "data-dir", "muster-data", "`DIR` of the server")
	output := outputFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		aside, err := app.Forget(dir)
		if err != nil {
			return err
		}
		return say(cmd.OutOrStdout(), output.value, map[string]string{"aside": aside}, "forgotten; what there was is in %s", aside)
	}
	return cmd
}

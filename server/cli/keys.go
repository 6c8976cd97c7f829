package cli

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"

	"github.com/spf13/cobra"

	"github.com/musterhq/muster/server/api"
)

func keygenCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "keygen",
		Short: "Make a key for encryption",
		Args:  noArgs,
		Example: `  (umask 077; muster keygen > cluster.key)
  muster agent --key-file cluster.key`,
		Long: `Keygen prints a fresh random key of 32 bytes, for AES-256, in base64.`,
	}
	output := outputFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		key := make([]byte, 32)
		if _, err := rand.Read(key); err != nil {
			return fmt.Errorf("random bytes: %w", err)
		}
		return say(cmd.OutOrStdout(), output.value,
			map[string][]byte{"key": key}, "%s", base64.StdEncoding.EncodeToString(key))
	}
	return cmd
}

func keyCommand(std Streams) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "key",
		Short: "Rotate an agent's encryption keys",
		Args:  unknownCommand,
		Example: `  # on every agent, one step at a time
  muster key add - < new.key      # now all can read it
  muster key use - < new.key      # now all write with it
  muster key remove - < old.key   # now nobody reads the old one
  muster key list`,
		Long: `Key changes the keys of a running agent. A change lasts until the agent ends: put
the new key into its key file as well. Keys are in base64; "-" reads one from
standard input, which keeps it out of the process list and the shell's history.`,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	addr := cmd.PersistentFlags().String("api", api.DefaultAddr, "`HOST:PORT` of the agent's API")
	cmd.AddCommand(
		keyOperation(std, addr, "add", "Add a key that the agent accepts"),
		keyOperation(std, addr, "use", "Encrypt with a key that was added"),
		keyOperation(std, addr, "remove", "Remove a key that is not in use"),
		keyOperation(std, addr, "list", "List the keys by a short digest, the one in use marked"),
	)
	return cmd
}

func keyOperation(std Streams, addr *string, op, short string) *cobra.Command {
	cmd := &cobra.Command{Use: op + " BASE64|-", Short: short, Args: args(cobra.ExactArgs(1))}
	if op == "list" {
		cmd.Use, cmd.Args = "list", noArgs
	}
	output := outputFlag(cmd)
	cmd.RunE = ask(addr, func(ctx context.Context, cmd *cobra.Command, c *api.Client, args []string) error {
		var key []byte
		if len(args) > 0 {
			text, err := argument(std.In, args[0])
			if err != nil {
				return err
			}
			if key, err = parseKey(string(text)); err != nil {
				return usage(cmd, err)
			}
		}
		keys, err := c.Keys(ctx, op, key)
		if err != nil {
			return err
		}
		if output.value == "json" {
			return printJSON(cmd.OutOrStdout(), keys)
		}
		rows := [][]string{{"KEY", "PRIMARY"}}
		for _, k := range keys {
			primary := ""
			if k.Primary {
				primary = "yes"
			}
			rows = append(rows, []string{k.ID, primary})
		}
		return table(cmd.OutOrStdout(), rows)
	})
	return cmd
}

// parseKey never repeats the key in its error: errors end up in logs.
func parseKey(s string) ([]byte, error) {
	key, err := base64.StdEncoding.DecodeString(strings.TrimSpace(s))
	if err != nil {
		return nil, errors.New("a key is not base64")
	}
	switch len(key) {
	case 16, 24, 32:
		return key, nil
	}
	return nil, fmt.Errorf("a key has %d bytes: want 16, 24 or 32", len(key))
}

// readKeyFile reads one key per line; empty lines and those beginning with #
// are skipped. open tells that others than the owner may read the file.
func readKeyFile(path string) (keys [][]byte, open bool, err error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, false, fmt.Errorf("key file: %w", err)
	}
	info, err := os.Stat(path)
	if err != nil {
		return nil, false, fmt.Errorf("key file: %w", err)
	}
	open = runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0
	for i, line := range bytes.Split(text, []byte("\n")) {
		line = bytes.TrimSpace(line)
		if len(line) == 0 || line[0] == '#' {
			continue
		}
		key, err := parseKey(string(line))
		if err != nil {
			return nil, false, fmt.Errorf("key file %s, line %d: %w", path, i+1, err)
		}
		keys = append(keys, key)
	}
	if len(keys) == 0 {
		return nil, false, fmt.Errorf("key file %s holds no key", path)
	}
	return keys, open, nil
}

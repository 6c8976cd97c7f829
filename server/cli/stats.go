package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/musterhq/muster/server/api"
)

func statsCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "stats",
		Short: "Show an agent's counters",
		Args:  noArgs,
		Example: `  muster stats
  muster stats -o json`,
		Long: `Stats shows the counters and gauges of the agent's node since it started.`,
	}
	addr, output := apiFlag(cmd.Flags()), outputFlag(cmd)
	cmd.RunE = ask(addr, func(ctx context.Context, cmd *cobra.Command, c *api.Client, _ []string) error {
		stats, err := c.Stats(ctx)
		if err != nil {
			return err
		}
		if output.value == "json" {
			return printJSON(cmd.OutOrStdout(), stats)
		}
		rows, err := flatten(stats)
		if err != nil {
			return fmt.Errorf("read the agent's answer: %w", err)
		}
		return table(cmd.OutOrStdout(), append([][]string{{"NAME", "VALUE"}}, rows...))
	})
	return cmd
}

// flatten turns JSON into rows of dotted name and value, in the order of the
// text: which is that of the library's struct, where neighbours belong
// together.
func flatten(text []byte) ([][]string, error) {
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	var rows [][]string
	var walk func(path []string) error
	walk = func(path []string) error {
		token, err := dec.Token()
		if err != nil {
			return err
		}
		delim, nested := token.(json.Delim)
		if !nested {
			rows = append(rows, []string{strings.Join(path, "."), fmt.Sprint(token)})
			return nil
		}
		for i := 0; dec.More(); i++ {
			key := fmt.Sprint(i)
			if delim == '{' {
				name, err := dec.Token()
				if err != nil {
					return err
				}
				key = fmt.Sprint(name)
			}
			if err := walk(append(path[:len(path):len(path)], key)); err != nil {
				return err
			}
		}
		_, err = dec.Token() // the closing bracket
		return err
	}
	return rows, walk(nil)
}

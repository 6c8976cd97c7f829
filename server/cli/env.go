package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/pflag"
)

// applyEnv sets each flag that the command line left alone from its MUSTER_*
// variable, if that is set and not empty. Hidden flags take part neither in
// the help nor in the environment.
func applyEnv(flags *pflag.FlagSet, lookup func(string) (string, bool)) error {
	var fault error
	flags.VisitAll(func(f *pflag.Flag) {
		if f.Changed || f.Hidden || f.Name == "help" || fault != nil {
			return
		}
		name := envName(f.Name)
		value, ok := lookup(name)
		if !ok || value == "" {
			return
		}
		values := []string{value}
		if f.Value.Type() == "stringArray" {
			values = strings.Split(value, ",")
		}
		for _, v := range values {
			if err := flags.Set(f.Name, strings.TrimSpace(v)); err != nil {
				fault = &failure{ExitUsage, fmt.Sprintf("%s stands for --%s", name, f.Name), fmt.Errorf("environment: %w", err)}
			}
		}
	})
	return fault
}

func envName(flag string) string {
	return "MUSTER_" + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}

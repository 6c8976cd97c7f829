package dropin

import (
	"fmt"
	"math/rand/v2"
	"os/exec"
	"sort"
	"strings"
	"testing"
)

// TestFacts: functions return the same for the same, error texts included, and
// a queue hands out the same in the same order through a long random use.
func TestFacts(t *testing.T) {
	t.Parallel()
	seed := fmt.Sprint(rand.Uint64())
	printed := make(map[build][]string)
	for _, with := range []build{stock, dropIn} {
		cmd := exec.Command(binary(t, "facts", with), "-seed", seed)
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("seed %s: %s: %v\n%s", seed, with, err, out)
		}
		printed[with] = strings.Split(string(out), "\n")
	}
	want, got := printed[stock], printed[dropIn]
	for i := range max(len(want), len(got)) {
		if w, g := at(want, i), at(got, i); w != g && words(w) != words(g) {
			t.Fatalf("seed %s, line %d:\n got %s\nwant %s", seed, i+1, g, w)
		}
	}
}

func at(lines []string, i int) string {
	if i < len(lines) {
		return lines[i]
	}
	return "(end)"
}

// words sorts a line: those that are finished at the same time are so in no
// particular order.
func words(line string) string {
	w := strings.Fields(line)
	sort.Strings(w)
	return strings.Join(w, " ")
}

package swim_test

import (
	"strings"
	"testing"

	"github.com/musterhq/muster/internal/script"
	"github.com/musterhq/muster/internal/script/scripttest"
	"github.com/musterhq/muster/sim/story"
)

// TestStories tells each story of testdata to a simulated cluster, with the
// invariants of package sim and of Core.Check verified after every step. An
// error, such as a violation, is never a story's expected outcome, not even
// when the outcomes are rewritten.
func TestStories(t *testing.T) {
	scripttest.Walk(t, "testdata", func(t *testing.T) func(*script.Command) string {
		teller := new(story.Teller)
		return func(c *script.Command) string {
			out := teller.Exec(c)
			if strings.HasPrefix(out, "error: ") || strings.Contains(out, "\nerror: ") {
				t.Fatalf("line %d: %s:\n%s", c.Line, c.Name, out)
			}
			return out
		}
	})
}

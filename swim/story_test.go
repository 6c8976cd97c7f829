package swim_test

import (
	"testing"

	"github.com/musterhq/muster/internal/script"
	"github.com/musterhq/muster/internal/script/scripttest"
	"github.com/musterhq/muster/sim/story"
)

// TestStories tells each story of testdata to a simulated cluster, with the
// invariants of package sim and of Core.Check verified after every step.
func TestStories(t *testing.T) {
	scripttest.Walk(t, "testdata", func(*testing.T) func(*script.Command) string {
		return new(story.Teller).Exec
	})
}

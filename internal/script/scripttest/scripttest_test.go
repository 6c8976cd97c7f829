package scripttest

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/musterhq/muster/internal/script"
)

// Rewriting stores the outputs, and a file that was rewritten passes.
func TestRewrite(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.txt")
	if err := os.WriteFile(path, []byte("# says\nsay word\nmore\n----\nold\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	exec := func(c *script.Command) string { return c.Words()[0] + " " + c.Input }

	defer func(old bool) { *rewrite = old }(*rewrite)
	*rewrite = true
	Run(t, path, exec)
	*rewrite = false
	Run(t, path, exec)

	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if want := "# says\nsay word\nmore\n----\nword more\n"; string(text) != want {
		t.Errorf("rewritten to %q, want %q", text, want)
	}
}

package script

import (
	"slices"
	"testing"
	"time"
)

const sample = `# A comment.
first word key=value list=(a, b,c)
input 1
input 2
----
output

second
----
----
with an

empty line
----
----

third for=3s n=7
----
# the end
`

func TestParse(t *testing.T) {
	f, err := Parse(sample)
	if err != nil {
		t.Fatal(err)
	}
	if len(f.Commands) != 3 {
		t.Fatalf("%d commands, want 3", len(f.Commands))
	}
	a, b, c := f.Commands[0], f.Commands[1], f.Commands[2]
	if a.Name != "first" || a.Input != "input 1\ninput 2" || a.Want != "output\n" || a.Line != 2 {
		t.Errorf("first: %+v", a)
	}
	if !slices.Equal(a.Words(), []string{"word"}) || a.Str("key", "") != "value" || !slices.Equal(a.Vals("list"), []string{"a", "b", "c"}) {
		t.Errorf("arguments: %+v", a.Args)
	}
	if b.Want != "with an\n\nempty line\n" {
		t.Errorf("fenced output: %q", b.Want)
	}
	d, err := c.Duration("for", 0)
	if err != nil || d != 3*time.Second {
		t.Errorf("for: %v, %v", d, err)
	}
	if n, err := c.Int("n", 0); err != nil || n != 7 {
		t.Errorf("n: %v, %v", n, err)
	}
	if n, err := c.Int("absent", 5); err != nil || n != 5 {
		t.Errorf("absent: %v, %v", n, err)
	}
	if _, err := c.Int("for", 0); err == nil {
		t.Error("a duration was read as a number")
	}
}

// A file written back with its own outputs is the same file.
func TestFormat(t *testing.T) {
	f, err := Parse(sample)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, c := range f.Commands {
		got = append(got, c.Want)
	}
	if s := f.Format(got); s != sample {
		t.Errorf("got:\n%s", s)
	}
	got[0] = "one\n\ntwo\n"
	again, err := Parse(f.Format(got))
	if err != nil {
		t.Fatal(err)
	}
	if w := again.Commands[0].Want; w != got[0] {
		t.Errorf("rewritten output reads back as %q", w)
	}
}

func TestParseFaults(t *testing.T) {
	for _, text := range []string{"command\ninput\n", "command list=(a, b\n----\n", "key=value\n----\n"} {
		if _, err := Parse(text); err == nil {
			t.Errorf("%q was accepted", text)
		}
	}
}

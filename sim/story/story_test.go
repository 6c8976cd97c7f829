package story

import (
	"strings"
	"testing"

	"github.com/musterhq/muster/internal/script"
)

// tell runs a story and returns what each command tells.
func tell(t *testing.T, text string) []string {
	t.Helper()
	f, err := script.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	var teller Teller
	var told []string
	for _, c := range f.Commands {
		told = append(told, teller.Exec(c))
	}
	return told
}

func TestTell(t *testing.T) {
	told := tell(t, `
cluster nodes=3
----

drop from=b to=a holds=ack count=2
----

run 20s show=(b->a)
----

broadcast from=c
hello there
----

until within=5s
b: hears "hello there"
----

run 2s
----

heard hello there
----

fault
crash c
----

until within=20s
c@1 is declared dead
----

views
----
`)
	if told[0] != "a b c: a alive@1, b alive@1, c alive@1\n" {
		t.Errorf("the cluster formed as %q", told[0])
	}
	if n := strings.Count(told[2], "b->a ack DROPPED"); n != 2 || strings.Contains(told[2], "a->b") {
		t.Errorf("%d acks were dropped, want 2:\n%s", n, told[2])
	}
	if told[6] != "a 1\nb 1\n" {
		t.Errorf("heard: %q", told[6])
	}
	if last := told[len(told)-1]; !strings.Contains(last, "c dead@1") {
		t.Errorf("in the end: %q", last)
	}
	for i, out := range told {
		if strings.Contains(out, "error") {
			t.Errorf("command %d: %s", i, out)
		}
	}
}

// What cannot be done is an error, and said.
func TestTellErrors(t *testing.T) {
	if told := tell(t, "views\n----\n"); !strings.HasPrefix(told[0], "error: ") {
		t.Errorf("views of no cluster: %q", told[0])
	}
	for _, bad := range []string{
		"fly", "run", "run fast", "start a", "start x", "until within=1s\nthe sky falls", "fault\ncrash x", "fault\nfly a",
		"inject to=a\nsuspect b", "inject to=z\nsuspect b@1 from a", "inject to=a\nhug b@1", "stats a luck", "stats",
		"broadcast from=z\nhello", "cluster nodes=0", "cluster nodes=three", "cluster tuning=(moon)", "cluster link=x",
	} {
		told := tell(t, "cluster nodes=2\n----\n\n"+bad+"\n----\n")
		if !strings.HasPrefix(told[1], "error: ") && !strings.Contains(told[1], "\nerror: ") {
			t.Errorf("%q: %q", bad, told[1])
		}
	}
}

package httpapi

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/musterhq/muster/server/nacos"
)

var update = flag.Bool("update", false, "write the routes anew into the documentation")

// A listed route is one of testdata/routes.txt.
type listed struct {
	method, path string
	absent       bool // it says that it is not implemented
	empty        bool // it finds nothing, and nothing changes
}

func (l listed) name() string { return l.method + " " + l.path }

// readRoutes returns the lists of testdata/routes.txt by their titles, in order.
func readRoutes(t testing.TB) (titles []string, lists map[string][]listed) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", "routes.txt"))
	if err != nil {
		t.Fatal(err)
	}
	lists = make(map[string][]listed)
	for line := range strings.Lines(string(b)) {
		line = strings.TrimSpace(line)
		if title, ok := strings.CutPrefix(line, "## "); ok {
			titles = append(titles, title)
			continue
		}
		if line == "" || line[0] == '#' {
			continue
		}
		title := titles[len(titles)-1]
		words := strings.Fields(line)
		for _, m := range words[1:] {
			l := listed{path: words[0], absent: m[0] == '-', empty: m[0] == '~'}
			l.method = strings.TrimLeft(m, "-~")
			lists[title] = append(lists[title], l)
		}
	}
	return titles, lists
}

func allRoutes(t testing.TB) (all []listed) {
	titles, lists := readRoutes(t)
	for _, title := range titles {
		all = append(all, lists[title]...)
	}
	return all
}

// guarded are users of whom nobody may be told.
type guarded struct{}

func (guarded) Caller(context.Context, nacos.Credentials) (string, bool, error) {
	return "", false, nacos.ErrToken
}
func (guarded) Users() []string                                   { return []string{"nacos"} }
func (guarded) CreateUser(context.Context, string, string) error  { return nacos.ErrForbidden }
func (guarded) SetPassword(context.Context, string, string) error { return nacos.ErrForbidden }
func (guarded) DeleteUser(context.Context, string) error          { return nacos.ErrForbidden }

// whole gives a door all that a server gives it.
func whole(o *Options) {
	o.Users = guarded{}
	o.SetLogLevel = func(string, string) error { return nil }
	o.Metrics = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("counters")) })
}

// Every route of Nacos is answered: by what does it, or with Nacos' own code
// for what is not there. None is a success that is none, and none is unknown.
func TestEveryRouteOfNacos(t *testing.T) {
	d := newDoor(t, whole)
	for _, l := range allRoutes(t) {
		path := strings.NewReplacer("{key}", "k", "{namespaceId}", "n", "{service}", "s").Replace(l.path)
		code, got := d.do(l.method+" "+path, "")
		unknown := strings.Contains(got, "no such api")
		switch {
		case l.absent && strings.HasPrefix(l.path, "/v1/"):
			if code != http.StatusNotImplemented || !strings.HasPrefix(got, "caused: ") || !strings.HasSuffix(got, " is not implemented;") {
				t.Errorf("%s: %d %s", l.name(), code, got)
			}
		case l.absent:
			var e struct {
				Code    int
				Message string
			}
			if err := json.Unmarshal([]byte(got), &e); err != nil || code != http.StatusNotImplemented || e.Code != 40001 || e.Message != "API function disabled." {
				t.Errorf("%s: %d %s", l.name(), code, got)
			}
		case unknown, code == http.StatusNotImplemented:
			t.Errorf("%s is not there: %d %s", l.name(), code, got)
		case l.empty && !strings.Contains(got, "config data not exist") && got != "":
			t.Errorf("%s: %d %s", l.name(), code, got)
		}
	}
}

// The list of routes and the table that answers them are of one mind.
func TestRoutesAreListed(t *testing.T) {
	list := make(map[string]listed)
	for _, l := range allRoutes(t) {
		if _, twice := list[l.name()]; twice {
			t.Errorf("%s is listed twice", l.name())
		}
		list[l.name()] = l
	}
	there := map[string]bool{"GET /actuator/prometheus": true}
	for _, rt := range routes {
		for m := range strings.FieldsSeq(rt.methods) {
			name := m + " " + rt.path
			if there[name] {
				t.Errorf("%s is answered by two", name)
			}
			there[name] = true
			if _, ok := list[name]; !ok {
				t.Errorf("%s is answered and not listed", name)
			}
		}
	}
	for name, l := range list {
		if !l.absent && !there[name] {
			t.Errorf("%s is listed and not answered", name)
		}
	}
}

// documented is where users read which routes there are.
const documented = "../../../docs/nacos-routes.md"

// The documentation lists the routes that there are.
func TestRoutesAreDocumented(t *testing.T) {
	titles, lists := readRoutes(t)
	var b strings.Builder
	b.WriteString("# The routes of Nacos' HTTP API\n\n")
	b.WriteString("All routes of Nacos 1.4 to 3.1, below `/nacos`, and which of them are answered. What they do, and where that differs, is\n")
	b.WriteString("in [nacos.md](nacos.md). *Absent* ones say with Nacos' own code that they are not implemented: status 501, and code 40001 or, in\n")
	b.WriteString("version 1, a text. *Empty* ones are about configuration, of which there is none yet: they find nothing, and nothing changes.\n")
	for _, title := range titles {
		fmt.Fprintf(&b, "\n## %s\n\n| route | answered | empty | absent |\n|---|---|---|---|\n", title)
		paths := make(map[string]*[3][]string)
		var order []string
		for _, l := range lists[title] {
			if paths[l.path] == nil {
				paths[l.path] = new([3][]string)
				order = append(order, l.path)
			}
			column := 0
			if l.empty {
				column = 1
			}
			if l.absent {
				column = 2
			}
			paths[l.path][column] = append(paths[l.path][column], l.method)
		}
		for _, p := range order {
			c := paths[p]
			fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", p, strings.Join(c[0], " "), strings.Join(c[1], " "), strings.Join(c[2], " "))
		}
	}
	if *update {
		if err := os.WriteFile(documented, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	have, err := os.ReadFile(documented)
	if err != nil {
		t.Fatal(err)
	}
	if string(have) != b.String() {
		t.Errorf("%s is not what testdata/routes.txt says; write it anew with -update", documented)
	}
}

// The table of docs/nacos.md names no route that is not there, and says of none
// that it is another thing than it is.
func TestTheTableAgrees(t *testing.T) {
	states := make(map[string]map[string]bool) // by path: yes, absent
	for _, l := range allRoutes(t) {
		if states[l.path] == nil {
			states[l.path] = make(map[string]bool)
		}
		state := "yes"
		if l.absent || l.empty {
			state = "absent"
		}
		states[l.path][state] = true
	}
	b, err := os.ReadFile("../../../docs/nacos.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, ok := strings.Cut(string(b), "<!-- routes -->\n")
	table, _, ends := strings.Cut(table, "<!-- end of routes -->")
	if !ok || !ends {
		t.Fatal("the table is not where it was")
	}
	seen := make(map[string]bool)
	for line := range strings.Lines(table) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		if len(cells) < 3 || strings.HasPrefix(cells[0], "--") || strings.TrimSpace(cells[1]) == "state" {
			continue
		}
		state := strings.TrimSpace(cells[1])
		if state != "yes" && state != "absent" {
			t.Errorf("a state that is none: %s", line)
		}
		for _, p := range quoted(cells[0]) {
			seen[p] = true
			for path := range states {
				if under(path, p) && !states[path][state] {
					t.Errorf("the table says that %s is %s, and %s is not", p, state, path)
				}
			}
			if !slices.ContainsFunc(slices.Collect(maps.Keys(states)), func(path string) bool { return under(path, p) }) {
				t.Errorf("the table names %s, of which there is no route", p)
			}
		}
	}
	for path := range states {
		if !slices.ContainsFunc(slices.Collect(maps.Keys(seen)), func(p string) bool { return under(path, p) }) {
			t.Errorf("the table says nothing of %s", path)
		}
	}
}

// under reports whether a path is meant by one of the table, which may end
// with * for all that begin so.
func under(path, named string) bool {
	if prefix, ok := strings.CutSuffix(named, "*"); ok {
		return strings.HasPrefix(path, prefix)
	}
	return path == named
}

// quoted returns what is between backquotes, with {a,b} written out.
func quoted(s string) (out []string) {
	parts := strings.Split(s, "`")
	for i := 1; i < len(parts); i += 2 {
		out = append(out, expand(parts[i])...)
	}
	return out
}

func expand(s string) []string {
	at, end := strings.Index(s, "{"), strings.Index(s, "}")
	if at < 0 || !strings.Contains(s[at:end], ",") {
		return []string{s}
	}
	var out []string
	for part := range strings.SplitSeq(s[at+1:end], ",") {
		out = append(out, expand(s[:at]+part+s[end+1:])...)
	}
	return out
}

// asserted are the routes of which a test has compared a successful answer.
var asserted struct {
	sync.Mutex
	routes map[string]bool
}

func noteAsserted(route string) {
	asserted.Lock()
	defer asserted.Unlock()
	if asserted.routes == nil {
		asserted.routes = make(map[string]bool)
	}
	asserted.routes[route] = true
}

// TestMain also fails when there is a route whose success no test has seen.
func TestMain(m *testing.M) {
	flag.Parse()
	code := m.Run()
	never := map[string]bool{ // by their nature
		"POST /v1/auth/admin": true, "POST /v1/auth/users/admin": true, "POST /v3/auth/user/admin": true, // there is an administrator from the start
		"GET /v2/cs/config": true, "GET /v3/client/cs/config": true, "GET /v3/admin/cs/config": true, // there is no configuration
	}
	if all := flag.Lookup("test.run").Value.String() + flag.Lookup("test.skip").Value.String() + flag.Lookup("test.fuzz").Value.String(); code == 0 && all == "" {
		for _, rt := range routes {
			for method := range strings.FieldsSeq(rt.methods) {
				name := method + " " + rt.path
				if rt.methods == anyMethod {
					name = "GET " + rt.path // one of them will do
				}
				refused := rt.kind == "config" && method != http.MethodGet && !rt.waits
				if !asserted.routes[name] && !refused && !never[name] {
					fmt.Printf("no test has seen %s succeed\n", name)
					code = 1
				}
			}
		}
	}
	os.Exit(code)
}

package dropin

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/printer"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"sort"
	"strings"
	"testing"
)

// forkNames are what the drop-in exports beyond hashicorp/memberlist: the names
// of Grafana's fork.
var forkNames = map[string]bool{
	"type CompressionAlgorithm string":                                                  true,
	"const CompressionAlgorithmLZW":                                                     true,
	"const CompressionAlgorithmSnappy":                                                  true,
	"field Config.CompressionAlgorithm CompressionAlgorithm":                            true,
	"field Config.NodeSelection NodeSelectionDelegate":                                  true,
	"field Config.PushPullNodes int":                                                    true,
	"type NodeSelectionDelegate interface":                                              true,
	"method NodeSelectionDelegate.SelectNodes([]*NodeState) ([]*NodeState, *NodeState)": true,
	"type NodeState struct":                                                             true,
	"embeds NodeState Node":                                                             true,
	"field NodeState.Incarnation uint32":                                                true,
	"field NodeState.State NodeStateType":                                               true,
	"field NodeState.StateChange time.Time":                                             true,
	"func (*NodeState) Address() string":                                                true,
	"func (*NodeState) FullAddress() Address":                                           true,
	"func (*NodeState) DeadOrLeft() bool":                                               true,
}

// TestAPI compares what the two packages export, types and all.
func TestAPI(t *testing.T) {
	cmd := exec.Command("go", "list", "-f", "{{.Dir}}", "github.com/hashicorp/memberlist")
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("where is hashicorp/memberlist? %v", err)
	}
	want := exported(t, strings.TrimSpace(string(out)))
	got := exported(t, filepath.Join(root(t), "compat", "memberlist"))
	for _, d := range sorted(want) {
		if !got[d] {
			t.Errorf("missing: %s", d)
		}
	}
	for _, d := range sorted(got) {
		if !want[d] && !forkNames[d] {
			t.Errorf("not in hashicorp/memberlist: %s", d)
		}
	}
	if len(want) < 200 {
		t.Errorf("hashicorp/memberlist exports %d things; were they found?", len(want))
	}
}

func sorted(set map[string]bool) []string {
	var all []string
	for d := range set {
		all = append(all, d)
	}
	sort.Strings(all)
	return all
}

// exported lists what a package exports, a line for each thing, without the
// names of parameters.
func exported(t *testing.T, dir string) map[string]bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	l := lister{fset: token.NewFileSet(), found: make(map[string]bool)}
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		src, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		f, err := parser.ParseFile(l.fset, file, src, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range f.Decls {
			l.decl(d)
		}
	}
	return l.found
}

type lister struct {
	fset  *token.FileSet
	found map[string]bool
}

func (l *lister) add(format string, args ...any) { l.found[fmt.Sprintf(format, args...)] = true }

func (l *lister) decl(d ast.Decl) {
	switch d := d.(type) {
	case *ast.FuncDecl:
		if !d.Name.IsExported() {
			return
		}
		on := ""
		if d.Recv != nil {
			if on = l.text(d.Recv.List[0].Type); !ast.IsExported(strings.TrimPrefix(on, "*")) {
				return
			}
			on = "(" + on + ") "
		}
		l.add("func %s%s%s", on, d.Name, l.signature(d.Type))
	case *ast.GenDecl:
		for _, s := range d.Specs {
			l.spec(d.Tok, s)
		}
	}
}

func (l *lister) spec(tok token.Token, s ast.Spec) {
	switch s := s.(type) {
	case *ast.ValueSpec:
		for _, n := range s.Names {
			if n.IsExported() {
				l.add("%s %s", tok, n.Name)
			}
		}
	case *ast.TypeSpec:
		if s.Name.IsExported() {
			l.typeOf(s.Name.Name, s.Type)
		}
	}
}

func (l *lister) typeOf(name string, e ast.Expr) {
	switch e := e.(type) {
	case *ast.StructType:
		l.add("type %s struct", name)
		for _, f := range e.Fields.List {
			for _, n := range f.Names {
				if n.IsExported() {
					l.add("field %s.%s %s", name, n.Name, l.text(f.Type))
				}
			}
			if embedded := strings.TrimPrefix(l.text(f.Type), "*"); len(f.Names) == 0 && ast.IsExported(embedded) {
				l.add("embeds %s %s", name, embedded)
			}
		}
	case *ast.InterfaceType:
		l.add("type %s interface", name)
		for _, f := range e.Methods.List {
			for _, n := range f.Names {
				l.add("method %s.%s%s", name, n.Name, l.signature(f.Type.(*ast.FuncType)))
			}
			if len(f.Names) == 0 {
				l.add("embeds %s %s", name, l.text(f.Type))
			}
		}
	default:
		l.add("type %s %s", name, l.text(e))
	}
}

func (l *lister) signature(f *ast.FuncType) string {
	results := l.types(f.Results)
	switch len(results) {
	case 0:
		return "(" + strings.Join(l.types(f.Params), ", ") + ")"
	case 1:
		return "(" + strings.Join(l.types(f.Params), ", ") + ") " + results[0]
	}
	return "(" + strings.Join(l.types(f.Params), ", ") + ") (" + strings.Join(results, ", ") + ")"
}

func (l *lister) types(fields *ast.FieldList) (all []string) {
	if fields == nil {
		return nil
	}
	for _, f := range fields.List {
		for range max(len(f.Names), 1) {
			all = append(all, l.text(f.Type))
		}
	}
	return all
}

func (l *lister) text(e ast.Expr) string {
	var b bytes.Buffer
	if err := printer.Fprint(&b, l.fset, e); err != nil {
		panic(err) // the printer takes what the parser gives
	}
	return b.String()
}

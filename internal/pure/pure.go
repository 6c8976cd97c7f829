// Package pure checks that a package decides without acting: no goroutine,
// channel or clock, no random source but those it is handed, no import that
// could reach the world outside. What it guards is that the same input gives
// the same output, which the simulator and its seeds rest on.
package pure

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// impure are functions of otherwise harmless packages.
var impure = map[string][]string{
	"time": {"Now", "Since", "Until", "Sleep", "After", "AfterFunc", "Tick", "NewTimer", "NewTicker"},
	// What math/rand/v2 offers at package level draws from a hidden source.
	"rand": {
		"Int", "IntN", "Int32", "Int32N", "Int64", "Int64N", "Uint32", "Uint32N", "Uint64", "Uint64N", "UintN", "Uint",
		"N", "Float32", "Float64", "NormFloat64", "ExpFloat64", "Perm", "Shuffle",
	},
}

// Check fails the test for whatever the package in the current directory does
// that it should not. imports are the packages it may import, unsafe only in a
// file unsafe.go.
func Check(t *testing.T, imports ...string) {
	t.Helper()
	files, err := filepath.Glob("*.go")
	if err != nil || len(files) == 0 {
		t.Fatalf("no Go files here: %v", err)
	}
	for _, name := range files {
		if !strings.HasSuffix(name, "_test.go") {
			checkFile(t, name, imports)
		}
	}
}

func checkFile(t *testing.T, name string, imports []string) {
	t.Helper()
	set := token.NewFileSet()
	file, err := parser.ParseFile(set, name, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range file.Imports {
		path, err := strconv.Unquote(i.Path.Value)
		if err != nil || !slices.Contains(imports, path) {
			t.Errorf("%s imports %s", name, i.Path.Value)
		} else if path == "unsafe" && name != "unsafe.go" {
			t.Errorf("%s is unsafe; keep that in unsafe.go", name)
		}
	}
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.GoStmt, *ast.ChanType, *ast.SelectStmt, *ast.SendStmt:
			t.Errorf("%s: goroutines and channels belong to the shell", set.Position(n.Pos()))
		case *ast.SelectorExpr:
			if pkg, ok := n.X.(*ast.Ident); ok && pkg.Obj == nil && slices.Contains(impure[pkg.Name], n.Sel.Name) {
				t.Errorf("%s: %s.%s is the world outside", set.Position(n.Pos()), pkg.Name, n.Sel.Name)
			}
		}
		return true
	})
}

package house

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const (
	maxLines     = 500 // of a file that people write
	maxParams    = 5
	maxInterface = 7
)

// source is one file that people wrote, parsed.
type source struct {
	room string
	path string
	text []byte
	tree *ast.File
	set  *token.FileSet
}

func (s *source) at(n ast.Node) string {
	p := s.set.Position(n.Pos())
	return s.room + "/" + filepath.Base(p.Filename) + ":" + itoa(p.Line)
}

func itoa(n int) string {
	if n >= 10 {
		return itoa(n/10) + string(rune('0'+n%10))
	}
	return string(rune('0' + n))
}

func sources(t *testing.T) []source {
	t.Helper()
	var list []source
	for _, r := range rooms(t) {
		for _, path := range r.files {
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			set := token.NewFileSet()
			tree, err := parser.ParseFile(set, path, text, parser.ParseComments)
			if err != nil {
				t.Fatal(err)
			}
			if !ast.IsGenerated(tree) {
				list = append(list, source{r.name, path, text, tree, set})
			}
		}
	}
	return list
}

// TestFilesStaySmall keeps a file to what one reads in one go.
func TestFilesStaySmall(t *testing.T) {
	for _, s := range sources(t) {
		if n := bytes.Count(s.text, []byte("\n")); n >= maxLines {
			t.Errorf("%s/%s has %d lines: below %d, by splitting where the nouns part", s.room, filepath.Base(s.path), n, maxLines)
		}
	}
}

// TestPackagesIntroduceThemselves asks for the comment that says who calls.
func TestPackagesIntroduceThemselves(t *testing.T) {
	said := map[string]bool{}
	for _, s := range sources(t) {
		said[s.room] = said[s.room] || s.tree.Doc != nil
	}
	for name, ok := range said {
		if !ok {
			t.Errorf("package %s has no comment: say who calls it, what it calls and what it never does", name)
		}
	}
}

// TestExportedNamesAreDocumented asks for the contract of whatever others use.
func TestExportedNamesAreDocumented(t *testing.T) {
	for _, s := range sources(t) {
		for _, d := range s.tree.Decls {
			switch d := d.(type) {
			case *ast.FuncDecl:
				if d.Name.IsExported() && d.Doc == nil && exportedReceiver(d) && !selfEvident(d.Name.Name) {
					t.Errorf("%s: %s has no comment", s.at(d), d.Name.Name)
				}
			case *ast.GenDecl:
				undocumented(t, &s, d)
			}
		}
	}
}

// selfEvident are methods whose interface says it all.
func selfEvident(name string) bool {
	return slices.Contains([]string{"Error", "Unwrap", "String", "Is", "Len", "Less", "Swap", "MarshalJSON", "UnmarshalJSON"}, name)
}

func exportedReceiver(d *ast.FuncDecl) bool {
	if d.Recv == nil {
		return true
	}
	t := d.Recv.List[0].Type
	if star, ok := t.(*ast.StarExpr); ok {
		t = star.X
	}
	if generic, ok := t.(*ast.IndexExpr); ok {
		t = generic.X
	}
	name, ok := t.(*ast.Ident)
	return ok && name.IsExported()
}

func undocumented(t *testing.T, s *source, d *ast.GenDecl) {
	t.Helper()
	for _, spec := range d.Specs {
		switch spec := spec.(type) {
		case *ast.TypeSpec:
			if spec.Name.IsExported() && d.Doc == nil && spec.Doc == nil {
				t.Errorf("%s: type %s has no comment", s.at(spec), spec.Name.Name)
			}
		case *ast.ValueSpec:
			for _, name := range spec.Names {
				if name.IsExported() && d.Doc == nil && spec.Doc == nil && spec.Comment == nil {
					t.Errorf("%s: %s has no comment", s.at(spec), name.Name)
				}
			}
		}
	}
}

// wide are the calls of the innermost loops, whose arguments travel in registers.
var wide = []string{"index/simd.Distances", "index/flat.Range"}

// TestSignaturesStayReadable bounds parameters and interfaces.
func TestSignaturesStayReadable(t *testing.T) {
	for _, s := range sources(t) {
		ast.Inspect(s.tree, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.FuncDecl:
				if k := n.Type.Params.NumFields(); k > maxParams && n.Body != nil && !slices.Contains(wide, s.room+"."+n.Name.Name) { // assembly keeps its registers
					t.Errorf("%s: %s takes %d parameters: past %d an options struct names them", s.at(n), n.Name.Name, k, maxParams)
				}
			case *ast.InterfaceType:
				if k := n.Methods.NumFields(); k > maxInterface {
					t.Errorf("%s: an interface of %d methods: at most %d, declared by its user", s.at(n), k, maxInterface)
				}
			}
			return true
		})
	}
}

// TestSettingsAreReadOnce keeps the environment out of everything below tools.
func TestSettingsAreReadOnce(t *testing.T) {
	for _, s := range sources(t) {
		if strings.HasPrefix(s.room, "tools/") {
			continue
		}
		for _, call := range []string{"os.Getenv(", "os.LookupEnv(", "os.Environ("} {
			if bytes.Contains(s.text, []byte(call)) {
				t.Errorf("%s/%s calls %s): settings are read in tools/kith and passed as options", s.room, filepath.Base(s.path), call)
			}
		}
	}
}

// unseeded is a call that draws from the process's own randomness; a generator
// made of a seed draws alike on every replica.
var unseeded = regexp.MustCompile(`\brand\.(?:(?:Int|Uint|Float|Perm|Shuffle|Norm|Exp|Read|Seed)\w*|N)[(\[]`)

// TestTheStateMachineHasNoClock keeps replicas alike: what depends on time or
// chance is fixed before it is proposed.
func TestTheStateMachineHasNoClock(t *testing.T) {
	for _, s := range sources(t) {
		if !slices.Contains([]string{"storage/replica", "storage/op", "storage/point", "storage/schema"}, s.room) && !strings.HasPrefix(s.room, "index") {
			continue
		}
		for _, imp := range s.tree.Imports {
			if path := strings.Trim(imp.Path.Value, `"`); path == "math/rand" || path == "math/rand/v2" && unseeded.Match(s.text) {
				t.Errorf("%s imports %s: draw from a seed or from the slot", s.at(imp), path)
			}
		}
		if bytes.Contains(s.text, []byte("time.Now(")) {
			t.Errorf("%s/%s reads the clock", s.room, filepath.Base(s.path))
		}
	}
}

// TestNoInit keeps start-up in one place, where its order can be read.
func TestNoInit(t *testing.T) {
	for _, s := range sources(t) {
		for _, d := range s.tree.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && f.Recv == nil && f.Name.Name == "init" {
				t.Errorf("%s: init runs unseen; give the work to a constructor", s.at(f))
			}
		}
	}
}

package main

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/ildc/ildc/distill/engine/ort"
	"github.com/ildc/ildc/distill/engine/ort/library"
	"github.com/ildc/ildc/internal/setting"
)

func TestHelp(t *testing.T) {
	install := []string{"`ildc runtime install` gets ONNX Runtime"}
	if ort.Loadable() != nil {
		install = nil // an installed one would be of no use
	}
	base := errors.New("base")
	compress := compressCommand()
	for _, test := range []struct {
		name    string
		command *cobra.Command
		err     error
		want    []string
	}{
		{"no setting", compress, base, nil},
		{"settings", compress, fmt.Errorf("run: %w", setting.Mends(base, "Batch", "Force")),
			[]string{"what may help: --batch, --force"}},
		{"one flag for two", compress, setting.Mends(base, "Height", "Width"),
			[]string{"what may help: --resize HEIGHTxWIDTH"}},
		{"a flag that another command has", evalCommand(), setting.Mends(base, "Batch", "Force"),
			[]string{"what may help: --batch"}},
		{"flags that other commands have", versionCommand(), setting.Mends(base, "Batch", "Force"), nil},
		{"no library", compress, fmt.Errorf("engine: %w", library.ErrNotFound), install},
		{"a library of no use", compress, fmt.Errorf("engine: %w", ort.ErrUnavailable), install},
	} {
		if got := help(test.command, test.err); !slices.Equal(got, test.want) {
			t.Errorf("%s: %q, want %q", test.name, got, test.want)
		}
	}
}

// What an error names is printed below it.
func TestHelpIsPrinted(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "none.so")
	r := command("", "plan", digits, "--data", digitsData, "--engine", "ort", "--ort-lib", missing)
	told := strings.Contains(r.errors, "\nildc: `ildc runtime install` gets ONNX Runtime\n")
	if r.code != exitFailed || told != (ort.Loadable() == nil) {
		t.Errorf("exit code %d, stderr %q", r.code, r.errors)
	}
}

// Each flag that may be named is one of some command.
func TestFlagsExist(t *testing.T) {
	have := map[string]bool{}
	var walk func(c *cobra.Command)
	walk = func(c *cobra.Command) {
		for _, flag := range flagOf {
			if c.Flag(flagName(flag)) != nil {
				have[flag] = true
			}
		}
		for _, sub := range c.Commands() {
			walk(sub)
		}
	}
	walk(rootCommand(nil))
	for _, field := range slices.Sorted(maps.Keys(flagOf)) {
		if !have[flagOf[field]] {
			t.Errorf("%s: no command has the flag %s", field, flagOf[field])
		}
	}
}

// Each setting that an error of the module names has its flag.
func TestSettingsHaveFlags(t *testing.T) {
	root := filepath.Join("..", "..")
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := d.Name()
		if d.IsDir() && path != root && (name == "testdata" || name[0] == '.') {
			return filepath.SkipDir
		}
		if filepath.Ext(name) != ".go" || strings.HasSuffix(name, "_test.go") {
			return nil
		}
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			return err
		}
		fields, err := mendsFields(f)
		if err != nil {
			t.Errorf("%s: %v", path, err)
		}
		for _, field := range fields {
			if flagOf[field] == "" {
				t.Errorf("%s: an error names the setting %s, which has no flag in flagOf", path, field)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestMendsFields(t *testing.T) {
	for _, test := range []struct {
		name, body string
		want       []string // nil: an error
	}{
		{"names", `setting.Mends(err, "A", "B")`, []string{"A", "B"}},
		{"a list", `names := []string{"A"}; names = append(names, "B"); setting.Mends(err, names...)`, []string{"A", "B"}},
		{"a list in place", `setting.Mends(err, []string{"A", "B"}...)`, []string{"A", "B"}},
		{"another's method", `other.Mends(err, name)`, []string{}},
		{"a name that is computed", `setting.Mends(err, name)`, nil},
		{"a list that is computed", `setting.Mends(err, names()...)`, nil},
		{"none", `setting.Mends(err)`, nil},
	} {
		f, err := parser.ParseFile(token.NewFileSet(), "", "package p\nfunc f() { "+test.body+" }", 0)
		if err != nil {
			t.Fatal(err)
		}
		got, err := mendsFields(f)
		if (err != nil) != (test.want == nil) || err == nil && !slices.Equal(got, test.want) {
			t.Errorf("%s: %q, %v, want %q", test.name, got, err, test.want)
		}
	}
}

// mendsFields lists the fields that the calls of [setting.Mends] in a file name. A call that passes a list names what
// the file assigns and appends to the variable. A call of which no field can be read is an error.
func mendsFields(f *ast.File) ([]string, error) {
	var all []string
	var err error
	ast.Inspect(f, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok || !calls(call, "setting", "Mends") {
			return true
		}
		fields := literals(call.Args[1:])
		if list, ok := call.Args[len(call.Args)-1].(*ast.Ident); ok && call.Ellipsis.IsValid() {
			fields = assigned(f, list.Name)
		}
		if len(fields) == 0 || !call.Ellipsis.IsValid() && len(fields) < len(call.Args)-1 {
			err = errors.New("a call of setting.Mends whose fields are not literals")
		}
		all = append(all, fields...)
		return true
	})
	return all, err
}

// calls says whether a call is one of a package's function.
func calls(call *ast.CallExpr, pkg, function string) bool {
	s, ok := call.Fun.(*ast.SelectorExpr)
	if !ok || s.Sel.Name != function {
		return false
	}
	x, ok := s.X.(*ast.Ident)
	return ok && x.Name == pkg
}

// assigned lists the literals that a file assigns or appends to a variable.
func assigned(f *ast.File, variable string) []string {
	var all []string
	ast.Inspect(f, func(n ast.Node) bool {
		if a, ok := n.(*ast.AssignStmt); ok {
			for i, left := range a.Lhs {
				if x, ok := left.(*ast.Ident); ok && x.Name == variable && i < len(a.Rhs) {
					all = append(all, literals(a.Rhs[i:i+1])...)
				}
			}
		}
		return true
	})
	return all
}

// literals lists the strings among expressions, also those of lists and of what is appended.
func literals(exprs []ast.Expr) []string {
	var all []string
	for _, e := range exprs {
		switch e := e.(type) {
		case *ast.BasicLit:
			if s, err := strconv.Unquote(e.Value); err == nil && e.Kind == token.STRING {
				all = append(all, s)
			}
		case *ast.CompositeLit:
			all = append(all, literals(e.Elts)...)
		case *ast.CallExpr:
			if x, ok := e.Fun.(*ast.Ident); ok && x.Name == "append" {
				all = append(all, literals(e.Args)...)
			}
		}
	}
	return all
}

// A student that was trained without data is not the best that there is: the command names the flag.
func TestCompressWithoutDataNamesTheFlag(t *testing.T) {
	output := filepath.Join(t.TempDir(), "student.onnx")
	r := command("", "compress", digits, "--synthetic", "64", "--noise", "--batch", "16", "--steps", "2",
		"--progress", "none", "--engine", "embedded", "-o", output)
	if r.code != exitDone || !strings.HasSuffix(r.errors, "ildc: what may help: --data PATH\n") {
		t.Errorf("exit code %d, stderr %q", r.code, r.errors)
	}
}

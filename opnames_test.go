package ildc_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// knowOps are the folders whose work it is to tell ops apart: what an op means, and how an engine runs it.
var knowOps = []string{"graph/op", "distill/engine"}

// recognisers tell ops apart elsewhere, each for a reason that no field of the op table would serve: they look for a
// few ops that stand together.
var recognisers = map[string]string{
	"graph/pass/fuse.go":         "what recognisers ask by, that of layer normalisation in pieces among them",
	"graph/pass/fuse_gelu.go":    "Gelu in pieces",
	"graph/pass/fuse_softmax.go": "softmax in pieces",
	"graph/pass/bnfold.go":       "batch normalisation goes into the weights before it, whose layout the op decides",
	"graph/pass/bnunfold.go":     "batch normalisation comes out of them again",
	"graph/pass/normalise.go":    "an engine names the macro ops that it runs, which are not lowered",
	"graph/pass/widen.go":        "a Cast says the type of what it gives in an attribute",
	"layermatch/attention.go":    "attention is a softmax of products that weighs values",
	"models/cuts.go":             "a residual block ends in an addition",
	"models/depth.go":            "of two Relu in a row one does nothing, and a block that goes leaves such",
	"models/reader.go":           "an addition behind a layer is its bias",
	"distill/outputs.go":         "outputs are looked for behind the Identity that gave them their names",
	"distill/synthesis.go":       "inputs are made to match the statistics of batch normalisation",
}

// A pass that must know something of an op asks the op table: no other code compares ops with names.
func TestOpNames(t *testing.T) {
	found := map[string]bool{}
	err := filepath.WalkDir(".", func(file string, d fs.DirEntry, err error) error {
		name := filepath.ToSlash(file)
		switch {
		case err != nil:
			return err
		case d.IsDir() && (slices.Contains(knowOps, name) || d.Name() == "testdata" ||
			name != "." && strings.ContainsAny(name[:1], "._")):
			return filepath.SkipDir
		case d.IsDir() || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go"):
			return nil
		}
		set := token.NewFileSet()
		f, err := parser.ParseFile(set, file, nil, 0)
		if err != nil {
			return err
		}
		for _, at := range opNames(f) {
			if found[name] = true; recognisers[name] == "" {
				t.Errorf("%v tells ops apart by name: what it must know is a field of op.Spec, or it is a recogniser",
					set.Position(at))
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range slices.Sorted(maps.Keys(recognisers)) {
		if !found[name] {
			t.Errorf("%s is a named recogniser, and compares no op with a name", name)
		}
	}
}

func TestOpNamesFound(t *testing.T) {
	tests := []struct {
		code string
		want int
	}{
		{`if n.Op == "Conv" {}`, 1},
		{`if "ildc.Conv" != v.Producer.OpName() {}`, 1},
		{`switch n.Op { case "Conv": }`, 1},
		{`switch n.OpName() { case "Conv": }`, 1},
		{`switch { case n.Op == "Conv", n.Op == "Gemm": }`, 2},
		{`_ = rules[n.Op]`, 1},
		{`_ = slices.Contains(linear, n.Op)`, 1},
		{`if n.OpName() != name {}`, 1},
		{`if n.OpName() == m.OpName() && n.Op != of.GetOpType() {}`, 0},
		{`if n.Op == "" {}`, 0},
		{`b.Op("Conv", nil, x)`, 0},
	}
	for _, test := range tests {
		f, err := parser.ParseFile(token.NewFileSet(), "", "package p; func f() {"+test.code+"}", 0)
		if err != nil {
			t.Fatal(err)
		}
		if got := opNames(f); len(got) != test.want {
			t.Errorf("%s: %d places, want %d", test.code, len(got), test.want)
		}
	}
}

// opNames finds where the op of a node is compared with a name, switched on or looked up.
func opNames(f *ast.File) (at []token.Pos) {
	ast.Inspect(f, func(n ast.Node) bool {
		found := false
		switch n := n.(type) {
		case *ast.BinaryExpr:
			found = (n.Op == token.EQL || n.Op == token.NEQ) && (isOp(n.X) && isName(n.Y) || isName(n.X) && isOp(n.Y))
		case *ast.SwitchStmt:
			found = isOp(n.Tag)
		case *ast.IndexExpr:
			found = isOp(n.Index)
		case *ast.CallExpr:
			called, ok := n.Fun.(*ast.SelectorExpr)
			found = ok && called.Sel.Name == "Contains" && slices.ContainsFunc(n.Args, isOp)
		}
		if found {
			at = append(at, n.Pos())
		}
		return true
	})
	return at
}

// isOp says whether an expression is n.Op or n.OpName().
func isOp(e ast.Expr) bool {
	if call, ok := e.(*ast.CallExpr); ok {
		called, ok := call.Fun.(*ast.SelectorExpr)
		return ok && called.Sel.Name == "OpName"
	}
	field, ok := e.(*ast.SelectorExpr)
	return ok && field.Sel.Name == "Op"
}

// isName says whether an expression is a text, or a variable that has one.
func isName(e ast.Expr) bool {
	switch e := e.(type) {
	case *ast.BasicLit:
		return e.Kind == token.STRING && e.Value != `""`
	case *ast.Ident:
		return e.Name != "nil"
	}
	return false
}

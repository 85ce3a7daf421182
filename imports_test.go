package ildc_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/ildc/ildc"

// policy says which package may import which. "a, b < c" means that c may import a and b, and what they may import; "." is the
// module's root. Each package of the module stands here. Tests may import any of them.
const policy = `
	# What a graph is, what an op means, what can be told of a whole graph. Everything else stands on these.
	NONE < graph < graph/op < graph/pass

	# An error names the settings that would mend it, by their fields.
	NONE < internal/setting < graph, distill/dataset, distill/engine, distill/engine/ort/library

	# ONNX's messages know no graph: translating is the importer's and the exporter's work.
	NONE < internal/onnxpb
	graph/pass, internal/onnxpb < importer, exporter

	# Apart from the importer, so that only who asks for the cross-check links onnx-go.
	importer < importer/onnxgo

	# Making a student and aligning it are separate, so that students made by others can be aligned. Neither runs anything
	# itself: activations come in as a function.
	graph/pass < models, layermatch

	# Data are named tensors; a loss is ops; an engine runs graphs; none of them knows what training is.
	graph < distill/dataset
	graph < distill/loss
	graph/pass < distill/engine < distill/engine/enginetest, distill/engine/embedded
	distill/engine, exporter < distill/engine/ort

	# ONNX Runtime's library is found and installed without what runs it, in builds without cgo, too.
	NONE < distill/engine/ort/library < distill/engine/ort

	# The arithmetic on slices of one engine.
	NONE < distill/engine/embedded/internal/kernel < distill/engine/embedded

	# Training knows engines by their interface only.
	importer, exporter, models, layermatch, distill/dataset, distill/loss, distill/engine < distill
	importer, distill/dataset, distill/engine < golden

	# What calls have reached, as JSON and text.
	distill < internal/report

	# What memory there is.
	NONE < internal/machine

	# Which engine is wanted, and why it is that one.
	internal/setting, distill/engine/embedded, distill/engine/ort < internal/engines

	# The stages; what runs many of them, or times them; the facade, which hands on; the command.
	golden, distill/engine/embedded, internal/report, internal/machine < internal/pipeline
	internal/pipeline < internal/study, internal/bench
	internal/study, internal/bench, internal/engines < .
	., importer/onnxgo < cmd/ildc
`

// dependencies says which packages may import which other modules. What p may import, its tests may; "p_test" stands for the tests
// alone. No other modules are imported. A package of the standard library that is listed may be imported by those packages only.
const dependencies = `
	# A file format is read and written in one place.
	google.golang.org/protobuf: internal/onnxpb, importer_test, exporter_test
	github.com/owulveryck/onnx-go: importer/onnxgo
	github.com/sbinet/npyio: distill/dataset
	golang.org/x/image: distill/dataset

	# Gorgonia runs steps in one engine, and its autodiff is the oracle of the gradient pass. Its ops say their types in hm's terms, and its
	# tensors are how onnx-go gives weights.
	gorgonia.org/gorgonia: distill/engine/embedded, graph/pass_test
	gorgonia.org/tensor: distill/engine/embedded, graph/pass_test, importer/onnxgo
	go4.org/unsafe/assume-no-moving-gc: distill/engine/embedded, graph/pass_test, importer/onnxgo
	github.com/chewxy/hm: distill/engine/embedded
	gonum.org/v1/gonum: distill/engine/embedded, importer/onnxgo, internal/study
	github.com/viterin/vek: distill/engine/embedded/internal/kernel

	# ONNX Runtime needs cgo, which a build must be able to do without.
	github.com/yalue/onnxruntime_go: distill/engine/ort
	C: NONE

	# What a person at a prompt sees is the command's. A library prints nothing, and fetches nothing but ONNX Runtime when it is asked to.
	github.com/spf13/cobra: cmd/ildc
	github.com/spf13/pflag: cmd/ildc
	github.com/schollz/progressbar/v3: cmd/ildc
	golang.org/x/term: cmd/ildc
	flag: NONE
	log: NONE
	net/http: distill/engine/ort/library
`

// sourcePackage is what the parser sees of a package, in all its files, whatever their build constraints.
type sourcePackage struct {
	files                int      // that are not tests
	imports, testImports []string // of all files
	doc                  []string // files with a package comment
	command              bool
}

func TestImports(t *testing.T) {
	packages := parsePackages(t)
	problems, err := violations(policy, dependencies, packages)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Error(p)
	}
}

func TestPackageComments(t *testing.T) {
	packages := parsePackages(t)
	for _, name := range slices.Sorted(maps.Keys(packages)) {
		p := packages[name]
		want := []string{"doc.go"}
		if p.command {
			want = []string{"main.go"}
		}
		if p.files > 0 && !slices.Equal(p.doc, want) {
			t.Errorf("package %s: files with a package comment: %q, want %q", name, p.doc, want)
		}
	}
}

func TestViolations(t *testing.T) {
	const policy = "NONE < low < middle < high # reason\n NONE < apart"
	const dependencies = "example.org/m: low, high_test\n os: low"
	own := func(p string) []string { return []string{module + "/" + p} }
	tests := []struct {
		name string
		pkg  string
		src  sourcePackage
		want string // part of the one problem; "" for none
	}{
		{"downwards", "middle", sourcePackage{imports: own("low")}, ""},
		{"far downwards", "high", sourcePackage{imports: own("low")}, ""},
		{"upwards", "low", sourcePackage{imports: own("middle")}, "low may not import middle"},
		{"sideways", "apart", sourcePackage{imports: own("low")}, "apart may not import low"},
		{"upwards in a test", "low", sourcePackage{testImports: own("high")}, ""},
		{"unknown importer", "new", sourcePackage{}, "new is not in the policy"},
		{"unknown import", "high", sourcePackage{imports: own("new")}, "high may not import new"},
		{"standard library", "apart", sourcePackage{imports: []string{"fmt", "net/url"}}, ""},
		{"listed of the standard library", "high", sourcePackage{imports: []string{"os"}}, "high may not import os"},
		{"part of a listed one", "high", sourcePackage{imports: []string{"os/exec"}}, ""},
		{"listed module", "low", sourcePackage{imports: []string{"example.org/m/sub"}}, ""},
		{"listed for another", "high", sourcePackage{imports: []string{"example.org/m"}}, "high may not import example.org/m"},
		{"listed for the tests", "high", sourcePackage{testImports: []string{"example.org/m"}}, ""},
		{"listed for what is tested", "low", sourcePackage{testImports: []string{"example.org/m"}}, ""},
		{"not listed for the tests", "middle", sourcePackage{testImports: []string{"example.org/m"}}, "middle_test may not import example.org/m"},
		{"longer name", "low", sourcePackage{imports: []string{"example.org/more"}}, "example.org/more, which is not listed"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := violations(policy, dependencies, map[string]sourcePackage{test.pkg: test.src})
			if err != nil {
				t.Fatal(err)
			}
			if test.want == "" && len(got) > 0 || test.want != "" && (len(got) != 1 || !strings.Contains(got[0], test.want)) {
				t.Errorf("problems %q, want %q", got, test.want)
			}
		})
	}
}

func TestPolicyErrors(t *testing.T) {
	for _, policy := range []string{"NONE < a < a", "NONE < a < b\n b < a", "a < b", "NONE < a < < b"} {
		if _, err := parsePolicy(policy); err == nil {
			t.Errorf("policy %q is accepted", policy)
		}
	}
	for _, dependencies := range []string{"m", "m: a\n m: b"} {
		if _, err := parseDependencies(dependencies); err == nil {
			t.Errorf("dependencies %q are accepted", dependencies)
		}
	}
}

// violations lists every import that policy or dependencies forbid, and every package that policy does not name.
func violations(policy, dependencies string, packages map[string]sourcePackage) ([]string, error) {
	allowed, err := parsePolicy(policy)
	if err != nil {
		return nil, err
	}
	listed, err := parseDependencies(dependencies)
	if err != nil {
		return nil, err
	}
	var problems []string
	bad := func(format string, args ...any) { problems = append(problems, fmt.Sprintf(format, args...)) }
	outside := func(importer, imported string) {
		tested := strings.TrimSuffix(importer, "_test")
		prefix := imported
		for listed[prefix] == nil && strings.Contains(prefix, "/") {
			prefix = path.Dir(prefix)
		}
		standard := !strings.Contains(strings.Split(imported, "/")[0], ".")
		switch {
		case standard && listed[imported] == nil:
		case listed[prefix] == nil:
			bad("%s imports %s, which is not listed", importer, imported)
		case !slices.Contains(listed[prefix], importer) && !slices.Contains(listed[prefix], tested):
			bad("%s may not import %s", importer, imported)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(packages)) {
		if allowed[name] == nil {
			bad("package %s is not in the policy: name what it may import, and what may import it", name)
			continue
		}
		for _, imported := range distinct(packages[name].imports) {
			if of, ours := within(imported); !ours {
				outside(name, imported)
			} else if !allowed[name][of] {
				bad("%s may not import %s", name, of)
			}
		}
		for _, imported := range distinct(packages[name].testImports) {
			if _, ours := within(imported); !ours {
				outside(name+"_test", imported)
			}
		}
	}
	return problems, nil
}

func distinct(names []string) []string { return slices.Compact(slices.Sorted(slices.Values(names))) }

// within gives a package of this module by its path below the root.
func within(imported string) (string, bool) {
	if imported == module {
		return ".", true
	}
	return strings.CutPrefix(imported, module+"/")
}

// parsePolicy gives for each package the set of those that it may import.
func parsePolicy(text string) (map[string]map[string]bool, error) {
	below := map[string][]string{"NONE": nil}
	for _, line := range rules(text) {
		var last []string
		for i, level := range strings.Split(line, "<") {
			names := fields(level)
			if len(names) == 0 {
				return nil, fmt.Errorf("policy: %q: an empty list", line)
			}
			for _, name := range names {
				if i > 0 {
					below[name] = append(below[name], last...)
				}
			}
			last = names
		}
	}
	allowed := map[string]map[string]bool{}
	var reach func(from, name string) error
	reach = func(from, name string) error {
		for _, b := range below[name] {
			if _, ok := below[b]; !ok {
				return fmt.Errorf("policy: %s is below %s and has no rule of its own", b, name)
			}
			if b == from {
				return fmt.Errorf("policy: %s would import itself", from)
			}
			if !allowed[from][b] {
				allowed[from][b] = true
				if err := reach(from, b); err != nil {
					return err
				}
			}
		}
		return nil
	}
	for name := range below {
		allowed[name] = map[string]bool{}
		if err := reach(name, name); err != nil {
			return nil, err
		}
	}
	return allowed, nil
}

// parseDependencies gives for each module the packages that may import it.
func parseDependencies(text string) (map[string][]string, error) {
	listed := map[string][]string{}
	for _, line := range rules(text) {
		name, importers, ok := strings.Cut(line, ":")
		if name = strings.TrimSpace(name); !ok || listed[name] != nil {
			return nil, fmt.Errorf("dependencies: %q: want one rule \"module: packages\" for each module", line)
		}
		listed[name] = fields(importers)
	}
	return listed, nil
}

// rules splits a text into lines without comments.
func rules(text string) []string {
	var all []string
	for line := range strings.Lines(text) {
		line, _, _ = strings.Cut(line, "#")
		if line = strings.TrimSpace(line); line != "" {
			all = append(all, line)
		}
	}
	return all
}

// fields splits a list at commas.
func fields(list string) []string {
	return strings.FieldsFunc(list, func(r rune) bool { return r == ',' || r == ' ' || r == '\t' })
}

// parsePackages reads every Go file of the module, but for those of testdata and of folders that begin with "." or "_".
func parsePackages(t *testing.T) map[string]sourcePackage {
	t.Helper()
	packages := map[string]sourcePackage{}
	err := filepath.WalkDir(".", func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := d.Name()
		if d.IsDir() {
			if name == "testdata" || file != "." && (name[0] == '.' || name[0] == '_') {
				return filepath.SkipDir
			}
			return nil
		}
		if filepath.Ext(name) != ".go" {
			return nil
		}
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly|parser.ParseComments)
		if err != nil {
			return err
		}
		dir := filepath.ToSlash(filepath.Dir(file))
		p := packages[dir]
		switch {
		case strings.HasSuffix(name, "_test.go"):
			p.testImports = append(p.testImports, imports(f)...)
		default:
			p.files++
			p.command = f.Name.Name == "main"
			p.imports = append(p.imports, imports(f)...)
			if f.Doc != nil {
				p.doc = append(p.doc, name)
			}
		}
		packages[dir] = p
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return packages
}

func imports(f *ast.File) []string {
	var all []string
	for _, i := range f.Imports {
		p, _ := strconv.Unquote(i.Path.Value) // the parser has checked it
		all = append(all, p)
	}
	return all
}

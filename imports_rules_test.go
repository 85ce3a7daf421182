package ildc_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// sourcePackage is what the parser sees of a package, in all its files, whatever their build constraints.
type sourcePackage struct {
	files                int      // that are not tests
	imports, testImports []string // of all files
	doc                  []string // files with a package comment
	command              bool
}

// pair is an allowance as a rule states it: above may import below, and what below may import.
type pair struct{ below, above string }

// rule lets packages import a module. An importer "p_test" is the tests of p.
type rule struct {
	module    string
	importers []string
}

// violations lists every import that the rules forbid, and every package that the policy does not name.
func violations(pairs []pair, rules []rule, packages map[string]sourcePackage) []string {
	var problems []string
	bad := func(format string, args ...any) { problems = append(problems, fmt.Sprintf(format, args...)) }
	listed := importersOf(rules)
	outside := func(importer, imported string) {
		tested := strings.TrimSuffix(importer, "_test")
		m := moduleOf(imported, listed)
		switch {
		case listed[m] == nil && standard(imported):
		case listed[m] == nil:
			bad("%s imports %s, which is not listed", importer, imported)
		case !slices.Contains(listed[m], importer) && !slices.Contains(listed[m], tested):
			bad("%s may not import %s", importer, imported)
		}
	}
	allowed := closure(pairs)
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
	return problems
}

// leftovers lists what the rules say of packages that do not exist, and what they allow and is not done: each pair
// "a < b" and each "module: p" is an import that there is, outside of tests.
func leftovers(pairs []pair, rules []rule, packages map[string]sourcePackage) []string {
	var problems []string
	bad := func(format string, args ...any) { problems = append(problems, fmt.Sprintf(format, args...)) }
	exists := func(name string) bool { _, ok := packages[name]; return ok || name == none }

	for _, name := range slices.Sorted(maps.Keys(closure(pairs))) {
		if !exists(name) {
			bad("the policy names package %s, which does not exist", name)
		}
	}
	for _, p := range pairs {
		if p.below == none || !exists(p.below) || !exists(p.above) {
			continue
		}
		if !slices.Contains(packages[p.above].imports, path.Join(module, p.below)) {
			bad("%s < %s: %s does not import it", p.below, p.above, p.above)
		}
	}

	listed := importersOf(rules)
	for _, r := range rules {
		for _, importer := range r.importers {
			name, test := strings.CutSuffix(importer, "_test")
			if !exists(name) {
				bad("%s: package %s does not exist", r.module, name)
				continue
			}
			imports := packages[name].imports
			if test {
				imports = packages[name].testImports
			}
			if name != none && !slices.ContainsFunc(imports, func(i string) bool { return moduleOf(i, listed) == r.module }) {
				bad("%s: %s does not import it", r.module, importer)
			}
		}
	}
	return problems
}

// importersOf gives for each module the packages that may import it.
func importersOf(rules []rule) map[string][]string {
	listed := map[string][]string{}
	for _, r := range rules {
		listed[r.module] = r.importers
	}
	return listed
}

// moduleOf gives the listed module that a package is of, and otherwise what is not listed. A package of the standard
// library is its own module.
func moduleOf(imported string, listed map[string][]string) string {
	m := imported
	for listed[m] == nil && strings.Contains(m, "/") && !standard(imported) {
		m = path.Dir(m)
	}
	return m
}

func standard(imported string) bool { return !strings.Contains(strings.Split(imported, "/")[0], ".") }

func distinct(names []string) []string { return slices.Compact(slices.Sorted(slices.Values(names))) }

// within gives a package of this module by its path below the root.
func within(imported string) (string, bool) {
	if imported == module {
		return ".", true
	}
	return strings.CutPrefix(imported, module+"/")
}

// closure gives for each package that is named the set of those that it may import.
func closure(pairs []pair) map[string]map[string]bool {
	below := map[string][]string{}
	allowed := map[string]map[string]bool{}
	for _, p := range pairs {
		below[p.above] = append(below[p.above], p.below)
		allowed[p.above], allowed[p.below] = map[string]bool{}, map[string]bool{}
	}
	var reach func(from, name string)
	reach = func(from, name string) {
		for _, b := range below[name] {
			if !allowed[from][b] {
				allowed[from][b] = true
				reach(from, b)
			}
		}
	}
	for name := range allowed {
		reach(name, name)
	}
	return allowed
}

// parsePolicy gives the pairs that a policy states.
func parsePolicy(text string) ([]pair, error) {
	var pairs []pair
	for _, line := range lines(text) {
		if !strings.Contains(line, "<") {
			return nil, fmt.Errorf("policy: %q: want \"below < above\"", line)
		}
		var last []string
		for _, level := range strings.Split(line, "<") {
			names := fields(level)
			if len(names) == 0 {
				return nil, fmt.Errorf("policy: %q: an empty list", line)
			}
			for _, above := range names {
				for _, below := range last {
					p := pair{below, above}
					if slices.Contains(pairs, p) {
						return nil, fmt.Errorf("policy: %q: %s < %s stands there twice", line, below, above)
					}
					pairs = append(pairs, p)
				}
			}
			last = names
		}
	}
	allowed := closure(pairs)
	for _, name := range slices.Sorted(maps.Keys(allowed)) {
		if name != none && !slices.ContainsFunc(pairs, func(p pair) bool { return p.above == name }) {
			return nil, fmt.Errorf("policy: %s stands below others and has no rule of its own", name)
		}
		if allowed[name][name] {
			return nil, fmt.Errorf("policy: %s would import itself", name)
		}
	}
	return pairs, nil
}

// parseDependencies gives the rules for other modules.
func parseDependencies(text string) ([]rule, error) {
	var rules []rule
	for _, line := range lines(text) {
		name, importers, ok := strings.Cut(line, ":")
		r := rule{strings.TrimSpace(name), fields(importers)}
		twice := slices.ContainsFunc(rules, func(other rule) bool { return other.module == r.module })
		if !ok || twice || len(r.importers) == 0 {
			return nil, fmt.Errorf("dependencies: %q: want one rule \"module: packages\" for each module", line)
		}
		rules = append(rules, r)
	}
	return rules, nil
}

// lines splits a text into lines without comments.
func lines(text string) []string {
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

// parsePackages reads every Go file of the module, but for those of testdata, of folders that begin with "." or "_",
// and of modules of their own.
func parsePackages(t *testing.T) map[string]sourcePackage {
	t.Helper()
	packages := map[string]sourcePackage{}
	err := filepath.WalkDir(".", func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := d.Name()
		if d.IsDir() {
			_, apart := os.Stat(filepath.Join(file, "go.mod")) // a module of its own
			if name == "testdata" || file != "." && (name[0] == '.' || name[0] == '_' || apart == nil) {
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

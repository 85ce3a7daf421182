package ildc_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// declarations are the names of a package's files, tests excepted: Name, Type.Method and Type.Field, exported or not.
type declarations struct {
	names   map[string]bool
	aliases map[string]string // of types of other packages: Name to pkg.Name
	files   []*ast.File
	command bool
}

// docLink is what Go takes for a link to a name: Name, Type.Method, pkg.Name or pkg.Type.Method in brackets.
var docLink = regexp.MustCompile(
	`(?:^|[\s(—,;:])\[\*?((?:[a-z][\w/]*\.)?[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)?)\](?:$|[^\[\w])`)

// Links in comments lead to something. Comments within functions are nobody's documentation.
func TestDocLinks(t *testing.T) {
	fset := token.NewFileSet()
	packages := parseDeclarations(t, fset)
	byName := map[string]*declarations{} // by the last element of the path
	for name, p := range packages {
		if !p.command {
			byName[path.Base(name)] = p
		}
	}
	for name, p := range packages {
		for _, file := range p.files {
			for at, link := range docLinks(file) {
				if !resolves(link, p, importedNames(file), byName) {
					t.Errorf("%s: [%s] is nothing that package %s knows", fset.Position(at), link, name)
				}
			}
		}
	}
}

func TestResolves(t *testing.T) {
	own := &declarations{
		names:   map[string]bool{"Type": true, "Type.Method": true, "helper": true, "Alias": true},
		aliases: map[string]string{"Alias": "other.Other"},
	}
	other := &declarations{names: map[string]bool{"Other": true, "Other.Field": true}}
	for link, want := range map[string]bool{
		"Type": true, "Type.Method": true, "helper": true, "Type.No": false, "Absent": false, "copies.calibration": false,
		"Alias.Field": true, "Alias.No": false, "other.Other": true, "other.No": false,
		"other": true, "slog.Logger": true, "N": true, "batch": true,
	} {
		imported := map[string]bool{"slog": true}
		if got := resolves(link, own, imported, map[string]*declarations{"other": other}); got != want {
			t.Errorf("[%s]: %t, want %t", link, got, want)
		}
	}
}

// resolves says whether link is a name of p, or of another package. Packages outside of the module are taken at their
// word. One word that begins in lower case, or has two letters at most, may be a shape, as in [batch] or [N].
func resolves(link string, p *declarations, imported map[string]bool, byName map[string]*declarations) bool {
	if p.has(link, byName) {
		return true
	}
	first, rest, dotted := strings.Cut(link, ".")
	if !dotted {
		return len(link) <= 2 || !ast.IsExported(link)
	}
	if other := byName[path.Base(first)]; other != nil {
		return other.has(rest, byName)
	}
	return imported[first]
}

// has says whether a name is declared, by the package itself or by one that it has a type's alias from.
func (p *declarations) has(name string, byName map[string]*declarations) bool {
	first, member, _ := strings.Cut(name, ".")
	pkg, of, aliased := strings.Cut(p.aliases[first], ".")
	return p.names[name] || aliased && byName[pkg] != nil && byName[pkg].has(of+"."+member, byName)
}

// docLinks gives the links in the comments of a file, by position.
func docLinks(file *ast.File) map[token.Pos]string {
	links := map[token.Pos]string{}
	for _, group := range file.Comments {
		if slices.ContainsFunc(file.Decls, func(d ast.Decl) bool { return inBody(d, group) }) {
			continue
		}
		for _, comment := range group.List {
			text := comment.Text
			if !strings.Contains(text, "[") {
				continue
			}
			if strings.HasPrefix(text, "//\t") || strings.HasPrefix(text, "//  ") && !strings.HasPrefix(text, "//   - ") {
				continue // code
			}
			for _, m := range docLink.FindAllStringSubmatchIndex(text, -1) {
				links[comment.Pos()+token.Pos(m[2])] = text[m[2]:m[3]]
			}
		}
	}
	return links
}

func inBody(d ast.Decl, group *ast.CommentGroup) bool {
	f, ok := d.(*ast.FuncDecl)
	return ok && f.Body != nil && f.Body.Pos() < group.Pos() && group.Pos() < f.Body.End()
}

// importedNames are the names that a file gives to what it imports.
func importedNames(file *ast.File) map[string]bool {
	names := map[string]bool{}
	for _, spec := range file.Imports {
		imported, _ := strconv.Unquote(spec.Path.Value)
		names[path.Base(imported)] = true
		if spec.Name != nil {
			names[spec.Name.Name] = true
		}
	}
	return names
}

// parseDeclarations reads every package of the module, by its path below the root.
func parseDeclarations(t *testing.T, fset *token.FileSet) map[string]*declarations {
	t.Helper()
	packages := map[string]*declarations{}
	err := filepath.WalkDir(".", func(file string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && file != "." && (strings.HasPrefix(entry.Name(), ".") || entry.Name() == "testdata"):
			return fs.SkipDir
		case entry.IsDir() || filepath.Ext(file) != ".go" || strings.HasSuffix(file, "_test.go"):
			return nil
		}
		f, err := parser.ParseFile(fset, file, nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		name := filepath.ToSlash(filepath.Dir(file))
		if name == "." {
			name = f.Name.Name
		}
		if packages[name] == nil {
			packages[name] = &declarations{
				names: map[string]bool{}, aliases: map[string]string{}, command: f.Name.Name == "main",
			}
		}
		packages[name].add(f)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return packages
}

func (p *declarations) add(file *ast.File) {
	p.files = append(p.files, file)
	for _, d := range file.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			p.names[receiver(d)+d.Name.Name] = true
		case *ast.GenDecl:
			for _, spec := range d.Specs {
				switch spec := spec.(type) {
				case *ast.TypeSpec:
					p.names[spec.Name.Name] = true
					p.addMembers(spec)
				case *ast.ValueSpec:
					for _, name := range spec.Names {
						p.names[name.Name] = true
					}
				}
			}
		}
	}
}

// addMembers adds a type's fields, the methods of an interface, or what an alias stands for.
func (p *declarations) addMembers(spec *ast.TypeSpec) {
	var members *ast.FieldList
	switch body := spec.Type.(type) {
	case *ast.StructType:
		members = body.Fields
	case *ast.InterfaceType:
		members = body.Methods
	case *ast.SelectorExpr:
		if pkg, ok := body.X.(*ast.Ident); ok && spec.Assign.IsValid() {
			p.aliases[spec.Name.Name] = pkg.Name + "." + body.Sel.Name
		}
		return
	default:
		return
	}
	for _, member := range members.List {
		for _, name := range member.Names {
			p.names[spec.Name.Name+"."+name.Name] = true
		}
	}
}

// receiver is a method's type and a dot, or nothing for a function.
func receiver(f *ast.FuncDecl) string {
	if f.Recv == nil {
		return ""
	}
	of := f.Recv.List[0].Type
	if star, ok := of.(*ast.StarExpr); ok {
		of = star.X
	}
	if generic, ok := of.(*ast.IndexExpr); ok {
		of = generic.X
	}
	if name, ok := of.(*ast.Ident); ok {
		return name.Name + "."
	}
	return ""
}

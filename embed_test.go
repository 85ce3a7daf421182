package ildc_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/ildc/ildc/internal/shared"
)

// Another module uses the library as one would who depends on it: testdata/pipeline, with a replace line.
func TestOutsideModule(t *testing.T) {
	shared.Long(t)
	root := shared.Root(t)
	dir := t.TempDir()
	copyFile := func(from, to string, change func(string) string) {
		t.Helper()
		data, err := os.ReadFile(from)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, to), []byte(change(string(data))), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	same := func(s string) string { return s }
	copyFile("go.sum", "go.sum", same)
	copyFile("testdata/pipeline/main.go", "main.go", same)
	copyFile("go.mod", "go.mod", func(s string) string {
		s = regexp.MustCompile(`(?m)^module .*$`).ReplaceAllString(s, "module example.com/pipeline")
		return s + "\nrequire github.com/ildc/ildc v0.0.0\n\nreplace github.com/ildc/ildc => " + root + "\n"
	})
	c := exec.Command("go", "run", ".", filepath.Join(root, small))
	c.Dir = dir
	c.Env = append(os.Environ(), "GOFLAGS=-mod=mod", "GOPROXY=off", "GOWORK=off", "CGO_ENABLED=0")
	out, err := c.CombinedOutput()
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	slices.Sort(lines)
	if want := []string{"cancelled: true", "finished: 10 true true true true"}; err != nil || !slices.Equal(lines, want) {
		t.Errorf("%v\n%s\nwant %q", err, out, want)
	}
}

package exporter_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/ildc/ildc/exporter"
	"github.com/ildc/ildc/graph"
	"github.com/ildc/ildc/importer"
	"github.com/ildc/ildc/internal/onnxpb"
)

const externalFixture = "../testdata/onnx/external_data"

func importFile(t *testing.T, path string) *graph.Graph {
	t.Helper()
	g, err := importer.File(filepath.FromSlash(path))
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// verify reads an exported file back.
func verify(t *testing.T, path string, g *graph.Graph) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := importer.Verify(data, importer.Options{Dir: filepath.Dir(path)}, g); err != nil {
		t.Error(err)
	}
}

// contents lists the names in a folder.
func contents(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

func TestFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "student.onnx")
	g := importFile(t, "../testdata/onnx/residual_bn/model.onnx")
	for range 2 { // the second replaces the first
		if err := exporter.File(path, g, exporter.Options{}); err != nil {
			t.Fatal(err)
		}
		verify(t, path, g)
	}
	if got, want := contents(t, dir), []string{"student.onnx"}; !slices.Equal(got, want) {
		t.Errorf("the folder has %q, want %q", got, want)
	}
}

// TestFileFails checks that nothing is left, and that what was there stays, where a file cannot be written.
func TestFileFails(t *testing.T) {
	whole := importFile(t, "../testdata/onnx/residual_bn/model.onnx")
	broken, _ := whole.Clone()
	broken.Initializers[0].Const = &graph.Tensor{DType: broken.Initializers[0].DType,
		Dims: broken.Initializers[0].Const.Dims}
	tests := []struct {
		name string
		g    *graph.Graph
		path func(dir string) string
	}{
		{"graph", broken, func(dir string) string { return filepath.Join(dir, "old.onnx") }},
		{"name of a folder", whole, func(dir string) string { return filepath.Join(dir, "folder") }},
		{"folder that is not there", whole, func(dir string) string { return filepath.Join(dir, "absent", "m.onnx") }},
	}
	for _, test := range tests {
		for _, external := range []bool{false, true} {
			t.Run(test.name, func(t *testing.T) {
				dir := t.TempDir()
				if err := os.WriteFile(filepath.Join(dir, "old.onnx"), []byte("old"), 0o666); err != nil {
					t.Fatal(err)
				}
				if err := os.MkdirAll(filepath.Join(dir, "folder", "full"), 0o777); err != nil {
					t.Fatal(err)
				}
				err := exporter.File(test.path(dir), test.g, exporter.Options{External: external})
				if err == nil || !strings.HasPrefix(err.Error(), "exporter: "+dir) {
					t.Errorf("error %v, want one that names the file", err)
				}
				if got, want := contents(t, dir), []string{"folder", "old.onnx"}; !slices.Equal(got, want) {
					t.Errorf("the folder has %q, want %q", got, want)
				}
				if old, err := os.ReadFile(filepath.Join(dir, "old.onnx")); err != nil || string(old) != "old" {
					t.Errorf("the old file holds %q, %v", old, err)
				}
			})
		}
	}
}

func TestWriteExternal(t *testing.T) {
	g := importFile(t, "../testdata/onnx/residual_bn/model.onnx")
	dir := t.TempDir()
	path := filepath.Join(dir, "m.onnx")
	if err := exporter.File(path, g, exporter.Options{External: true}); err != nil {
		t.Fatal(err)
	}
	if got, want := contents(t, dir), []string{"m.onnx", "m.onnx.data"}; !slices.Equal(got, want) {
		t.Errorf("the folder has %q, want %q", got, want)
	}
	verify(t, path, g)
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	there := 0
	for _, w := range decode(t, data).Graph.Initializer {
		size, err := w.RawLen()
		if err != nil {
			t.Fatal(err)
		}
		if w.External() != (size >= 1024) {
			t.Errorf("%q of %d bytes: external %v", w.GetName(), size, w.External())
		}
		if w.External() {
			there++
		}
	}
	if there == 0 {
		t.Error("no weight is in the data file")
	}

	// What was written is read, and written again over itself.
	again := importFile(t, path)
	if err := exporter.File(path, again, exporter.Options{External: true}); err != nil {
		t.Fatal(err)
	}
	verify(t, path, g)
}

// TestExternalReferences exports a model with external data beside that data, and elsewhere.
func TestExternalReferences(t *testing.T) {
	g := importFile(t, externalFixture+"/model.onnx")
	external := func(t *testing.T, data []byte) (n int) {
		t.Helper()
		for _, w := range decode(t, data).Graph.Initializer {
			if w.External() {
				n++
			}
		}
		return n
	}
	marshal := func(t *testing.T, dir string) []byte {
		t.Helper()
		data, err := exporter.Marshal(g, exporter.Options{Dir: dir})
		if err != nil {
			t.Fatal(err)
		}
		if err := importer.Verify(data, importer.Options{Dir: dir}, g); err != nil {
			t.Error(err)
		}
		return data
	}
	want := external(t, func() []byte {
		data, err := onnxpb.Marshal(g.Origin.(*onnxpb.ModelProto))
		if err != nil {
			t.Fatal(err)
		}
		return data
	}())
	if got := external(t, marshal(t, filepath.FromSlash(externalFixture))); got != want || want == 0 {
		t.Errorf("beside the data %d external tensors, want %d", got, want)
	}
	if got := external(t, marshal(t, "")); got != 0 {
		t.Errorf("without a folder %d external tensors, want none", got)
	}
	dir := t.TempDir()
	if got := external(t, marshal(t, dir)); got != 0 {
		t.Errorf("elsewhere %d external tensors, want none", got)
	}
	if err := os.WriteFile(filepath.Join(dir, "weights.data"), make([]byte, 1<<16), 0o666); err != nil {
		t.Fatal(err)
	}
	if got := external(t, marshal(t, dir)); got != 0 {
		t.Errorf("beside other data of that name %d external tensors, want none", got)
	}
	path := filepath.Join(dir, "m.onnx")
	if err := exporter.File(path, g, exporter.Options{}); err != nil {
		t.Fatal(err)
	}
	verify(t, path, g)
}

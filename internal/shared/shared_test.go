package shared

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func TestRoot(t *testing.T) {
	module := filepath.Join(Root(t), "internal", "shared", "shared_test.go")
	if _, err := os.Stat(module); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(Testdata(t, "digits/teacher.onnx")); err != nil {
		t.Error(err)
	}
}

// What is missing skips the test, and does not fail it.
func TestFileSkips(t *testing.T) {
	var inner *testing.T
	t.Run("missing", func(t *testing.T) {
		inner = t
		File(t, "no/such.onnx")
		t.Error("goes on without the file")
	})
	if !inner.Skipped() {
		t.Error("was not skipped")
	}
}

// Each model of the sample is there, and CI tests them all.
func TestSomeModels(t *testing.T) {
	t.Setenv("CI", "true")
	all := SomeModels(t)
	if !slices.Equal(all, Models(t)) {
		t.Errorf("%d models, not all", len(all))
	}
	t.Setenv("CI", "")
	var names []string
	for _, file := range SomeModels(t) {
		names = append(names, Name(file))
	}
	if !slices.Equal(names, sample) {
		t.Errorf("the sample is %q, and there are %q", sample, names)
	}
}

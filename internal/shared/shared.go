package shared

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// Root is the folder of the module, by its full path: the one with go.mod, at or above the test's own folder.
func Root(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for ; ; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		if dir == filepath.Dir(dir) {
			t.Fatal("no go.mod at or above the test's folder")
		}
	}
}

// Testdata is a file or a folder of the module's testdata, by its slash-separated path below that.
func Testdata(t testing.TB, path string) string {
	t.Helper()
	return filepath.Join(Root(t), "testdata", filepath.FromSlash(path))
}

// Folder is ../shared, whether or not it is there.
func Folder(t testing.TB) string {
	t.Helper()
	return filepath.Join(filepath.Dir(Root(t)), "shared")
}

// File is a file or a folder of ../shared, by its slash-separated path below that. Where it is not there the test
// is skipped.
func File(t testing.TB, path string) string {
	t.Helper()
	full := filepath.Join(Folder(t), filepath.FromSlash(path))
	if _, err := os.Stat(full); err != nil {
		t.Skipf("../shared/%s is not there: it is not part of the repository", path)
	}
	return full
}

// All says whether everything is tested that takes long, and not a sample of it: where the environment has CI, as
// services that run every commit's tests set it.
func All() bool { return os.Getenv("CI") != "" }

// Models lists the models of others, in order. Where there are none, and in short mode, the test is skipped.
func Models(t testing.TB) []string {
	t.Helper()
	if testing.Short() {
		t.Skip("the models of ../shared are left out in short mode")
	}
	files, err := filepath.Glob(filepath.Join(File(t, "models"), "*", "*.onnx"))
	if err != nil {
		t.Fatal(err)
	}
	if len(files) == 0 {
		t.Skip("../shared/models has no models: they are not part of the repository")
	}
	return files
}

// SomeModels lists what [Models] does if [All], and otherwise those of a fixed sample: for tests that take long.
func SomeModels(t testing.TB) []string {
	t.Helper()
	files := Models(t)
	if All() {
		return files
	}
	some := slices.DeleteFunc(slices.Clone(files), func(file string) bool { return !slices.Contains(sample, Name(file)) })
	t.Logf("a sample of %d of %d models; CI=true tests them all", len(some), len(files))
	return some
}

// Name is what a model of [Models] is known by: its folder's name.
func Name(file string) string { return filepath.Base(filepath.Dir(file)) }

// Long skips, in short mode, a test that trains students, or that works long for another reason.
func Long(t testing.TB) {
	t.Helper()
	if testing.Short() {
		t.Skip("whole trainings, and what else takes long, are left out in short mode")
	}
}

package library

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/ildc/ildc/internal/setting"
)

// home sets the folders that the user has to empty ones, and gives the install folder.
func home(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"XDG_CACHE_HOME", "HOME", "LocalAppData"} {
		t.Setenv(name, dir)
	}
	for _, name := range []string{Environment, "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH"} {
		t.Setenv(name, "")
	}
	folder, err := Folder()
	if err != nil {
		t.Fatal(err)
	}
	return folder
}

func put(t *testing.T, path string, data []byte) string {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestFind(t *testing.T) {
	variable := map[string]string{"windows": "PATH", "darwin": "DYLD_LIBRARY_PATH"}[runtime.GOOS]
	if variable == "" {
		variable = "LD_LIBRARY_PATH"
	}
	folder := home(t)
	good := hostLibrary(t)
	name := installedName(runtime.GOOS)

	// From the last place to the first: each takes the place of those before.
	broken := t.TempDir()
	put(t, filepath.Join(broken, name), []byte("no library"))
	system := put(t, filepath.Join(t.TempDir(), name), good)
	t.Setenv(variable, strings.Join([]string{broken, "relative", filepath.Dir(system)}, string(os.PathListSeparator)))
	wantFound(t, "", Found{system, FromSystem})
	installed := put(t, filepath.Join(folder, name), []byte("whatever is installed"))
	wantFound(t, "", Found{installed, FromFolder})
	named := put(t, filepath.Join(t.TempDir(), "named"), good)
	t.Setenv(Environment, named)
	wantFound(t, "", Found{named, FromEnvironment})
	given := put(t, filepath.Join(t.TempDir(), "given"), good)
	wantFound(t, given, Found{given, FromPath})

	// What is named and not there is not passed over.
	missing := filepath.Join(t.TempDir(), "missing")
	wantNotFound(t, missing, FromPath, missing)
	wantNotFound(t, folder, FromPath, folder, "no regular file")
	t.Setenv(Environment, missing)
	wantNotFound(t, "", FromEnvironment, missing)

	// A relative path is one in this folder, and not a name that the system looks up.
	t.Chdir(filepath.Dir(given))
	wantFound(t, "given", Found{given, FromPath})
}

func TestFindNothing(t *testing.T) {
	folder := home(t)
	if f, err := Find(""); err == nil {
		t.Skipf("there is one in the system's paths: %s", f.Path)
	}
	wantNotFound(t, "", filepath.Join(folder, installedName(runtime.GOOS)), Environment)
	if runtime.GOOS == "linux" {
		dir := t.TempDir()
		t.Setenv("LD_LIBRARY_PATH", dir)
		broken := put(t, filepath.Join(dir, "libonnxruntime.so.1.9.0"), nil)
		wantNotFound(t, "", broken+": it is empty", dir, "/usr/local/lib", "/usr/lib")
	}
}

func wantFound(t *testing.T, explicit string, want Found) {
	t.Helper()
	got, err := Find(explicit)
	if err != nil || !sameFile(t, got.Path, want.Path) || got.Source != want.Source || !filepath.IsAbs(got.Path) {
		t.Errorf("found %+v, %v; want %+v", got, err, want)
	}
}

// sameFile tells whether two paths lead to one file: a temporary folder may have two.
func sameFile(t *testing.T, a, b string) bool {
	t.Helper()
	first, errA := os.Stat(a)
	second, errB := os.Stat(b)
	return errA == nil && errB == nil && os.SameFile(first, second)
}

func wantNotFound(t *testing.T, explicit string, says ...string) {
	t.Helper()
	got, err := Find(explicit)
	if !errors.Is(err, ErrNotFound) {
		t.Fatalf("found %+v, %v; want ErrNotFound", got, err)
	}
	for _, s := range says {
		if !strings.Contains(err.Error(), s) {
			t.Errorf("error does not say %q: %v", s, err)
		}
	}
	if fields := setting.Fields(err); !slices.Equal(fields, []string{"Library"}) {
		t.Errorf("the settings that would mend it are %q, want Library", fields)
	}
}

func TestCandidates(t *testing.T) {
	for _, c := range []struct {
		goos        string
		names, want []string
	}{
		{"linux", []string{"libonnxruntime.so.1.9.0", "libonnxruntime.so.1.30.0", "libonnxruntime.so.1", "libonnxruntime.so",
			"libonnxruntime_providers_shared.so", "onnxruntime.dll"},
			[]string{"libonnxruntime.so", "libonnxruntime.so.1", "libonnxruntime.so.1.30.0", "libonnxruntime.so.1.9.0"}},
		{"darwin", []string{"libonnxruntime.1.30.0.dylib", "libonnxruntime.1.dylib", "libonnxruntime.so"},
			[]string{"libonnxruntime.1.dylib", "libonnxruntime.1.30.0.dylib"}},
		{"windows", []string{"DirectML.dll", "onnxruntime.dll"}, []string{"onnxruntime.dll"}},
		{"linux", nil, nil},
	} {
		dir := t.TempDir()
		for _, n := range c.names {
			put(t, filepath.Join(dir, n), nil)
		}
		var got []string
		for _, path := range candidates(c.goos, dir) {
			got = append(got, filepath.Base(path))
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", c.goos, got, c.want)
		}
	}
	if got := candidates("linux", filepath.Join(t.TempDir(), "missing")); got != nil {
		t.Errorf("a folder that is not there has %v", got)
	}
}

func TestSystemFolders(t *testing.T) {
	t.Setenv("LD_LIBRARY_PATH", "/a:relative::/a/")
	got := systemFolders("linux", "arm64")
	if !slices.Contains(got, "/a") && runtime.GOOS != "windows" || slices.Contains(got, "relative") ||
		runtime.GOOS != "windows" && !slices.Contains(got, "/usr/lib/aarch64-linux-gnu") {
		t.Errorf("folders %v", got)
	}
	for i, folder := range got {
		if !filepath.IsAbs(folder) || slices.Contains(got[:i], folder) {
			t.Errorf("folder %q of %v is relative or there twice", folder, got)
		}
	}
	windows, other := filepath.Join(t.TempDir(), "Windows"), t.TempDir()
	t.Setenv("SystemRoot", windows)
	t.Setenv("PATH", filepath.Join(windows, "System32")+string(os.PathListSeparator)+other)
	if got := systemFolders("windows", "amd64"); slices.Contains(got, filepath.Join(windows, "System32")) ||
		!slices.Contains(got, other) {
		t.Errorf("folders of Windows: %v", got)
	}
}

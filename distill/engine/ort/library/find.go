package library

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/ildc/ildc/internal/setting"
)

// Find gives the first library of: the one that is given, the one that ILDC_ORT_LIB names, the one in the install
// folder, and those in the system's library paths that pass [Check]. A library that is named and not there is an
// error, whatever the other places hold. Errors wrap [ErrNotFound], list every place that was looked at, and name the
// setting Library.
func Find(explicit string) (Found, error) {
	for _, named := range []Found{{explicit, FromPath}, {os.Getenv(Environment), FromEnvironment}} {
		if named.Path == "" {
			continue
		}
		if err := isFile(named.Path); err != nil {
			return Found{}, setting.Mends(fmt.Errorf("library: %w by %s: %w", ErrNotFound, named.Source, err), "Library")
		}
		path, err := filepath.Abs(named.Path) // a bare name would be looked for in the system's paths when it is loaded
		if err != nil {
			return Found{}, fmt.Errorf("library: %s: %w", named.Source, err)
		}
		return Found{path, named.Source}, nil
	}
	var looked []string
	if folder, err := Folder(); err != nil {
		looked = append(looked, err.Error())
	} else {
		path := filepath.Join(folder, installedName(runtime.GOOS))
		if isFile(path) == nil {
			return Found{path, FromFolder}, nil
		}
		looked = append(looked, path)
	}
	for _, folder := range systemFolders(runtime.GOOS, runtime.GOARCH) {
		for _, path := range candidates(runtime.GOOS, folder) {
			err := Check(path)
			if err == nil {
				return Found{path, FromSystem}, nil
			}
			looked = append(looked, strings.TrimPrefix(err.Error(), "library: "))
		}
		looked = append(looked, folder)
	}
	return Found{}, setting.Mends(fmt.Errorf("library: %w: no path is given, %s names none, and there is none in\n  %s",
		ErrNotFound, Environment, strings.Join(looked, "\n  ")), "Library")
}

// isFile says why a path is no file.
func isFile(path string) error {
	info, err := os.Stat(path)
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s: %w", path, errNoFile)
	}
	return err
}

var errNoFile = errors.New("it is no regular file")

// systemFolders lists the folders in which libraries are looked for, absolute ones only: beside the program, those of
// the loader's variable, and the system's own. Windows brings an old ONNX Runtime for its own use, and so its folder
// is left out.
func systemFolders(goos, goarch string) []string {
	var folders []string
	if program, err := os.Executable(); err == nil {
		folders = append(folders, filepath.Dir(program))
	}
	switch goos {
	case "windows":
		root := strings.ToLower(filepath.Clean(os.Getenv("SystemRoot")))
		for _, folder := range filepath.SplitList(os.Getenv("PATH")) {
			if root == "." || !strings.HasPrefix(strings.ToLower(filepath.Clean(folder)), root) {
				folders = append(folders, folder)
			}
		}
	case "darwin":
		folders = append(folders, filepath.SplitList(os.Getenv("DYLD_LIBRARY_PATH"))...)
		folders = append(folders, "/opt/homebrew/lib", "/usr/local/lib")
	default:
		folders = append(folders, filepath.SplitList(os.Getenv("LD_LIBRARY_PATH"))...)
		folders = append(folders, "/usr/local/lib", "/usr/local/lib64", "/usr/lib", "/usr/lib64")
		if triplet := map[string]string{"amd64": "x86_64-linux-gnu", "arm64": "aarch64-linux-gnu"}[goarch]; triplet != "" {
			folders = append(folders, filepath.Join("/usr/lib", triplet))
		}
	}
	var distinct []string
	for _, folder := range folders {
		if folder = filepath.Clean(folder); filepath.IsAbs(folder) && !slices.Contains(distinct, folder) {
			distinct = append(distinct, folder)
		}
	}
	return distinct
}

// candidates lists what is named as the library in a folder, the plainest name first, and the newest version first.
func candidates(goos, folder string) []string {
	patterns := []string{"libonnxruntime.so", "libonnxruntime.so.1", "libonnxruntime.so.1.*"}
	switch goos {
	case "windows":
		patterns = []string{"onnxruntime.dll"}
	case "darwin":
		patterns = []string{"libonnxruntime.dylib", "libonnxruntime.1.dylib", "libonnxruntime.1.*.dylib"}
	}
	entries, err := os.ReadDir(folder) // a folder that is not there has none
	if err != nil {
		return nil
	}
	var all []string
	for _, pattern := range patterns {
		var matching []string
		for _, e := range entries {
			if ok, _ := filepath.Match(pattern, e.Name()); ok && !slices.Contains(all, filepath.Join(folder, e.Name())) {
				matching = append(matching, filepath.Join(folder, e.Name()))
			}
		}
		// 1.30.0 before 1.9.0
		slices.SortFunc(matching, func(a, b string) int { return cmp.Or(len(b)-len(a), strings.Compare(b, a)) })
		all = append(all, matching...)
	}
	return all
}

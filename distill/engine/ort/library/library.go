package library

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
)

// Version is the version of ONNX Runtime that is installed. The engine loads others, too, from 1.29 on.
const Version = "1.30.0"

// Environment is the variable that may name the library.
const Environment = "ILDC_ORT_LIB"

// Where a library can be from: [Found].Source.
const (
	FromPath        = "the path given"
	FromEnvironment = Environment
	FromFolder      = "install folder"
	FromSystem      = "system path"
)

// Found is a library, by its absolute path, and what named it.
type Found struct{ Path, Source string }

// ErrNotFound is wrapped by the errors of [Find]: [Install] gets a library, or a file that is there is named.
var ErrNotFound = errors.New("no ONNX Runtime found")

// Folder is where the pinned version is installed: ildc/onnxruntime/1.30.0 in the user's cache folder.
func Folder() (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("library: there is no folder to install to: %w", err)
	}
	return filepath.Join(cache, "ildc", "onnxruntime", Version), nil
}

// installedName is the file name of an installed library. On Linux it is the name that the library itself states.
func installedName(goos string) string {
	switch goos {
	case "windows":
		return "onnxruntime.dll"
	case "darwin":
		return "libonnxruntime.dylib"
	}
	return "libonnxruntime.so.1"
}

// host is the platform that this program runs on.
func host() (goos, goarch string) { return runtime.GOOS, runtime.GOARCH }

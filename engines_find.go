package ildc

import (
	"errors"
	"fmt"
	"os"
)

// errNoLibrary says that no library was named.
var errNoLibrary = errors.New("no ONNX Runtime found")

// foundLibrary is a shared library, and what named it.
type foundLibrary struct{ Path, Source string }

// findLibrary takes the library that is given, or the one that the environment names.
func findLibrary(explicit string) (foundLibrary, error) {
	found := foundLibrary{explicit, "--ort-lib"}
	if explicit == "" {
		found = foundLibrary{os.Getenv("ILDC_ORT_LIB"), "ILDC_ORT_LIB"}
	}
	if found.Path == "" {
		return found, errNoLibrary
	}
	info, err := os.Stat(found.Path)
	switch {
	case err != nil:
		return found, fmt.Errorf("%w: %s: %w", errNoLibrary, found.Source, err)
	case !info.Mode().IsRegular():
		return found, fmt.Errorf("%w: %s: %s is no file", errNoLibrary, found.Source, found.Path)
	}
	return found, nil
}

//go:build cgo

package ort

import (
	"errors"
	"fmt"
	"sync"

	onnxruntime "github.com/yalue/onnxruntime_go"

	"github.com/ildc/ildc/distill/engine/ort/library"
	"github.com/ildc/ildc/internal/setting"
)

// ErrUnavailable is wrapped by the errors of New.
var ErrUnavailable = errors.New("ONNX Runtime is not available")

// Loadable says why no library can be loaded by this program, whatever it is: a build without cgo loads none. Here it
// is nil.
func Loadable() error { return nil }

// environment is ONNX Runtime's, of which a process has one. It is never torn down: the host process may use it, too.
var environment = struct {
	sync.Mutex
	library string        // that this package loaded; "" where the host did
	layout  func() layout // of the loaded library
}{layout: sync.OnceValue(findLayout)}

// load makes the environment from a library, or takes the one that is there.
func load(path string) error {
	environment.Lock()
	defer environment.Unlock()
	loaded := onnxruntime.IsInitialized()
	if loaded && (path == "" || environment.library == "" || environment.library == path) {
		return nil
	}
	if path == "" {
		return unavailable(errors.New("no library was named"))
	}
	if err := library.Check(path); err != nil { // loading a truncated one would end the process
		return unavailable(err)
	}
	if loaded {
		return unavailable(fmt.Errorf("%s: a process can load one library, and has loaded %s", path, environment.library))
	}
	onnxruntime.SetSharedLibraryPath(path)
	// Failures come back as errors; what is logged beside them would only clutter the terminal.
	if err := onnxruntime.InitializeEnvironment(onnxruntime.WithLogLevelFatal()); err != nil {
		return unavailable(fmt.Errorf("%s: %w (version 1.29 or newer is needed)", path, err))
	}
	environment.library = path
	return nil
}

// unavailable says why no library can be had. Another library would do.
func unavailable(why error) error {
	return setting.Mends(fmt.Errorf("%w: %w", ErrUnavailable, why), "Library")
}

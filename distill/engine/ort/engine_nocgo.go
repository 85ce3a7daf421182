//go:build !cgo

package ort

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/ildc/ildc/distill/engine"
	"github.com/ildc/ildc/graph"
)

// ErrUnavailable is wrapped by the errors of New.
var ErrUnavailable = errors.New("ONNX Runtime is not available")

// errNoCgo says what is missing.
var errNoCgo = fmt.Errorf("ort: %w: this program was built without cgo, which loading it needs; "+
	"build it with CGO_ENABLED=1", ErrUnavailable)

// Loadable says why no library can be loaded by this program, whatever it is.
func Loadable() error { return errNoCgo }

// Engine is what a build without cgo has in place of the engine. There is no way to make one that works.
type Engine struct{}

// New fails, since this program was built without cgo.
func New(string) (*Engine, error) { return nil, errNoCgo }

// Name implements [engine.Engine].
func (*Engine) Name() string { return "ort" }

// Release is the version of the library.
func (*Engine) Release() string { return "" }

// Providers lists no execution provider.
func (*Engine) Providers() []string { return nil }

// CheckDevice fails, since this program was built without cgo.
func (*Engine) CheckDevice(engine.Options) error { return errNoCgo }

// Version implements [engine.Engine].
func (*Engine) Version() string { return "onnxruntime" }

// Native implements [engine.Engine].
func (*Engine) Native() []string { return natives() }

// Compile implements [engine.Engine].
func (*Engine) Compile(context.Context, *engine.Step, engine.Options) (engine.Program, error) {
	return nil, errNoCgo
}

// RunModel fails, since this program was built without cgo.
func (*Engine) RunModel(
	context.Context, []byte, map[string]*graph.Tensor, ...string,
) (map[string]*graph.Tensor, error) {
	return nil, errNoCgo
}

// TimeModels fails, since this program was built without cgo.
func (*Engine) TimeModels(
	context.Context, [][]byte, []map[string]*graph.Tensor, [][]string, engine.Options,
) ([]time.Duration, error) {
	return nil, errNoCgo
}

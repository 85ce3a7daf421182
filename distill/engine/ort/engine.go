//go:build cgo

package ort

import (
	"context"
	"fmt"
	"runtime"

	onnxruntime "github.com/yalue/onnxruntime_go"

	"github.com/ildc/ildc/distill/engine"
)

// Engine runs steps in ONNX Runtime.
type Engine struct {
	release string
	layout  layout
}

// New loads ONNX Runtime from a shared library. A process loads one library only; where the host process has loaded
// one already, through onnxruntime_go, that one is taken. Errors wrap [ErrUnavailable].
func New(library string) (*Engine, error) {
	if err := load(library); err != nil {
		return nil, fmt.Errorf("ort: %w", err)
	}
	return &Engine{release: onnxruntime.GetVersion(), layout: environment.layout()}, nil
}

// Name implements [engine.Engine].
func (*Engine) Name() string { return "ort" }

// Release is the version of the library, such as "1.30.0".
func (e *Engine) Release() string { return e.release }

// revision changes with every change of rewrites that changes results.
const revision = 2

// Version implements [engine.Engine].
func (e *Engine) Version() string {
	return fmt.Sprintf("onnxruntime %s, revision %d, %s with blocks of %d", e.release, revision, runtime.GOARCH,
		e.layout.block)
}

// Native implements [engine.Engine].
func (*Engine) Native() []string { return natives() }

// Compile implements [engine.Engine].
func (e *Engine) Compile(ctx context.Context, s *engine.Step, o engine.Options) (engine.Program, error) {
	if err := s.Graph.Check(); err != nil {
		return nil, fmt.Errorf("ort: %w", err)
	}
	signature, err := engine.NewSignature(s)
	if err != nil {
		return nil, fmt.Errorf("ort: %w", err)
	}
	if o.Threads <= 0 {
		o.Threads = runtime.GOMAXPROCS(0)
	}
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("ort: compile: %w", err)
	}
	p, err := e.newProgram(ctx, s, signature, o)
	if err != nil {
		return nil, fmt.Errorf("ort: %w", err)
	}
	return p, nil
}

package embedded

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"

	"github.com/ildc/ildc/distill/engine"
	"github.com/ildc/ildc/distill/engine/embedded/internal/kernel"
	"github.com/ildc/ildc/graph"
	"github.com/ildc/ildc/graph/op"
)

// Engine is the embedded engine.
type Engine struct{}

// New is the embedded engine.
func New() *Engine { return &Engine{} }

// Name implements [engine.Engine].
func (*Engine) Name() string { return "embedded" }

// revision changes with every change of kernels that changes results.
const revision = 2

// Version implements [engine.Engine]. Results depend on the kernels, Go's math package, and the processor's
// instructions.
func (*Engine) Version() string {
	return fmt.Sprintf("embedded %d, %s, %s, %s", revision, runtime.Version(), runtime.GOARCH, kernel.Instructions())
}

// Native implements [engine.Engine].
func (*Engine) Native() []string {
	var names []string
	for k, o := range operations {
		if k.domain == op.Macro && o.kernel != nil {
			names = append(names, k.op)
		}
	}
	slices.Sort(names)
	return names
}

// Compile implements [engine.Engine].
func (*Engine) Compile(ctx context.Context, s *engine.Step, o engine.Options) (engine.Program, error) {
	if o.Device != "" && o.Device != "cpu" {
		return nil, fmt.Errorf("embedded: device %q: %w; it has the CPU only", o.Device, engine.ErrUnsupported)
	}
	signature, err := check(s)
	if err != nil {
		return nil, err
	}
	threads := o.Threads
	if threads <= 0 {
		threads = runtime.GOMAXPROCS(0)
	}
	return newProgram(ctx, s, signature, threads)
}

// check reports everything about a step that the engine cannot run.
func check(s *engine.Step) (*engine.Signature, error) {
	var errs []error
	problem := func(format string, args ...any) {
		errs = append(errs, fmt.Errorf("embedded: %w: "+format, append([]any{engine.ErrUnsupported}, args...)...))
	}
	if err := s.Graph.Check(); err != nil {
		return nil, fmt.Errorf("embedded: %w", err)
	}
	for _, v := range s.Graph.Values() {
		switch {
		case !v.DType.Known() || v.DType == graph.String:
			problem("value %q: dtype %v", v.Name, v.DType)
		case !v.Shape.Static():
			problem("value %q: shape %v is not static", v.Name, v.Shape)
		}
	}
	for _, n := range s.Graph.Nodes {
		if spec := op.Of(n); spec == nil || spec.Eval == nil {
			problem("node %q: op %s", n.Name, n.OpName())
		}
	}
	signature, err := engine.NewSignature(s)
	if err != nil {
		errs = append(errs, fmt.Errorf("embedded: %w", err))
	}
	return signature, errors.Join(errs...)
}

package embedded

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"

	"github.com/ildc/ildc/distill/engine"
	"github.com/ildc/ildc/distill/engine/embedded/kernel"
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
const revision = 1

// Version implements [engine.Engine]. Results depend on the kernels, Go's math package, and the processor's instructions.
func (*Engine) Version() string {
	instructions := ""
	if kernel.Accelerated() {
		instructions = " with AVX2"
	}
	return fmt.Sprintf("embedded %d, %s, %s%s", revision, runtime.Version(), runtime.GOARCH, instructions)
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
	if o.Device != "" {
		return nil, fmt.Errorf("embedded: device %q: %w; it has the CPU only", o.Device, engine.ErrUnsupported)
	}
	if err := check(s); err != nil {
		return nil, err
	}
	threads := o.Threads
	if threads <= 0 {
		threads = runtime.GOMAXPROCS(0)
	}
	return newProgram(ctx, s, threads)
}

// check reports everything about a step that the engine cannot run.
func check(s *engine.Step) error {
	var errs []error
	problem := func(format string, args ...any) {
		errs = append(errs, fmt.Errorf("embedded: %w: "+format, append([]any{engine.ErrUnsupported}, args...)...))
	}
	if err := s.Graph.Check(); err != nil {
		return fmt.Errorf("embedded: %w", err)
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
	return errors.Join(append(errs, checkState(s)...)...)
}

// checkState reports carried state that does not fit the graph.
func checkState(s *engine.Step) (errs []error) {
	in, out := byName(s.Graph.Inputs), byName(s.Graph.Outputs)
	seen := map[string]bool{}
	for _, c := range s.State {
		v := in[c.In]
		switch {
		case v == nil:
			errs = append(errs, fmt.Errorf("embedded: state %q: the graph has no such input", c.In))
			continue
		case seen[c.In]:
			errs = append(errs, fmt.Errorf("embedded: state %q is carried twice", c.In))
		case c.Initial == nil:
			errs = append(errs, fmt.Errorf("embedded: state %q has no initial value", c.In))
		default:
			if err := fits(c.Initial, v); err != nil {
				errs = append(errs, fmt.Errorf("embedded: initial state: %w", err))
			}
		}
		seen[c.In] = true
		if c.Out == "" {
			continue
		}
		switch o := out[c.Out]; {
		case o == nil:
			errs = append(errs, fmt.Errorf("embedded: state %q: the graph has no output %q", c.In, c.Out))
		case o.DType != v.DType || !o.Shape.Equal(v.Shape):
			errs = append(errs, fmt.Errorf("embedded: state %q: %v%v, but its next value %q is %v%v", c.In, v.DType, v.Shape, c.Out, o.DType, o.Shape))
		}
	}
	return errs
}

func byName(vs []*graph.Value) map[string]*graph.Value {
	m := map[string]*graph.Value{}
	for _, v := range vs {
		m[v.Name] = v
	}
	return m
}

// fits reports a tensor that has not the dtype and shape of v.
func fits(t *graph.Tensor, v *graph.Value) error {
	if t.DType != v.DType || !slices.Equal(t.Dims, v.Shape.Sizes()) {
		return fmt.Errorf("%q is %v%v, want %v%v", v.Name, t.DType, t.Dims, v.DType, v.Shape)
	}
	return nil
}

//go:build cgo

package ort

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"

	onnxruntime "github.com/yalue/onnxruntime_go"

	"github.com/ildc/ildc/distill/engine"
	"github.com/ildc/ildc/graph"
)

// program is a compiled step.
type program struct {
	signature *engine.Signature
	session   *onnxruntime.DynamicAdvancedSession
	options   *onnxruntime.RunOptions
	carries   []carry
	now       int // the set of state that the next run reads
	results   []*graph.Tensor
	inputs    [2][]onnxruntime.Value // of the session, by the set that is read; first the feeds, nil between runs
	outputs   [2][]onnxruntime.Value
	owned     []onnxruntime.Value // what Close frees
	closed    bool
}

// carry is one tensor of state: what a run reads is what the run before wrote. Both are one where only SetState
// changes it.
type carry struct {
	name string
	sets [2]*graph.Tensor
}

func (e *Engine) newProgram(
	ctx context.Context, s *engine.Step, signature *engine.Signature, o engine.Options,
) (_ *program, err error) {
	g, err := e.rewritten(s, signature, o)
	if err != nil {
		return nil, err
	}
	p := &program{signature: signature}
	defer func() {
		if err != nil {
			p.Close()
		}
	}()
	if p.options, err = onnxruntime.NewRunOptions(); err != nil {
		return nil, err
	}
	if p.session, err = newSession(g, o); err != nil {
		return nil, explain(ctx, g, o, err)
	}
	return p, p.allocate(g, s.State)
}

// rewritten is a step in the form in which the device runs it fastest. Blocked layout, and the ops of other domains
// that go with it, are the CPU's: other devices get standard ops.
func (e *Engine) rewritten(s *engine.Step, signature *engine.Signature, o engine.Options) (*graph.Graph, error) {
	layout := e.layout
	if !onCPU(o) {
		layout = ordinary
	}
	g, err := rewrite(s.Graph, layout)
	if err != nil {
		return nil, err
	}
	return sessionGraph(g, signature, s.State)
}

// allocate makes the tensors that runs read and write, in the order of [sessionGraph].
func (p *program) allocate(g *graph.Graph, state []engine.Carry) (err error) {
	own := func(t *graph.Tensor) onnxruntime.Value {
		v, fail := value(t)
		if fail != nil {
			err = errors.Join(err, fail)
			return nil
		}
		p.owned = append(p.owned, v)
		return v
	}
	both := func(values *[2][]onnxruntime.Value, v onnxruntime.Value) {
		values[0], values[1] = append(values[0], v), append(values[1], v)
	}
	for range p.signature.Feeds {
		both(&p.inputs, nil)
	}
	for _, v := range p.signature.Results {
		t := graph.NewTensor(v.DType, v.Shape.Sizes()...)
		p.results = append(p.results, t)
		both(&p.outputs, own(t))
	}
	for _, c := range state {
		now := c.Initial.Clone()
		here := own(now)
		if c.Out == "" {
			p.carries = append(p.carries, carry{c.In, [2]*graph.Tensor{now, now}})
			both(&p.inputs, here)
			continue
		}
		next := graph.NewTensor(now.DType, now.Dims...)
		there := own(next)
		p.carries = append(p.carries, carry{c.In, [2]*graph.Tensor{now, next}})
		p.inputs[0], p.inputs[1] = append(p.inputs[0], here), append(p.inputs[1], there)
		p.outputs[0], p.outputs[1] = append(p.outputs[0], there), append(p.outputs[1], here)
	}
	if len(p.inputs[0]) < len(g.Inputs) { // what sessionGraph added for the sake of having any
		nothing := own(graph.NewTensor(graph.Float32, 1))
		both(&p.inputs, nothing)
		both(&p.outputs, own(graph.NewTensor(graph.Float32, 1)))
	}
	return err
}

var errClosed = errors.New("ort: the program is closed")

// Run implements [engine.Program].
func (p *program) Run(ctx context.Context, in map[string]*graph.Tensor) (map[string]*graph.Tensor, error) {
	if p.closed {
		return nil, errClosed
	}
	if err := p.signature.CheckInputs(in); err != nil {
		return nil, fmt.Errorf("ort: %w", err)
	}
	inputs := p.inputs[p.now]
	for i, v := range p.signature.Feeds {
		feed, err := value(in[v.Name])
		if err != nil {
			return nil, fmt.Errorf("ort: input %q: %w", v.Name, err)
		}
		defer func() {
			feed.Destroy()
			inputs[i] = nil
		}()
		inputs[i] = feed
	}
	if err := p.compute(ctx, inputs, p.outputs[p.now]); err != nil {
		return nil, fmt.Errorf("ort: %w", err)
	}
	p.now = 1 - p.now
	out := map[string]*graph.Tensor{}
	for i, v := range p.signature.Results {
		out[v.Name] = p.results[i].Clone()
	}
	return out, nil
}

// compute runs the session until it is done or ctx ends.
func (p *program) compute(ctx context.Context, inputs, outputs []onnxruntime.Value) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	terminated := make(chan error, 1)
	stop := context.AfterFunc(ctx, func() { terminated <- p.options.Terminate() })
	err := p.session.RunWithOptions(inputs, outputs, p.options)
	if stop() {
		return err
	}
	// The options must not be left saying so, or the next run would end at once.
	if broken := errors.Join(<-terminated, p.options.UnsetTerminate()); broken != nil {
		return errors.Join(ctx.Err(), broken)
	}
	if err != nil {
		return ctx.Err()
	}
	return nil
}

// State implements [engine.Program].
func (p *program) State(names ...string) (map[string]*graph.Tensor, error) {
	if p.closed {
		return nil, errClosed
	}
	names, err := p.signature.StateNames(names)
	if err != nil {
		return nil, fmt.Errorf("ort: %w", err)
	}
	state := map[string]*graph.Tensor{}
	for _, c := range p.carries {
		if slices.Contains(names, c.name) {
			state[c.name] = c.sets[p.now].Clone()
		}
	}
	return state, nil
}

// SetState implements [engine.Program].
func (p *program) SetState(state map[string]*graph.Tensor) error {
	if p.closed {
		return errClosed
	}
	if err := p.signature.CheckState(state); err != nil {
		return fmt.Errorf("ort: %w", err)
	}
	for _, c := range p.carries {
		if t := state[c.name]; t != nil {
			reflect.Copy(reflect.ValueOf(c.sets[p.now].Data), reflect.ValueOf(t.Data))
		}
	}
	return nil
}

// Close implements [engine.Program].
func (p *program) Close() error {
	if p.closed {
		return nil
	}
	p.closed = true
	var errs []error
	if p.session != nil {
		errs = append(errs, p.session.Destroy())
	}
	if p.options != nil {
		errs = append(errs, p.options.Destroy())
	}
	for _, v := range p.owned {
		errs = append(errs, v.Destroy())
	}
	*p = program{closed: true}
	return errors.Join(errs...)
}

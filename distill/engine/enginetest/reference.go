package enginetest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/ildc/ildc/distill/engine"
	"github.com/ildc/ildc/graph"
	"github.com/ildc/ildc/graph/op"
	"github.com/ildc/ildc/graph/pass"
)

// Reference is an engine that runs a step by the op table's reference evaluations: the oracle that other engines are
// compared with, and an engine for tests of packages that need some engine. It is slow.
type Reference struct{}

// Name implements [engine.Engine].
func (Reference) Name() string { return "reference" }

// Version implements [engine.Engine].
func (Reference) Version() string { return "reference" }

// Native names every macro op.
func (Reference) Native() []string {
	var names []string
	for _, s := range op.All() {
		if s.Domain == op.Macro {
			names = append(names, s.Type)
		}
	}
	return names
}

// Compile implements [engine.Engine].
func (Reference) Compile(_ context.Context, s *engine.Step, _ engine.Options) (engine.Program, error) {
	signature, err := engine.NewSignature(s)
	if err != nil {
		return nil, fmt.Errorf("reference: %w", err)
	}
	var errs []error
	for _, n := range s.Graph.Nodes {
		if spec := op.Of(n); spec == nil || spec.Eval == nil {
			errs = append(errs, fmt.Errorf("reference: %w", op.Errorf(n, engine.ErrUnsupported, "it has no evaluation")))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	g, _ := s.Graph.Clone()
	p := &reference{signature: signature, graph: g, carries: slices.Clone(s.State), state: map[string]*graph.Tensor{}}
	for _, c := range p.carries {
		p.state[c.In] = c.Initial.Clone()
	}
	return p, nil
}

type reference struct {
	signature *engine.Signature
	graph     *graph.Graph
	carries   []engine.Carry
	state     map[string]*graph.Tensor
	closed    bool
}

var errClosed = errors.New("reference: the program is closed")

// Run implements [engine.Program].
func (p *reference) Run(ctx context.Context, in map[string]*graph.Tensor) (map[string]*graph.Tensor, error) {
	if p.closed {
		return nil, errClosed
	}
	if err := p.signature.CheckInputs(in); err != nil {
		return nil, fmt.Errorf("reference: %w", err)
	}
	all := maps.Clone(p.state)
	for _, v := range p.signature.Feeds {
		all[v.Name] = in[v.Name]
	}
	values, err := pass.Eval(p.graph, all)
	if err := errors.Join(err, ctx.Err()); err != nil {
		return nil, fmt.Errorf("reference: %w", err)
	}
	// Values may be those of inputs and initializers, and one may be there by several names.
	out := map[string]*graph.Tensor{}
	for _, v := range p.signature.Results {
		out[v.Name] = values[v.Name].Clone()
	}
	for _, c := range p.carries {
		if c.Out != "" {
			p.state[c.In] = values[c.Out].Clone()
		}
	}
	return out, nil
}

// State implements [engine.Program].
func (p *reference) State(names ...string) (map[string]*graph.Tensor, error) {
	if p.closed {
		return nil, errClosed
	}
	names, err := p.signature.StateNames(names)
	if err != nil {
		return nil, fmt.Errorf("reference: %w", err)
	}
	part := map[string]*graph.Tensor{}
	for _, name := range names {
		part[name] = p.state[name].Clone()
	}
	return part, nil
}

// SetState implements [engine.Program].
func (p *reference) SetState(part map[string]*graph.Tensor) error {
	if p.closed {
		return errClosed
	}
	if err := p.signature.CheckState(part); err != nil {
		return fmt.Errorf("reference: %w", err)
	}
	for name, t := range part {
		p.state[name] = t.Clone()
	}
	return nil
}

// Close implements [engine.Program].
func (p *reference) Close() error {
	p.closed = true
	return nil
}

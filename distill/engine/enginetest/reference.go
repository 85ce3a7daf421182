package enginetest

import (
	"context"
	"errors"
	"fmt"
	"maps"

	"github.com/ildc/ildc/distill/engine"
	"github.com/ildc/ildc/graph"
	"github.com/ildc/ildc/graph/op"
	"github.com/ildc/ildc/graph/pass"
)

// Reference is an engine that runs a step by the op table's reference evaluations: the oracle that other engines are compared
// with, and an engine for tests of packages that need some engine. It is slow.
type Reference struct{}

func (Reference) Name() string    { return "reference" }
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

func (Reference) Compile(_ context.Context, s *engine.Step, _ engine.Options) (engine.Program, error) {
	var errs []error
	for _, n := range s.Graph.Nodes {
		if spec := op.Of(n); spec == nil || spec.Eval == nil {
			errs = append(errs, fmt.Errorf("reference: %w", op.Errorf(n, engine.ErrUnsupported, "it has no evaluation")))
		}
	}
	g, _ := s.Graph.Clone()
	p := &reference{graph: g, carries: append([]engine.Carry(nil), s.State...), state: map[string]*graph.Tensor{}}
	for _, c := range p.carries {
		p.state[c.In] = c.Initial
	}
	return p, errors.Join(errs...)
}

type reference struct {
	graph   *graph.Graph
	carries []engine.Carry
	state   map[string]*graph.Tensor
}

func (p *reference) Run(ctx context.Context, in map[string]*graph.Tensor) (map[string]*graph.Tensor, error) {
	all := maps.Clone(in)
	maps.Copy(all, p.state)
	out, err := pass.Eval(p.graph, all)
	if err := errors.Join(err, ctx.Err()); err != nil {
		return nil, err
	}
	for _, c := range p.carries {
		if c.Out != "" {
			p.state[c.In] = out[c.Out]
		}
	}
	for _, c := range p.carries {
		delete(out, c.Out)
	}
	return out, nil
}

func (p *reference) State(names ...string) (map[string]*graph.Tensor, error) {
	if len(names) == 0 {
		return maps.Clone(p.state), nil
	}
	part := map[string]*graph.Tensor{}
	for _, name := range names {
		if part[name] = p.state[name]; part[name] == nil {
			return nil, fmt.Errorf("reference: no state %q", name)
		}
	}
	return part, nil
}

func (p *reference) SetState(part map[string]*graph.Tensor) error {
	for name, t := range part {
		if now := p.state[name]; now == nil || !now.Shape().Equal(t.Shape()) || now.DType != t.DType {
			return fmt.Errorf("reference: state %q cannot be %v", name, t)
		}
	}
	maps.Copy(p.state, part)
	return nil
}

func (p *reference) Close() error { return nil }

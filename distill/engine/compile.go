package engine

import (
	"context"

	"github.com/ildc/ildc/graph"
	"github.com/ildc/ildc/graph/pass"
)

// Infer compiles the inference of an imported model: its training copy by bind, without state. Outputs have the model's
// names.
func Infer(ctx context.Context, e Engine, g *graph.Graph, bind pass.Binding, o Options) (Program, error) {
	bound, err := pass.Bound(g, bind)
	if err != nil {
		return nil, err
	}
	return Compile(ctx, e, &Step{Graph: bound}, o)
}

// Compile compiles a step in the form that an engine takes, see [Lowered]. The step is not changed.
func Compile(ctx context.Context, e Engine, s *Step, o Options) (Program, error) {
	lowered, err := Lowered(s, e.Native())
	if err != nil {
		return nil, err
	}
	return e.Compile(ctx, lowered, o)
}

// Lowered copies a step for an engine that runs the native macro ops itself: the others are decomposed, and what no
// output depends on is left out.
func Lowered(s *Step, native []string) (*Step, error) {
	g, err := pass.Lower(s.Graph, native)
	if err != nil {
		return nil, err
	}
	pass.DeadCode(g)
	return &Step{Graph: g, State: s.State}, nil
}

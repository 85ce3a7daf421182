package pass

import (
	"errors"
	"fmt"

	"github.com/ildc/ildc/graph"
	"github.com/ildc/ildc/graph/op"
)

// Eval runs g by the op table's reference evaluations: slow, and the oracle of tests. in holds the graph's inputs by
// name; the result holds the outputs by name, and any other values that are asked for.
func Eval(g *graph.Graph, in map[string]*graph.Tensor, also ...string) (map[string]*graph.Tensor, error) {
	at := map[*graph.Value]*graph.Tensor{}
	for _, v := range g.Inputs {
		t := in[v.Name]
		if t == nil {
			return nil, fmt.Errorf("pass: input %q is missing", v.Name)
		}
		at[v] = t
	}
	for _, v := range g.Initializers {
		at[v] = v.Const
	}
	for _, n := range g.Nodes {
		s := op.Of(n)
		if s == nil || s.Eval == nil {
			return nil, fmt.Errorf("pass: %w", op.Errorf(n, op.ErrUnsupported, "it cannot be evaluated"))
		}
		args := make([]*graph.Tensor, len(n.Inputs))
		for i, v := range n.Inputs {
			if v != nil {
				args[i] = at[v]
			}
		}
		out, err := s.Eval(n, args)
		if err != nil {
			return nil, fmt.Errorf("pass: %w", err)
		}
		for i, v := range n.Outputs {
			if v != nil {
				at[v] = out[i]
			}
		}
	}
	result := map[string]*graph.Tensor{}
	for _, v := range g.Outputs {
		result[v.Name] = at[v]
	}
	var errs []error
	byName := g.ByName()
	for _, name := range also {
		if result[name] = at[byName[name]]; result[name] == nil {
			errs = append(errs, fmt.Errorf("pass: the graph has no value %q", name))
		}
	}
	return result, errors.Join(errs...)
}

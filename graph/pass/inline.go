package pass

import (
	"fmt"
	"maps"
	"slices"

	"github.com/ildc/ildc/graph"
)

// Inline appends the nodes of g to b's graph. Each input of g reads what bind gives for it by name; an initializer that
// bind names reads that, too, and others are appended. The map leads from g's values to the new ones. Names are led by
// the builder's scope.
func Inline(b *graph.Builder, g *graph.Graph, bind map[string]*graph.Value) (map[*graph.Value]*graph.Value, error) {
	to := map[*graph.Value]*graph.Value{}
	for _, v := range g.Inputs {
		if to[v] = bind[v.Name]; to[v] == nil {
			return nil, fmt.Errorf("pass: inlining %q: input %q is not bound", g.Name, v.Name)
		}
	}
	for _, v := range g.Initializers {
		if to[v] = bind[v.Name]; to[v] == nil {
			to[v] = b.Const(v.Name, v.Const)
		}
	}
	list := func(vs []*graph.Value) []*graph.Value {
		out := make([]*graph.Value, len(vs))
		for i, v := range vs {
			if v != nil {
				out[i] = to[v]
			}
		}
		return out
	}
	for _, n := range g.Nodes {
		m := &graph.Node{Name: n.Name, Op: n.Op, Domain: n.Domain, Attrs: maps.Clone(n.Attrs), Inputs: list(n.Inputs),
			Captures: list(n.Captures)}
		b.Adopt(m, slices.Clone(n.Outputs))
		for i, v := range n.Outputs {
			if v != nil {
				to[v] = m.Outputs[i]
			}
		}
		if err := b.Err(); err != nil {
			return nil, fmt.Errorf("pass: inlining %q: %w", g.Name, err)
		}
	}
	return to, nil
}

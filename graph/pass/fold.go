package pass

import (
	"fmt"

	"github.com/ildc/ildc/graph"
	"github.com/ildc/ildc/graph/op"
)

// foldConstants replaces, in place, every node whose outputs are known without a run by initializers of the same names:
// nodes that read constants only, other than those named in keep, and nodes whose elements shape inference found. What
// is dead then is removed.
func foldConstants(g *graph.Graph, keep map[string]bool) error {
	kept := g.Nodes[:0:0]
	for _, n := range g.Nodes {
		out, err := fold(n, keep)
		if err != nil {
			return fmt.Errorf("pass: folding: %w", err)
		}
		if out == nil {
			kept = append(kept, n)
			continue
		}
		fix(g, n, out)
	}
	g.Nodes = kept
	DeadCode(g)
	return nil
}

// fold evaluates a node that depends on nothing that is fed; nil where it does, or where it cannot be evaluated.
func fold(n *graph.Node, keep map[string]bool) ([]*graph.Tensor, error) {
	s := op.Of(n)
	if s == nil || len(n.Captures) > 0 {
		return nil, nil
	}
	if len(n.Outputs) == 1 && n.Outputs[0].DType == graph.Int64 && n.Outputs[0].Shape.Static() {
		if e := n.Outputs[0].Elems; e != nil && e.Static() {
			ints := make([]int64, len(e))
			for i, d := range e {
				ints[i] = int64(d.Size)
			}
			return []*graph.Tensor{graph.FromInt64(n.Outputs[0].Shape.Sizes(), ints)}, nil
		}
	}
	in := make([]*graph.Tensor, len(n.Inputs))
	for i, v := range n.Inputs {
		if v == nil {
			continue
		}
		if in[i] = v.Const; in[i] == nil || !in[i].DType.Known() || keep[v.Name] {
			return nil, nil
		}
	}
	if s.Eval == nil {
		return nil, nil
	}
	return s.Eval(n, in)
}

// fix makes the outputs of a node initializers. The node is for the caller to take out.
func fix(g *graph.Graph, n *graph.Node, to []*graph.Tensor) {
	for i, v := range n.Outputs {
		if v != nil {
			v.Const, v.Producer, v.DType, v.Shape = to[i], nil, to[i].DType, to[i].Shape()
			g.Initializers = append(g.Initializers, v)
		}
	}
}

// DeadCode removes, in place, the nodes and initializers that no output depends on. Inputs stay.
func DeadCode(g *graph.Graph) {
	live := map[*graph.Value]bool{}
	for _, v := range g.Outputs {
		live[v] = true
	}
	var nodes []*graph.Node
	for i := len(g.Nodes) - 1; i >= 0; i-- {
		n := g.Nodes[i]
		used := false
		for _, v := range n.Outputs {
			used = used || v != nil && live[v]
		}
		if used {
			nodes = append(nodes, n)
			for _, v := range n.Reads() {
				live[v] = true
			}
		}
	}
	g.Nodes = g.Nodes[:0:0]
	for i := len(nodes) - 1; i >= 0; i-- {
		g.Nodes = append(g.Nodes, nodes[i])
	}
	var kept []*graph.Value
	for _, v := range g.Initializers {
		if live[v] {
			kept = append(kept, v)
		}
	}
	g.Initializers = kept
}

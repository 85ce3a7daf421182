package pass

import (
	"fmt"
	"math"
	"slices"

	"github.com/ildc/ildc/graph"
	"github.com/ildc/ildc/graph/op"
)

// recognisers tell what was exported piece by piece, as older opsets have to: each gives the node that the pieces which
// end in one are, without its outputs; nil where they are something else.
var recognisers = []func(*graph.Node) *graph.Node{recogniseLayerNorm, recogniseGelu, recogniseSoftmax}

// fuse replaces, in place, pieces by the op that they are. It then is one chain for alignment, and one kernel for
// engines. What else reads a piece goes on reading it.
func fuse(w *work) error {
	g := w.graph
	b := op.NewBuilder(g)
	nodes := g.Nodes
	g.Nodes = nil
	fused := false
	for _, n := range nodes {
		m := recognise(n)
		if m == nil {
			g.Nodes = append(g.Nodes, n)
			continue
		}
		m.Name, m.Outputs, m.Origin = n.Name, n.Outputs, n.Origin
		b.Append(m)
		fused = true
	}
	if fused {
		DeadCode(g)
	}
	if err := b.Err(); err != nil {
		return fmt.Errorf("pass: %w", err)
	}
	return nil
}

func recognise(n *graph.Node) *graph.Node {
	for _, r := range recognisers {
		if m := r(n); m != nil {
			return m
		}
	}
	return nil
}

// producer is the node that gives a value, where it is of that op; else nil.
func producer(v *graph.Value, name string) *graph.Node {
	if v == nil || v.Producer == nil || v.Producer.OpName() != name {
		return nil
	}
	return v.Producer
}

// operands gives what is computed and the parameter of a node of that op, in either order; nil for any other node.
func operands(n *graph.Node, name string) (computed, parameter *graph.Value) {
	if n == nil || n.OpName() != name || len(n.Inputs) != 2 {
		return nil, nil
	}
	for i, v := range n.Inputs {
		if other := n.Inputs[1-i]; constantOf(v) != nil && other.Producer != nil && constantOf(other) == nil {
			return other, v
		}
	}
	return nil, nil
}

func scalarOf(v *graph.Value) *graph.Tensor {
	if t := constantOf(v); t != nil && t.Len() == 1 {
		return t
	}
	return nil
}

// lastAxes are the axes that a node reduces, where they are the last ones of what it reads, in order; else none.
func lastAxes(n *graph.Node) (axes []int) {
	if n.Input(1) == nil || n.Inputs[0].Shape == nil {
		return nil
	}
	t := constantOf(n.Inputs[1])
	if t == nil || t.Int64s() == nil {
		return nil
	}
	rank := len(n.Inputs[0].Shape)
	for _, axis := range t.Int64s() {
		a, ok := graph.Axis(axis, rank)
		if !ok {
			return nil
		}
		axes = append(axes, a)
	}
	slices.Sort(axes)
	for i, a := range axes {
		if a != rank-len(axes)+i {
			return nil
		}
	}
	return axes
}

// isScalar says whether a value is a constant of one element, that one to the precision that exporters write.
func isScalar(v *graph.Value, want float64) bool {
	t := scalarOf(v)
	return t != nil && math.Abs(t.Values()[0]-want) < 1e-4
}

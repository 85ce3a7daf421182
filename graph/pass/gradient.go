package pass

import (
	"errors"
	"fmt"

	"github.com/ildc/ildc/graph"
	"github.com/ildc/ildc/graph/op"
)

// Gradient appends to b's graph the gradient of the sum of y's elements with respect to each of wrt, by reverse-mode
// differentiation: one walk against the order of nodes, each node's [op.Spec] adding its part. A value that y does not
// depend on has the gradient nil. Shapes must be static. The error names every node in the way that has no gradient.
func Gradient(b *graph.Builder, y *graph.Value, wrt []*graph.Value) (_ []*graph.Value, err error) {
	defer b.Guard(&err)
	nodes := b.Graph().Nodes
	depends := dependents(nodes, wrt)
	var inTheWay []*graph.Node
	grads := map[*graph.Value]*graph.Value{}
	if depends[y] {
		grads[y] = b.Const("one", ones(y.DType, y.Shape.Sizes()))
	}
	for i := len(nodes) - 1; i >= 0; i-- {
		n := nodes[i]
		dy := make([]*graph.Value, len(n.Outputs))
		reached := false
		for k, o := range n.Outputs {
			if o != nil && depends[o] {
				dy[k] = grads[o]
				reached = reached || dy[k] != nil
			}
		}
		if !reached {
			continue
		}
		s := op.Of(n)
		if s == nil || s.Grad == nil {
			inTheWay = append(inTheWay, n)
			continue
		}
		for k, dx := range s.Grad(b, n, dy) {
			v := n.Input(k)
			switch {
			case dx == nil || v == nil || !depends[v]:
			case grads[v] == nil:
				grads[v] = dx
			default:
				grads[v] = b.Op("Add", nil, grads[v], dx)
			}
		}
		if err := b.Err(); err != nil {
			return nil, fmt.Errorf("pass: gradient of node %q (%s): %w", n.Name, n.OpName(), err)
		}
	}
	var errs []error
	for _, n := range inTheWay {
		errs = append(errs, fmt.Errorf("pass: gradient: %w", op.Errorf(n, op.ErrNoGradient, "a trained value depends on it")))
	}
	out := make([]*graph.Value, len(wrt))
	for i, v := range wrt {
		out[i] = grads[v]
	}
	return out, errors.Join(errs...)
}

// dependents are the float values that depend on one of some values through nodes that are not flat by nature, and
// those values.
func dependents(nodes []*graph.Node, on []*graph.Value) map[*graph.Value]bool {
	depends := map[*graph.Value]bool{}
	for _, v := range on {
		depends[v] = true
	}
	for _, n := range nodes {
		s := op.Of(n)
		for _, v := range n.Reads() {
			if !depends[v] || s != nil && s.NoGrad {
				continue
			}
			for _, o := range n.Outputs {
				if o != nil && o.DType.IsFloat() {
					depends[o] = true
				}
			}
			break
		}
	}
	return depends
}

// Decides finds what an output is decided by that can be trained: the output itself, where it is float and depends on a
// float initializer, else the nearest such values behind it, as the scores behind an ArgMax. None: it depends on no
// weight.
func Decides(g *graph.Graph, output *graph.Value) []*graph.Value {
	var weights []*graph.Value
	for _, v := range g.Initializers {
		if v.DType.IsFloat() && len(v.Shape) > 0 {
			weights = append(weights, v)
		}
	}
	depends := dependents(g.Nodes, weights)
	var found []*graph.Value
	seen := map[*graph.Value]bool{}
	var back func(v *graph.Value)
	back = func(v *graph.Value) {
		if v == nil || v.Const != nil || seen[v] {
			return
		}
		seen[v] = true
		if depends[v] {
			found = append(found, v)
		} else if v.Producer != nil {
			for _, in := range v.Producer.Reads() {
				back(in)
			}
		}
	}
	back(output)
	return found
}

func ones(dtype graph.DType, dims []int) *graph.Tensor {
	v := make([]float64, graph.Product(dims))
	for i := range v {
		v[i] = 1
	}
	return graph.FromValues(dtype, dims, v)
}

package op

import (
	"cmp"
	"slices"

	"github.com/ildc/ildc/graph"
)

// TopK gives the K largest, or smallest, elements along an axis, from the first in rank on, and their positions: X
// [...], K [1] → [...], int64 [...]. Of equal elements the one with the lower index is first. sorted 0 is taken as
// sorted. History: K was an attribute before opset 10. https://onnx.ai/onnx/operators/onnx__TopK.html

func topKUpgrade(b *graph.Builder, n *graph.Node, _ int64) []*graph.Value {
	if !n.Has("k") || n.Input(0) == nil {
		return nil
	}
	return b.Ops("TopK", 2, graph.Attrs{"axis": n.Int("axis", -1)}, n.Inputs[0], b.Ints(n.Int("k", 0)))[:len(n.Outputs)]
}

func topKShape(n *graph.Node) ([]Type, error) {
	x := n.Inputs[0]
	values, positions := Type{DType: x.DType}, Type{DType: graph.Int64}
	if x.Shape == nil {
		return []Type{values, positions}, nil
	}
	axis, ok := graph.Axis(n.Int("axis", -1), len(x.Shape))
	if !ok {
		return nil, Errorf(n, ErrMalformed, "axis %d", n.Int("axis", -1))
	}
	k := graph.Unknown
	if e := elems(n.Inputs[1]); len(e) == 1 {
		k = e[0]
	}
	if k.Known() && (k.Size < 0 || x.Shape[axis].Known() && k.Size > x.Shape[axis].Size) {
		return nil, Errorf(n, ErrMalformed, "K %v along axis %d", k, axis)
	}
	values.Shape, positions.Shape = x.Shape.Clone(), x.Shape.Clone()
	values.Shape[axis], positions.Shape[axis] = k, k
	return []Type{values, positions}, nil
}

// topKChannels couples the axes that are not ranked along.
func topKChannels(c *Coupling, n *graph.Node) {
	x := n.Inputs[0]
	axis, ok := graph.Axis(n.Int("axis", -1), len(x.Shape))
	for a := range x.Shape {
		if a == axis || !ok {
			continue
		}
		for _, y := range n.Outputs {
			if y != nil {
				c.tie(x, a, y, a)
			}
		}
	}
}

// topKGrad adds each element of dy to where it was taken from.
func topKGrad(b *graph.Builder, n *graph.Node, dy []*graph.Value) []*graph.Value {
	x := n.Inputs[0]
	at := n.Output(1)
	if at == nil {
		b.Fail("%w", Errorf(n, ErrMalformed, "its gradient reads the positions, an output that this node lacks"))
		return nil
	}
	zeros := b.Const("zeros", graph.NewTensor(x.DType, x.Shape.Sizes()...))
	return []*graph.Value{b.Op("ScatterElements", graph.Attrs{"axis": n.Int("axis", -1), "reduction": "add"}, zeros, at,
		dy[0])}
}

func topKEval(n *graph.Node, in []*graph.Tensor) ([]*graph.Tensor, error) {
	x := in[0]
	axis, ok := graph.Axis(n.Int("axis", -1), len(x.Dims))
	if !ok || in[1].Len() != 1 {
		return nil, Errorf(n, ErrMalformed, "axis %d, K %v", n.Int("axis", -1), in[1])
	}
	size, k := x.Dims[axis], int(in[1].Values()[0])
	if k < 0 || k > size {
		return nil, Errorf(n, ErrMalformed, "K %d of %d", k, size)
	}
	dims := slices.Clone(x.Dims)
	dims[axis] = k
	v, inner := x.Values(), graph.Product(x.Dims[axis+1:])
	source, positions := make([]int, graph.Product(dims)), make([]int64, graph.Product(dims))
	order := make([]int, size)
	for outer := range graph.Product(x.Dims[:axis]) {
		for i := range inner {
			at := func(p int) int { return (outer*size+p)*inner + i }
			for p := range order {
				order[p] = p
			}
			slices.SortStableFunc(order, func(p, q int) int {
				if n.Int("largest", 1) != 0 {
					p, q = q, p
				}
				return cmp.Compare(v[at(p)], v[at(q)])
			})
			for r, p := range order[:k] {
				source[(outer*k+r)*inner+i], positions[(outer*k+r)*inner+i] = at(p), int64(p)
			}
		}
	}
	return []*graph.Tensor{arrange(x, dims, source), graph.FromInt64(dims, positions)}[:len(n.Outputs)], nil
}

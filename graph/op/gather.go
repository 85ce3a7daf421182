package op

import (
	"slices"

	"github.com/ildc/ildc/graph"
)

func gatherShape(n *graph.Node) ([]Type, error) {
	x, index := n.Inputs[0], n.Inputs[1]
	t := Type{DType: x.DType}
	if x.Shape == nil || index.Shape == nil {
		return []Type{t}, nil
	}
	axis, ok := graph.Axis(n.Int("axis", 0), len(x.Shape))
	if !ok {
		return nil, Errorf(n, ErrMalformed, "axis %d", n.Int("axis", 0))
	}
	t.Shape = slices.Concat(x.Shape[:axis], index.Shape, x.Shape[axis+1:])
	if t.Shape == nil {
		t.Shape = graph.Shape{}
	}
	e := elems(x)
	at, known := constInts(index)
	if e != nil && known && len(x.Shape) == 1 && len(t.Shape) <= 1 {
		t.Elems = graph.Shape{}
		for _, i := range at {
			k, ok := graph.Axis(i, len(e))
			if !ok {
				return nil, Errorf(n, ErrMalformed, "index %d of %d", i, len(e))
			}
			t.Elems = append(t.Elems, e[k])
		}
	}
	return []Type{t}, nil
}

// gatherChannels couples the axes that are not indexed.
func gatherChannels(c *Coupling, n *graph.Node) {
	x, y := n.Inputs[0], n.Outputs[0]
	axis, ok := graph.Axis(n.Int("axis", 0), len(x.Shape))
	if !ok || n.Inputs[1].Shape == nil || x.DType.IsInt() {
		return
	}
	for a := range x.Shape {
		switch {
		case a < axis:
			c.Same(x, a, y, a)
		case a > axis:
			c.Same(x, a, y, a+len(n.Inputs[1].Shape)-1)
		}
	}
}

// gatherGrad adds each part of dy to where it was taken from.
func gatherGrad(b *graph.Builder, n *graph.Node, dy []*graph.Value) []*graph.Value {
	x, index := n.Inputs[0], n.Inputs[1]
	dims := x.Shape.Sizes()
	axis, _ := graph.Axis(n.Int("axis", 0), len(dims))
	zeros := b.Const("zeros", graph.NewTensor(x.DType, dims...))
	one := slices.Repeat([]int{1}, len(dims))
	one[axis], dims[axis] = index.Shape.Elements(), index.Shape.Elements()
	at := b.Op("Expand", nil, reshape(b, index, one...), b.Ints(int64s(dims)...))
	return []*graph.Value{b.Op("ScatterElements", graph.Attrs{"axis": int64(axis), "reduction": "add"}, zeros, at, reshape(b, dy[0], dims...))}
}

func gatherEval(n *graph.Node, in []*graph.Tensor) ([]*graph.Tensor, error) {
	x := in[0]
	axis, ok := graph.Axis(n.Int("axis", 0), len(x.Dims))
	if !ok {
		return nil, Errorf(n, ErrMalformed, "axis %d", n.Int("axis", 0))
	}
	var index []int
	for _, i := range in[1].Int64s() {
		k, ok := graph.Axis(i, x.Dims[axis])
		if !ok {
			return nil, Errorf(n, ErrMalformed, "index %d of %d", i, x.Dims[axis])
		}
		index = append(index, k)
	}
	return []*graph.Tensor{x.Take(axis, index).Reshaped(slices.Concat(x.Dims[:axis], in[1].Dims, x.Dims[axis+1:])...)}, nil
}

// scatterEval writes updates over a copy of the data, or adds them with reduction "add".
func scatterEval(n *graph.Node, in []*graph.Tensor) ([]*graph.Tensor, error) {
	x, index, updates := in[0], in[1], in[2]
	axis, ok := graph.Axis(n.Int("axis", 0), len(x.Dims))
	reduction := n.String("reduction", "none")
	if !ok || !slices.Equal(index.Dims, updates.Dims) || len(index.Dims) != len(x.Dims) || reduction != "none" && reduction != "add" {
		return nil, Errorf(n, ErrUnsupported, "axis %d, indices %v, updates %v, reduction %q", n.Int("axis", 0), index.Dims, updates.Dims, reduction)
	}
	y, u, at := x.Values(), updates.Values(), index.Int64s()
	step := make([]int, len(x.Dims))
	for a := range step {
		if step[a] = graph.Product(x.Dims[a+1:]); a == axis {
			step[a] = 0
		}
	}
	var bad error
	walk(index.Dims, func(i int, offset []int) {
		k, ok := graph.Axis(at[i], x.Dims[axis])
		if !ok {
			bad = Errorf(n, ErrMalformed, "index %d of %d", at[i], x.Dims[axis])
			return
		}
		p := offset[0] + k*graph.Product(x.Dims[axis+1:])
		if reduction == "add" {
			y[p] += u[i]
		} else {
			y[p] = u[i]
		}
	}, step)
	return []*graph.Tensor{graph.FromValues(x.DType, x.Dims, y)}, bad
}

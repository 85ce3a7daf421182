package op

import (
	"math"
	"slices"

	"github.com/ildc/ildc/graph"
)

// Gather takes positions of one axis: data [...], indices [q…] → data's shape with the axis replaced by [q…].
// ScatterElements and ScatterND write updates over a copy of the data, or combine them with it by a reduction (add, mul, max, min):
//
//	ScatterElements: out[i₀]…[indices[i]]…[iᵣ] = updates[i] for i over indices [...], the index on the axis
//	ScatterND: indices [q…,k], updates [q…, data's last axes]: out[indices[i]] = updates[i], slice by slice
//
// Negative indices count from the end. Scatters have no gradient: gradients emit them, and write caches and masks.
// https://onnx.ai/onnx/operators/onnx__Gather.html and its neighbours.

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
	t.Shape = append(graph.Shape{}, slices.Concat(x.Shape[:axis], index.Shape, x.Shape[axis+1:])...)
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
	x, index, y := n.Inputs[0], n.Inputs[1], n.Outputs[0]
	axis, ok := graph.Axis(n.Int("axis", 0), len(x.Shape))
	if !ok || index.Shape == nil {
		return
	}
	for a := range x.Shape {
		switch {
		case a < axis:
			c.Same(x, a, y, a)
		case a > axis:
			c.Same(x, a, y, a+len(index.Shape)-1)
		default:
			c.Fix(x, a, "node "+n.Name+" ("+n.OpName()+") takes a part of it by position")
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

// indices gives the elements of an integer tensor.
func indices(n *graph.Node, t *graph.Tensor) ([]int64, error) {
	v := t.Int64s()
	if len(v) != t.Len() {
		return nil, Errorf(n, ErrMalformed, "indices of %v", t.DType)
	}
	return v, nil
}

func gatherEval(n *graph.Node, in []*graph.Tensor) ([]*graph.Tensor, error) {
	x := in[0]
	axis, ok := graph.Axis(n.Int("axis", 0), len(x.Dims))
	if !ok {
		return nil, Errorf(n, ErrMalformed, "axis %d", n.Int("axis", 0))
	}
	to, err := indices(n, in[1])
	if err != nil {
		return nil, err
	}
	index := make([]int, len(to))
	for i, v := range to {
		if index[i], ok = graph.Axis(v, x.Dims[axis]); !ok {
			return nil, Errorf(n, ErrMalformed, "index %d of %d", v, x.Dims[axis])
		}
	}
	return []*graph.Tensor{x.Take(axis, index).Reshaped(slices.Concat(x.Dims[:axis], in[1].Dims, x.Dims[axis+1:])...)}, nil
}

// scatter writes update k at flat position at[k] of a copy of x, or combines it with what is there.
func scatter(n *graph.Node, x, updates *graph.Tensor, at []int) ([]*graph.Tensor, error) {
	combine := map[string]func(old, update float64) float64{
		"none": func(_, update float64) float64 { return update },
		"add":  func(old, update float64) float64 { return old + update },
		"mul":  func(old, update float64) float64 { return old * update },
		"max":  math.Max,
		"min":  math.Min,
	}[n.String("reduction", "none")]
	if combine == nil {
		return nil, Errorf(n, ErrUnsupported, "reduction %q", n.String("reduction", "none"))
	}
	y, u := x.Values(), updates.Values()
	for k, p := range at {
		y[p] = combine(y[p], u[k])
	}
	return []*graph.Tensor{graph.FromValues(x.DType, x.Dims, y)}, nil
}

func scatterElementsEval(n *graph.Node, in []*graph.Tensor) ([]*graph.Tensor, error) {
	x, index, updates := in[0], in[1], in[2]
	axis, ok := graph.Axis(n.Int("axis", 0), len(x.Dims))
	if !ok || !slices.Equal(index.Dims, updates.Dims) || len(index.Dims) != len(x.Dims) {
		return nil, Errorf(n, ErrMalformed, "axis %d, indices %v, updates %v", n.Int("axis", 0), index.Dims, updates.Dims)
	}
	step := make([]int, len(x.Dims))
	for a := range step {
		if a != axis {
			step[a] = graph.Product(x.Dims[a+1:])
			if index.Dims[a] > x.Dims[a] {
				return nil, Errorf(n, ErrMalformed, "indices %v for %v", index.Dims, x.Dims)
			}
		}
	}
	to, bad := indices(n, index)
	if bad != nil {
		return nil, bad
	}
	at := make([]int, len(to))
	walk(index.Dims, func(i int, offset []int) {
		k, ok := graph.Axis(to[i], x.Dims[axis])
		if !ok {
			bad = Errorf(n, ErrMalformed, "index %d of %d", to[i], x.Dims[axis])
		}
		at[i] = offset[0] + k*graph.Product(x.Dims[axis+1:])
	}, step)
	if bad != nil {
		return nil, bad
	}
	return scatter(n, x, updates, at)
}

func scatterNDEval(n *graph.Node, in []*graph.Tensor) ([]*graph.Tensor, error) {
	x, index, updates := in[0], in[1], in[2]
	last := len(index.Dims) - 1
	if last < 0 || index.Dims[last] > len(x.Dims) ||
		!slices.Equal(updates.Dims, slices.Concat(index.Dims[:last], x.Dims[index.Dims[last]:])) {
		return nil, Errorf(n, ErrMalformed, "indices %v, updates %v for %v", index.Dims, updates.Dims, x.Dims)
	}
	k := index.Dims[last]
	inner := graph.Product(x.Dims[k:])
	to, err := indices(n, index)
	if err != nil {
		return nil, err
	}
	at := make([]int, 0, updates.Len())
	for i := range graph.Product(index.Dims[:last]) {
		base := 0
		for a, v := range to[i*k:][:k] {
			p, ok := graph.Axis(v, x.Dims[a])
			if !ok {
				return nil, Errorf(n, ErrMalformed, "index %d of %d", v, x.Dims[a])
			}
			base += p * graph.Product(x.Dims[a+1:])
		}
		for j := range inner {
			at = append(at, base+j)
		}
	}
	return scatter(n, x, updates, at)
}

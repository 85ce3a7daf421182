package op

import (
	"slices"

	"github.com/ildc/ildc/graph"
)

// Gather takes positions of one axis: data [...], indices [q…] → data's shape with the axis replaced by [q…].
// GatherElements takes single elements: data [...], indices [...] of its rank → [indices]: out[i] =
// data[i₀]…[indices[i]]…[iᵣ], the index on the axis. GatherND takes slices: data [...], indices [b…,q…,k] → [b…,q…,
// data's axes behind the b and k]; batch_dims says how many the b are. Negative indices count from the end.
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
			c.tie(x, a, y, a)
		case a > axis:
			c.tie(x, a, y, a+len(index.Shape)-1)
		default:
			c.fix(x, a, "node "+n.Name+" ("+n.OpName()+") takes a part of it by position")
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
	return []*graph.Value{b.Op("ScatterElements", graph.Attrs{"axis": int64(axis), "reduction": "add"}, zeros, at,
		reshape(b, dy[0], dims...))}
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

func gatherElementsShape(n *graph.Node) ([]Type, error) {
	x, index := n.Inputs[0], n.Inputs[1]
	if x.Shape != nil && index.Shape != nil {
		if _, ok := graph.Axis(n.Int("axis", 0), len(x.Shape)); !ok || len(index.Shape) != len(x.Shape) {
			return nil, Errorf(n, ErrMalformed, "axis %d, indices %v", n.Int("axis", 0), index.Shape)
		}
	}
	return []Type{{DType: x.DType, Shape: index.Shape.Clone()}}, nil
}

// gatherElementsGrad adds each element of dy to where it was taken from.
func gatherElementsGrad(b *graph.Builder, n *graph.Node, dy []*graph.Value) []*graph.Value {
	x := n.Inputs[0]
	zeros := b.Const("zeros", graph.NewTensor(x.DType, x.Shape.Sizes()...))
	attrs := graph.Attrs{"axis": n.Int("axis", 0), "reduction": "add"}
	return []*graph.Value{b.Op("ScatterElements", attrs, zeros, n.Inputs[1], dy[0])}
}

func gatherElementsEval(n *graph.Node, in []*graph.Tensor) ([]*graph.Tensor, error) {
	at, err := elementsAt(n, in[0].Dims, in[1])
	if err != nil {
		return nil, err
	}
	return []*graph.Tensor{arrange(in[0], in[1].Dims, at)}, nil
}

func gatherNDShape(n *graph.Node) ([]Type, error) {
	x, index := n.Inputs[0], n.Inputs[1]
	t := Type{DType: x.DType}
	switch {
	case index.Shape != nil && len(index.Shape) == 0:
		return nil, Errorf(n, ErrMalformed, "indices of rank 0")
	case x.Shape == nil || index.Shape == nil || !index.Shape[len(index.Shape)-1].Known():
		return []Type{t}, nil
	}
	last, batch := len(index.Shape)-1, int(n.Int("batch_dims", 0))
	k := batch + index.Shape[last].Size
	if batch < 0 || batch > last || k > len(x.Shape) {
		return nil, Errorf(n, ErrMalformed, "indices %v, batch_dims %d", index.Shape, batch)
	}
	t.Shape = append(graph.Shape{}, slices.Concat(index.Shape[:last], x.Shape[k:])...)
	return []Type{t}, nil
}

func gatherNDGrad(b *graph.Builder, n *graph.Node, dy []*graph.Value) []*graph.Value {
	if n.Int("batch_dims", 0) != 0 {
		b.Fail("%w", Errorf(n, ErrNoGradient, "batch_dims %d", n.Int("batch_dims", 0)))
		return nil
	}
	x := n.Inputs[0]
	zeros := b.Const("zeros", graph.NewTensor(x.DType, x.Shape.Sizes()...))
	return []*graph.Value{b.Op("ScatterND", graph.Attrs{"reduction": "add"}, zeros, n.Inputs[1], dy[0])}
}

func gatherNDEval(n *graph.Node, in []*graph.Tensor) ([]*graph.Tensor, error) {
	x, index := in[0], in[1]
	batch := int(n.Int("batch_dims", 0))
	at, inner, err := slicesAt(n, x.Dims, index, batch)
	if err != nil {
		return nil, err
	}
	dims := slices.Concat(index.Dims[:len(index.Dims)-1], x.Dims[batch+index.Dims[len(index.Dims)-1]:])
	source := make([]int, 0, graph.Product(dims))
	for _, base := range at {
		for j := range inner {
			source = append(source, base+j)
		}
	}
	return []*graph.Tensor{arrange(x, dims, source)}, nil
}

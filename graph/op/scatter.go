package op

import (
	"math"
	"slices"

	"github.com/ildc/ildc/graph"
)

// ScatterElements and ScatterND write updates over a copy of the data, or combine them with it by a reduction (add,
// mul, max, min):
//
//	ScatterElements: out[i₀]…[indices[i]]…[iᵣ] = updates[i] for i over indices [...], the index on the axis
//	ScatterND: indices [q…,k], updates [q…, data's last axes]: out[indices[i]] = updates[i], slice by slice
//
// Negative indices count from the end. Gradients are those of indices that differ, and of writing and adding only.
// https://onnx.ai/onnx/operators/onnx__ScatterElements.html, https://onnx.ai/onnx/operators/onnx__ScatterND.html

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

// scatterShape is the shape rule of both: that of the data. Updates must fit what a gather by the same indices gives.
func scatterShape(gather func(n *graph.Node) ([]Type, error)) func(n *graph.Node) ([]Type, error) {
	return func(n *graph.Node) ([]Type, error) {
		taken, err := gather(n)
		if err != nil {
			return nil, err
		}
		if want, updates := taken[0].Shape, n.Inputs[2].Shape; want != nil && updates != nil {
			fits := len(want) == len(updates)
			for i := 0; fits && i < len(want); i++ {
				fits = !want[i].Known() || !updates[i].Known() || want[i] == updates[i]
			}
			if !fits {
				return nil, Errorf(n, ErrMalformed, "updates %v, want %v", updates, want)
			}
		}
		return sameAsFirst(n)
	}
}

// scatterGrad: the data's gradient is dy, without what was written over; that of the updates is what gather takes from
// dy.
func scatterGrad(gather string) gradFunc {
	return func(b *graph.Builder, n *graph.Node, dy []*graph.Value) []*graph.Value {
		attrs := graph.Attrs{}
		if n.Has("axis") {
			attrs["axis"] = n.Int("axis", 0)
		}
		updates := n.Inputs[2]
		dx := dy[0]
		switch reduction := n.String("reduction", "none"); reduction {
		case "add":
		case "none":
			zeros := b.Const("zeros", graph.NewTensor(updates.DType, updates.Shape.Sizes()...))
			dx = b.Op(n.Op, attrs, dx, n.Inputs[1], zeros)
		default:
			b.Fail("%w", Errorf(n, ErrNoGradient, "reduction %q", reduction))
			return nil
		}
		return []*graph.Value{dx, nil, b.Op(gather, attrs, dy[0], n.Inputs[1])}
	}
}

// elementsAt gives the flat positions in a tensor of these dims that the elements of an index tensor point to along the
// node's axis.
func elementsAt(n *graph.Node, dims []int, index *graph.Tensor) ([]int, error) {
	axis, ok := graph.Axis(n.Int("axis", 0), len(dims))
	if !ok || len(index.Dims) != len(dims) {
		return nil, Errorf(n, ErrMalformed, "axis %d, indices %v", n.Int("axis", 0), index.Dims)
	}
	step := make([]int, len(dims))
	for a := range step {
		if a != axis {
			step[a] = graph.Product(dims[a+1:])
			if index.Dims[a] > dims[a] {
				return nil, Errorf(n, ErrMalformed, "indices %v for %v", index.Dims, dims)
			}
		}
	}
	to, bad := indices(n, index)
	if bad != nil {
		return nil, bad
	}
	at := make([]int, len(to))
	walk(index.Dims, func(i int, offset []int) {
		k, ok := graph.Axis(to[i], dims[axis])
		if !ok {
			bad = Errorf(n, ErrMalformed, "index %d of %d", to[i], dims[axis])
		}
		at[i] = offset[0] + k*graph.Product(dims[axis+1:])
	}, step)
	return at, bad
}

// slicesAt gives the flat positions in a tensor of these dims at which the slices begin that an index tensor [b…,q…,k]
// points to, and how many elements each has. The first batch axes of both go together.
func slicesAt(n *graph.Node, dims []int, index *graph.Tensor, batch int) (at []int, inner int, err error) {
	last := len(index.Dims) - 1
	if last < 0 || batch < 0 || batch > last || batch+index.Dims[last] > len(dims) ||
		!slices.Equal(index.Dims[:batch], dims[:batch]) {
		return nil, 0, Errorf(n, ErrMalformed, "indices %v for %v", index.Dims, dims)
	}
	k := index.Dims[last]
	each := graph.Product(dims[batch:]) // elements of one of the batch
	perBatch := graph.Product(index.Dims[batch:last])
	to, err := indices(n, index)
	if err != nil {
		return nil, 0, err
	}
	for i := range graph.Product(index.Dims[:last]) {
		base := i / perBatch * each
		for a, v := range to[i*k:][:k] {
			p, ok := graph.Axis(v, dims[batch+a])
			if !ok {
				return nil, 0, Errorf(n, ErrMalformed, "index %d of %d", v, dims[batch+a])
			}
			base += p * graph.Product(dims[batch+a+1:])
		}
		at = append(at, base)
	}
	return at, graph.Product(dims[batch+k:]), nil
}

func scatterElementsEval(n *graph.Node, in []*graph.Tensor) ([]*graph.Tensor, error) {
	x, index, updates := in[0], in[1], in[2]
	if !slices.Equal(index.Dims, updates.Dims) {
		return nil, Errorf(n, ErrMalformed, "indices %v, updates %v", index.Dims, updates.Dims)
	}
	at, err := elementsAt(n, x.Dims, index)
	if err != nil {
		return nil, err
	}
	return scatter(n, x, updates, at)
}

func scatterNDEval(n *graph.Node, in []*graph.Tensor) ([]*graph.Tensor, error) {
	x, index, updates := in[0], in[1], in[2]
	bases, inner, err := slicesAt(n, x.Dims, index, 0)
	if err != nil {
		return nil, err
	}
	if last := len(index.Dims) - 1; !slices.Equal(updates.Dims,
		slices.Concat(index.Dims[:last], x.Dims[index.Dims[last]:])) {
		return nil, Errorf(n, ErrMalformed, "indices %v, updates %v for %v", index.Dims, updates.Dims, x.Dims)
	}
	at := make([]int, 0, updates.Len())
	for _, base := range bases {
		for j := range inner {
			at = append(at, base+j)
		}
	}
	return scatter(n, x, updates, at)
}

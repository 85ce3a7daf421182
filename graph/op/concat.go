package op

import (
	"slices"

	"github.com/ildc/ildc/graph"
)

// Concat joins values along an axis: [...,dᵢ,...] → [...,Σdᵢ,...]. Split is its inverse, with the parts' extents as an
// input or equal, the last one smaller where they do not divide.
// History: Split took its extents as the attribute split before opset 13; the attribute num_outputs, since 18, is the
// number of outputs. https://onnx.ai/onnx/operators/onnx__Concat.html, https://onnx.ai/onnx/operators/onnx__Split.html

func concatAxis(n *graph.Node, rank int) (int, error) {
	axis, ok := graph.Axis(n.Int("axis", 1), rank)
	if !ok {
		return 0, Errorf(n, ErrMalformed, "axis %d", n.Int("axis", 1))
	}
	return axis, nil
}

func concatShape(n *graph.Node) ([]Type, error) {
	t := Type{DType: n.Inputs[0].DType}
	for _, v := range n.Inputs {
		if v.Shape == nil {
			return []Type{t}, nil
		}
	}
	axis, err := concatAxis(n, len(n.Inputs[0].Shape))
	if err != nil {
		return nil, err
	}
	t.Shape = n.Inputs[0].Shape.Clone()
	known := graph.Shape{}
	for i, v := range n.Inputs {
		if len(v.Shape) != len(t.Shape) {
			return nil, Errorf(n, ErrMalformed, "the ranks differ")
		}
		for a, d := range v.Shape {
			switch {
			case a == axis && i > 0:
				if d.Known() && t.Shape[a].Known() {
					t.Shape[a] = graph.D(t.Shape[a].Size + d.Size)
				} else {
					t.Shape[a] = graph.Unknown
				}
			case a != axis && d.Known() && t.Shape[a].Known() && d != t.Shape[a]:
				return nil, Errorf(n, ErrMalformed, "extents of axis %d differ", a)
			case a != axis && d.Known():
				t.Shape[a] = d
			}
		}
		if e := elems(v); e != nil && known != nil && len(v.Shape) == 1 {
			known = append(known, e...)
		} else {
			known = nil
		}
	}
	if len(known) <= maxElems {
		t.Elems = known
	}
	return []Type{t}, nil
}

func concatChannels(c *Coupling, n *graph.Node) {
	y := n.Outputs[0]
	axis, err := concatAxis(n, len(y.Shape))
	if err != nil {
		return
	}
	offset := 0
	for _, v := range n.Inputs {
		for a := range v.Shape {
			if a != axis {
				c.tie(v, a, y, a)
				continue
			}
			if !v.Shape[a].Known() {
				return
			}
			from := offset
			c.tieTo(v, a, y, a, func(i int) int { return from + i })
			offset += v.Shape[a].Size
		}
	}
}

func concatGrad(b *graph.Builder, n *graph.Node, dy []*graph.Value) []*graph.Value {
	axis, _ := concatAxis(n, len(n.Outputs[0].Shape))
	grads := make([]*graph.Value, len(n.Inputs))
	offset := 0
	for i, v := range n.Inputs {
		size := v.Shape[axis].Size
		grads[i] = cut(b, dy[0], axis, offset, size, 1)
		offset += size
	}
	return grads
}

func concatEval(n *graph.Node, in []*graph.Tensor) ([]*graph.Tensor, error) {
	axis, err := concatAxis(n, len(in[0].Dims))
	if err != nil {
		return nil, err
	}
	dims := slices.Clone(in[0].Dims)
	dims[axis] = 0
	for _, t := range in {
		if len(t.Dims) != len(dims) {
			return nil, Errorf(n, ErrMalformed, "the ranks differ")
		}
		dims[axis] += t.Dims[axis]
	}
	all, err := endToEnd(n, in...)
	if err != nil {
		return nil, err
	}
	source := make([]int, 0, all.Len())
	for outer := range graph.Product(dims[:axis]) {
		first := 0 // of the input at hand
		for _, t := range in {
			size := graph.Product(t.Dims[axis:])
			for k := range size {
				source = append(source, first+outer*size+k)
			}
			first += t.Len()
		}
	}
	if len(source) != all.Len() || len(source) != graph.Product(dims) {
		return nil, Errorf(n, ErrMalformed, "the extents of another axis than %d differ", axis)
	}
	return []*graph.Tensor{arrange(all, dims, source)}, nil
}

// concatRebatch repeats operands that have a batch of 1, such as a class token, beside others that have the batch
// given.
func concatRebatch(b *graph.Builder, n *graph.Node, batch int) []*graph.Value {
	in := slices.Clone(n.Inputs)
	batched, repeated := false, false
	for i, v := range in {
		axis, err := concatAxis(n, len(v.Shape))
		if err != nil || axis == 0 {
			return nil
		}
		batched = batched || v.Shape[0].Is(batch)
		if v.Shape[0].Is(1) {
			to := slices.Repeat([]int64{1}, len(v.Shape))
			to[0] = int64(batch)
			in[i], repeated = b.Op("Expand", nil, v, b.Ints(to...)), true
		}
	}
	if !batched || !repeated {
		return nil
	}
	return []*graph.Value{b.Op("Concat", n.Attrs, in...)}
}

func splitUpgrade(b *graph.Builder, n *graph.Node, _ int64) []*graph.Value {
	attrs := graph.Attrs{"axis": n.Int("axis", 0)}
	switch {
	case n.Has("split"):
		return b.Ops("Split", len(n.Outputs), attrs, n.Input(0), b.Ints(n.Ints("split")...))
	case n.Input(1) == nil && !n.Has("num_outputs"): // which opset 18 asks for
		attrs["num_outputs"] = int64(len(n.Outputs))
		return b.Ops("Split", len(n.Outputs), attrs, n.Input(0))
	}
	return nil
}

// splitSizes gives the extents of the parts of an axis of that size: as told, or equal with a smaller last one.
func splitSizes(n *graph.Node, size int, told []int64) ([]int, error) {
	parts := len(n.Outputs)
	if told == nil {
		each := (size + parts - 1) / parts
		for i := range parts {
			told = append(told, int64(min(each, max(0, size-i*each))))
		}
	}
	sum := int64(0)
	for _, s := range told {
		if s < 0 || s > int64(size) {
			return nil, Errorf(n, ErrMalformed, "parts %v of %d", told, size)
		}
		sum += s
	}
	if len(told) != parts || sum != int64(size) {
		return nil, Errorf(n, ErrMalformed, "parts %v of %d for %d outputs", told, size, parts)
	}
	return sizes(told), nil
}

// nodeSplit gives the axis and the extents of a Split's parts; no extents where they are not known.
func nodeSplit(n *graph.Node) (axis int, parts []int, err error) {
	x := n.Inputs[0]
	axis, ok := graph.Axis(n.Int("axis", 0), len(x.Shape))
	if !ok {
		return 0, nil, Errorf(n, ErrMalformed, "axis %d", n.Int("axis", 0))
	}
	var told []int64
	if v := n.Input(1); v != nil {
		if told, ok = constInts(v); !ok {
			return axis, nil, nil
		}
	}
	if !x.Shape[axis].Known() {
		return axis, nil, nil
	}
	parts, err = splitSizes(n, x.Shape[axis].Size, told)
	return axis, parts, err
}

func splitShape(n *graph.Node) ([]Type, error) {
	x := n.Inputs[0]
	types := make([]Type, len(n.Outputs))
	for i := range types {
		types[i] = Type{DType: x.DType, Shape: x.Shape.Clone()}
	}
	if x.Shape == nil {
		return types, nil
	}
	axis, parts, err := nodeSplit(n)
	if err != nil {
		return nil, err
	}
	for i := range types {
		if types[i].Shape[axis] = graph.Unknown; parts != nil {
			types[i].Shape[axis] = graph.D(parts[i])
		}
	}
	return types, nil
}

// splitChannels couples each part with its positions of the input, and lets written extents follow. Parts that are
// equal without being written down stay so by losing the same positions.
func splitChannels(c *Coupling, n *graph.Node) {
	x := n.Inputs[0]
	axis, parts, err := nodeSplit(n)
	if err != nil || parts == nil {
		return
	}
	for _, y := range n.Outputs {
		for a := range x.Shape {
			if y != nil && a != axis {
				c.tie(x, a, y, a)
			}
		}
	}
	written := n.Input(1) != nil
	if !written && parts[len(parts)-1] != parts[0] {
		c.fix(x, axis, "node "+n.Name+" ("+n.OpName()+") splits it into parts of unequal extent that are not written down")
	}
	if !written && parts[0] > 0 {
		c.tieTo(x, axis, x, axis, func(k int) int { return k % parts[0] })
	}
	offset := 0
	for i, y := range n.Outputs {
		first := offset
		if offset += parts[i]; y == nil {
			if written {
				for k := first; k < offset; k++ {
					c.fixAt(x, axis, k, "node "+n.Name+" ("+n.OpName()+") drops it")
				}
			}
			continue
		}
		c.tieTo(y, axis, x, axis, func(k int) int { return first + k })
		if written {
			follow(c, n, n.Inputs[1], i, y, axis)
		}
	}
}

func splitGrad(b *graph.Builder, n *graph.Node, dy []*graph.Value) []*graph.Value {
	axis, parts, _ := nodeSplit(n)
	all := slices.Clone(dy)
	for i, d := range all {
		if d == nil {
			dims := n.Inputs[0].Shape.Sizes()
			dims[axis] = parts[i]
			all[i] = b.Const("zeros", graph.NewTensor(n.Inputs[0].DType, dims...))
		}
	}
	return []*graph.Value{b.Op("Concat", graph.Attrs{"axis": int64(axis)}, all...)}
}

func splitEval(n *graph.Node, in []*graph.Tensor) ([]*graph.Tensor, error) {
	axis, ok := graph.Axis(n.Int("axis", 0), len(in[0].Dims))
	if !ok {
		return nil, Errorf(n, ErrMalformed, "axis %d", n.Int("axis", 0))
	}
	var told []int64
	if len(in) > 1 && in[1] != nil {
		told = in[1].Int64s()
	}
	parts, err := splitSizes(n, in[0].Dims[axis], told)
	if err != nil {
		return nil, err
	}
	out := make([]*graph.Tensor, len(parts))
	offset := 0
	for i, size := range parts {
		index := make([]int, size)
		for k := range index {
			index[k] = offset + k
		}
		out[i] = in[0].Take(axis, index)
		offset += size
	}
	return out, nil
}

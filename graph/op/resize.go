package op

import (
	"math"
	"slices"

	"github.com/ildc/ildc/graph"
)

// Resize interpolates along axes: X [...], roi [2·k], scales [k] or sizes [k] → [...] with the extents ⌊extent·scale⌋,
// or sizes; k is the number of axes, all or those of the attribute. It is a product with a matrix along each axis, see
// resample.go. History: opset 10 had scales only, and counted positions as Upsample does; 18 added axes, antialias and
// keep_aspect_ratio_policy. Upsample (7 to 9), of scales alone, is one that counts positions from the corner
// (asymmetric) and rounds down. https://onnx.ai/onnx/operators/onnx__Resize.html
func resizing() []*Spec {
	return []*Spec{
		{Type: "Resize", Least: 1, Most: 4, Settings: []int{1, 2}, Upgrade: resizeUpgrade, Rebatch: resizeRebatch,
			Shape: resizeShape, Channels: resizeChannels,
			Grad: resizeGrad, Eval: resizeEval, Tolerance: 1e-5},
		composite(&Spec{Type: "Upsample", Least: 1, Most: 2, Settings: []int{1}}, upsample),
	}
}

// resizeUpgrade brings opset 10, whose second input is the scales.
func resizeUpgrade(b *graph.Builder, n *graph.Node, opset int64) []*graph.Value {
	if opset >= 11 || len(n.Inputs) < 2 {
		return nil
	}
	return fromCorner(b, n, n.Inputs[1])
}

func upsample(b *graph.Builder, n *graph.Node) []*graph.Value {
	switch scales, ok := n.Attrs["scales"].([]float32); {
	case ok:
		return fromCorner(b, n, b.Const("scales", graph.FromFloat32([]int{len(scales)}, scales)))
	case n.Input(1) != nil:
		return fromCorner(b, n, n.Inputs[1])
	}
	b.Fail("%w", Errorf(n, ErrMalformed, "no scales"))
	return nil
}

func fromCorner(b *graph.Builder, n *graph.Node, scales *graph.Value) []*graph.Value {
	attrs := graph.Attrs{"mode": n.String("mode", "nearest"), "coordinate_transformation_mode": "asymmetric",
		"nearest_mode": "floor"}
	return []*graph.Value{b.Op("Resize", attrs, n.Input(0), nil, scales)}
}

// sameRank is the shape rule of an op of which only the rank is known.
func sameRank(n *graph.Node) ([]Type, error) {
	x := n.Inputs[0]
	t := Type{DType: x.DType}
	if x.Shape != nil {
		t.Shape = slices.Repeat(graph.Shape{graph.Unknown}, len(x.Shape))
	}
	return []Type{t}, nil
}

// resizedAxes lists the axes that scales or sizes speak of, each once.
func resizedAxes(n *graph.Node, rank int) ([]int, error) {
	if !n.Has("axes") {
		return sizes(firstAxes(rank)), nil
	}
	var axes []int
	for _, axis := range n.Ints("axes") {
		a, ok := graph.Axis(axis, rank)
		if !ok || slices.Contains(axes, a) {
			return nil, Errorf(n, ErrMalformed, "axes %v", n.Ints("axes"))
		}
		axes = append(axes, a)
	}
	return axes, nil
}

// resizeInputs gives scales or sizes, whichever is there; known is false where it is not a constant.
func resizeInputs(n *graph.Node) (scales []float64, to []int64, known bool) {
	if v := n.Input(2); v != nil && !(v.Shape.Static() && v.Shape.Elements() == 0) {
		if v.Const == nil {
			return nil, nil, false
		}
		return v.Const.Values(), nil, true
	}
	if v := n.Input(3); v != nil {
		to, known = constInts(v)
		return nil, to, known
	}
	return nil, nil, true
}

func resizeShape(n *graph.Node) ([]Type, error) {
	x := n.Inputs[0]
	types, err := sameRank(n)
	if x.Shape == nil {
		return types, err
	}
	axes, err := resizedAxes(n, len(x.Shape))
	if err != nil {
		return nil, err
	}
	shape := x.Shape.Clone()
	types[0].Shape = shape
	for _, a := range axes {
		shape[a] = graph.Unknown
	}
	scales, to, known := resizeInputs(n)
	if !known {
		if e := elems(n.Input(3)); len(e) == len(axes) {
			for i, a := range axes {
				shape[a] = e[i]
			}
		}
		return types, checkExtents(n, shape)
	}
	if len(scales) != len(axes) && len(to) != len(axes) {
		return nil, Errorf(n, ErrMalformed, "%d scales and %d sizes for %d axes", len(scales), len(to), len(axes))
	}
	for i, a := range axes {
		switch {
		case scales != nil && scales[i] == 1:
			shape[a] = x.Shape[a]
		case scales == nil && n.String("keep_aspect_ratio_policy", "stretch") == "stretch":
			shape[a] = graph.D(int(to[i]))
		}
	}
	if in := x.Shape.Sizes(); in != nil {
		r, err := newResampling(n, in, scales, to)
		if err != nil {
			return nil, err
		}
		types[0].Shape = graph.Dims(r.out...)
	}
	return types, checkExtents(n, types[0].Shape)
}

// resizeChannels couples the axes that keep their extent; a size that states one follows.
func resizeChannels(c *Coupling, n *graph.Node) {
	x, y := n.Inputs[0], n.Outputs[0]
	axes, err := resizedAxes(n, len(x.Shape))
	scales, _, known := resizeInputs(n)
	if err != nil || !known {
		return
	}
	for a := range x.Shape {
		k := slices.Index(axes, a)
		if !x.Shape[a].Equal(y.Shape[a]) || k >= 0 && scales != nil && scales[k] != 1 {
			continue
		}
		c.tie(x, a, y, a)
		if k >= 0 && scales == nil {
			follow(c, n, n.Inputs[3], k, y, a)
		}
	}
}

// resizeRebatch rewrites a size of 1 for the batch.
func resizeRebatch(b *graph.Builder, n *graph.Node, batch int) []*graph.Value {
	x := n.Inputs[0]
	axes, err := resizedAxes(n, len(x.Shape))
	_, to, known := resizeInputs(n)
	k := slices.Index(axes, 0)
	if err != nil || !known || k < 0 || k >= len(to) || to[k] != 1 || !x.Shape[0].Is(batch) {
		return nil
	}
	to = slices.Clone(to)
	to[k] = int64(batch)
	return []*graph.Value{b.Op("Resize", n.Attrs, x, n.Input(1), n.Input(2), b.Ints(to...))}
}

// resizeGrad is the product with the transposed matrices.
func resizeGrad(b *graph.Builder, n *graph.Node, dy []*graph.Value) []*graph.Value {
	x := n.Inputs[0]
	scales, to, known := resizeInputs(n)
	if !known || n.String("coordinate_transformation_mode", "half_pixel") == "tf_crop_and_resize" {
		b.Fail("%w", Errorf(n, ErrNoGradient, "scales, sizes or regions that are computed"))
		return nil
	}
	r, err := newResampling(n, x.Shape.Sizes(), scales, to)
	if err != nil {
		b.Fail("%w", err)
		return nil
	}
	dx := dy[0]
	for a, m := range r.axes {
		if m == nil {
			continue
		}
		last := len(x.Shape) - 1
		perm := firstAxes(last + 1)
		perm[a], perm[last] = perm[last], perm[a]
		if a != last {
			dx = b.Op("Transpose", graph.Attrs{"perm": perm}, dx)
		}
		dx = b.Op("MatMul", nil, dx, b.Const("interpolation", m.tensor(x.DType)))
		if a != last {
			dx = b.Op("Transpose", graph.Attrs{"perm": perm}, dx)
		}
	}
	return []*graph.Value{dx}
}

func resizeEval(n *graph.Node, in []*graph.Tensor) ([]*graph.Tensor, error) {
	x := in[0]
	fed := &graph.Node{Op: n.Op, Attrs: n.Attrs}
	for _, t := range in {
		var v *graph.Value
		if t != nil {
			v = &graph.Value{DType: t.DType, Shape: t.Shape(), Const: t}
		}
		fed.Inputs = append(fed.Inputs, v)
	}
	scales, to, _ := resizeInputs(fed)
	r, err := newResampling(fed, x.Dims, scales, to)
	if err != nil {
		return nil, err
	}
	if _, err := checkDims(n, int64s(r.out)); err != nil {
		return nil, err
	}
	dims, v := slices.Clone(x.Dims), x.Values()
	for a, m := range r.axes {
		if m == nil {
			continue
		}
		inner := graph.Product(dims[a+1:])
		out := make([]float64, graph.Product(dims[:a])*len(m.rows)*inner)
		for i := range out {
			outer, o, k := i/inner/len(m.rows), i/inner%len(m.rows), i%inner
			for _, t := range m.rows[o] {
				out[i] += t.weight * v[(outer*dims[a]+t.at)*inner+k]
			}
		}
		dims[a], v = len(m.rows), out
	}
	r.extrapolate(v, n.Float("extrapolation_value", 0))
	if x.DType.IsInt() {
		for i := range v {
			v[i] = math.RoundToEven(v[i])
		}
	}
	return []*graph.Tensor{graph.FromValues(x.DType, dims, v)}, nil
}

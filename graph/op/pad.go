package op

import (
	"slices"

	"github.com/ildc/ildc/graph"
)

func padUpgrade(b *graph.Builder, n *graph.Node, opset int64) []*graph.Value {
	if opset >= 11 {
		return nil
	}
	in := []*graph.Value{n.Inputs[0], b.Ints(n.Ints("pads")...)}
	if n.Has("value") {
		in = append(in, b.Scalar(n.Inputs[0].DType, n.Float("value", 0)))
	}
	return []*graph.Value{b.Op("Pad", graph.Attrs{"mode": n.String("mode", "constant")}, in...)}
}

// padding reads the pads per axis, before and behind; nil where they are computed by the graph.
func padding(n *graph.Node, rank int, pads, axes []int64) (begin, end []int, err error) {
	if axes == nil {
		for i := range rank {
			axes = append(axes, int64(i))
		}
	}
	if len(pads) != 2*len(axes) {
		return nil, nil, Errorf(n, ErrMalformed, "%d pads for %d axes", len(pads), len(axes))
	}
	begin, end = make([]int, rank), make([]int, rank)
	for i, axis := range axes {
		a, ok := graph.Axis(axis, rank)
		if !ok || pads[i] > maxElements || pads[len(axes)+i] > maxElements || pads[i] < -maxElements || pads[len(axes)+i] < -maxElements {
			return nil, nil, Errorf(n, ErrMalformed, "pads %v, axes %v", pads, axes)
		}
		begin[a], end[a] = int(pads[i]), int(pads[len(axes)+i])
	}
	return begin, end, nil
}

func nodePadding(n *graph.Node) (begin, end []int, err error) {
	pads, ok := constInts(n.Inputs[1])
	if !ok || n.Inputs[0].Shape == nil {
		return nil, nil, nil
	}
	var axes []int64
	if v := n.Input(3); v != nil {
		if axes, ok = constInts(v); !ok {
			return nil, nil, nil
		}
	}
	return padding(n, len(n.Inputs[0].Shape), pads, axes)
}

func padShape(n *graph.Node) ([]Type, error) {
	x := n.Inputs[0]
	t := Type{DType: x.DType}
	begin, end, err := nodePadding(n)
	if err != nil || begin == nil {
		if x.Shape != nil {
			t.Shape = slices.Repeat(graph.Shape{graph.Unknown}, len(x.Shape))
		}
		return []Type{t}, err
	}
	t.Shape = x.Shape.Clone()
	for i, d := range x.Shape {
		switch {
		case begin[i] == 0 && end[i] == 0:
		case d.Known() && d.Size+begin[i]+end[i] < 0:
			return nil, Errorf(n, ErrMalformed, "pads leave nothing of axis %d", i)
		case d.Known():
			t.Shape[i] = graph.D(d.Size + begin[i] + end[i])
		default:
			t.Shape[i] = graph.Unknown
		}
	}
	return []Type{t}, nil
}

// padChannels couples the axes that are not padded. Along a padded one, positions move with those they came from, and the padding stays.
func padChannels(c *Coupling, n *graph.Node) {
	x, y := n.Inputs[0], n.Outputs[0]
	begin, end, err := nodePadding(n)
	if err != nil || begin == nil {
		return
	}
	for i := range x.Shape {
		switch {
		case begin[i] == 0 && end[i] == 0:
			c.Same(x, i, y, i)
		case begin[i] >= 0 && end[i] >= 0 && n.String("mode", "constant") == "constant":
			from := begin[i]
			c.Map(x, i, y, i, func(k int) int { return from + k })
		}
	}
}

func padGrad(b *graph.Builder, n *graph.Node, dy []*graph.Value) []*graph.Value {
	begin, end, _ := nodePadding(n)
	if begin == nil || n.String("mode", "constant") != "constant" {
		b.Fail("%w", Errorf(n, ErrNoGradient, "padding with mode %q, or by computed pads", n.String("mode", "constant")))
		return nil
	}
	back := make([]int64, 0, 2*len(begin))
	for _, p := range append(slices.Clone(begin), end...) {
		back = append(back, int64(-p))
	}
	return []*graph.Value{b.Op("Pad", nil, dy[0], b.Ints(back...))}
}

func padEval(n *graph.Node, in []*graph.Tensor) ([]*graph.Tensor, error) {
	x := in[0]
	var axes []int64
	if len(in) > 3 && in[3] != nil {
		axes = in[3].Int64s()
	}
	begin, end, err := padding(n, len(x.Dims), in[1].Int64s(), axes)
	if err != nil {
		return nil, err
	}
	value := 0.0
	if len(in) > 2 && in[2] != nil && in[2].Len() == 1 {
		value = in[2].Values()[0]
	}
	dims := make([]int, len(x.Dims))
	dims64 := make([]int64, len(x.Dims))
	for i, d := range x.Dims {
		dims[i] = d + begin[i] + end[i]
		dims64[i] = int64(dims[i])
	}
	if _, err := checkDims(n, dims64); err != nil {
		return nil, err
	}
	mode := n.String("mode", "constant")
	source := make([][]int, len(dims)) // per axis, the position that each output position comes from; −1 is the padding
	for a := range dims {
		for i := range dims[a] {
			k, err := padSource(n, mode, i-begin[a], x.Dims[a])
			if err != nil {
				return nil, err
			}
			source[a] = append(source[a], k)
		}
	}
	v := x.Values()
	y := make([]float64, graph.Product(dims))
	from := strides(x.Dims, x.Dims)
	for a, d := range x.Dims {
		if d == 1 {
			from[a] = 0
		}
	}
	index := make([]int, len(dims))
	for i := range y {
		at, inside := 0, true
		for a := range dims {
			k := source[a][index[a]]
			inside = inside && k >= 0
			at += k * from[a]
		}
		if y[i] = value; inside {
			y[i] = v[at]
		}
		for a := len(dims) - 1; a >= 0; a-- {
			if index[a]++; index[a] < dims[a] {
				break
			}
			index[a] = 0
		}
	}
	return []*graph.Tensor{graph.FromValues(x.DType, dims, y)}, nil
}

// padSource is the position that position i of a padded axis, counted from the first unpadded one, shows.
func padSource(n *graph.Node, mode string, i, size int) (int, error) {
	switch {
	case i >= 0 && i < size:
		return i, nil
	case mode == "constant":
		return -1, nil
	case size == 0:
		return 0, Errorf(n, ErrMalformed, "mode %q of an empty axis", mode)
	case mode == "edge":
		return min(max(i, 0), size-1), nil
	case mode == "wrap":
		return (i%size + size) % size, nil
	case mode == "reflect" && size > 1:
		period := 2 * (size - 1)
		i = (i%period + period) % period
		return min(i, period-i), nil
	case mode == "reflect":
		return 0, nil
	}
	return 0, Errorf(n, ErrUnsupported, "mode %q", mode)
}

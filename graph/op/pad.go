package op

import (
	"slices"

	"github.com/ildc/ildc/graph"
)

// Pad lengthens axes at both ends, or shortens them by negative pads: data [...], pads [2k], value [], axes [k] →
// [...]. pads lists what to add before each axis, then behind each. Mode "constant" adds the value, "edge" the nearest
// element, "reflect" mirrors at the edge, "wrap" goes on at the other end.
// History: pads and value were attributes before opset 11; 18 brought axes, 19 wrap.
// Gradients exist for mode "constant".
// https://onnx.ai/onnx/operators/onnx__Pad.html

func padUpgrade(b *graph.Builder, n *graph.Node, opset int64) []*graph.Value {
	x := n.Input(0)
	if opset >= 11 || x == nil {
		return nil
	}
	in := []*graph.Value{x, b.Ints(n.Ints("pads")...)}
	if n.Has("value") {
		in = append(in, b.Scalar(x.DType, n.Float("value", 0)))
	}
	return []*graph.Value{b.Op("Pad", graph.Attrs{"mode": padMode(n)}, in...)}
}

func padMode(n *graph.Node) string { return n.String("mode", "constant") }

// padding gives what is added before and behind each axis. axes may be nil.
func padding(n *graph.Node, rank int, pads, axes []int64) (begin, end []int, err error) {
	if axes == nil {
		axes = firstAxes(rank)
	}
	if len(pads) != 2*len(axes) {
		return nil, nil, Errorf(n, ErrMalformed, "%d pads for %d axes", len(pads), len(axes))
	}
	begin, end = make([]int, rank), make([]int, rank)
	for i, axis := range axes {
		before, behind := pads[i], pads[len(axes)+i]
		a, ok := graph.Axis(axis, rank)
		if !ok || max(before, behind) > maxElements || min(before, behind) < -maxElements {
			return nil, nil, Errorf(n, ErrMalformed, "pads %v, axes %v", pads, axes)
		}
		begin[a], end[a] = int(before), int(behind)
	}
	return begin, end, nil
}

// nodePadding is padding for a node; nil where it is computed by the graph.
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
		case !d.Known():
			t.Shape[i] = graph.Unknown
		case d.Size+begin[i]+end[i] < 0:
			return nil, Errorf(n, ErrMalformed, "pads leave nothing of axis %d", i)
		default:
			t.Shape[i] = graph.D(d.Size + begin[i] + end[i])
		}
	}
	return []Type{t}, nil
}

// padChannels couples the axes that are not padded. Along one that is lengthened, positions move with those they came
// from; those that are added have nothing to move with, and their number is written down, so they stay.
func padChannels(c *Coupling, n *graph.Node) {
	x, y := n.Inputs[0], n.Outputs[0]
	begin, end, err := nodePadding(n)
	if err != nil || begin == nil {
		return
	}
	for i, d := range x.Shape {
		switch {
		case begin[i] == 0 && end[i] == 0:
			c.tie(x, i, y, i)
		case begin[i] >= 0 && end[i] >= 0 && padMode(n) == "constant" && d.Known():
			before := begin[i]
			c.tieTo(x, i, y, i, func(k int) int { return before + k })
			for k := range y.Shape[i].Size {
				if k < before || k >= before+d.Size {
					c.fixAt(y, i, k, "node "+n.Name+" ("+n.OpName()+") adds it")
				}
			}
		}
	}
}

// padGrad cuts off what was added, and adds zeros where something was cut off.
func padGrad(b *graph.Builder, n *graph.Node, dy []*graph.Value) []*graph.Value {
	begin, end, _ := nodePadding(n)
	if begin == nil || padMode(n) != "constant" {
		b.Fail("%w", Errorf(n, ErrNoGradient, "padding with mode %q, or by computed pads", padMode(n)))
		return nil
	}
	back := int64s(slices.Concat(begin, end))
	for i := range back {
		back[i] = -back[i]
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
	dims := make([]int, len(x.Dims))
	for i, d := range x.Dims {
		dims[i] = d + begin[i] + end[i]
	}
	if _, err := checkDims(n, int64s(dims)); err != nil {
		return nil, err
	}
	value := graph.NewTensor(x.DType, 1)
	if len(in) > 2 && in[2] != nil && in[2].Len() == 1 {
		value = in[2]
	}
	all, err := endToEnd(n, x, value)
	if err != nil {
		return nil, err
	}
	source, err := padSources(n, x, dims, begin)
	if err != nil {
		return nil, err
	}
	return []*graph.Tensor{arrange(all, dims, source)}, nil
}

// padSources is, for each position of the output, the one in x that it shows; x.Len() for the value.
func padSources(n *graph.Node, x *graph.Tensor, dims, begin []int) ([]int, error) {
	// Of each axis, the offset in x that each position shows; −1 for the value.
	shows := make([][]int, len(dims))
	inner := x.Len()
	for a := range dims {
		if x.Dims[a] > 0 {
			inner /= x.Dims[a]
		}
		for i := range dims[a] {
			k, err := padSource(n, i-begin[a], x.Dims[a])
			if err != nil {
				return nil, err
			}
			if k > 0 {
				k *= inner
			}
			shows[a] = append(shows[a], k)
		}
	}
	source := []int{0}
	for _, axis := range shows {
		next := make([]int, 0, len(source)*len(axis))
		for _, from := range source {
			for _, k := range axis {
				if from < 0 || k < 0 {
					next = append(next, -1)
				} else {
					next = append(next, from+k)
				}
			}
		}
		source = next
	}
	for i, from := range source {
		if from < 0 {
			source[i] = x.Len()
		}
	}
	return source, nil
}

// padSource is the position of an axis that its position i shows, i counted from the first that is not padding; −1 for
// the value.
func padSource(n *graph.Node, i, size int) (int, error) {
	mode := padMode(n)
	switch {
	case i >= 0 && i < size:
		return i, nil
	case mode == "constant":
		return -1, nil
	case size == 0:
		return 0, Errorf(n, ErrMalformed, "mode %q on an axis without elements", mode)
	case mode == "edge":
		return min(max(i, 0), size-1), nil
	case mode == "wrap":
		return (i%size + size) % size, nil
	case mode == "reflect" && size == 1:
		return 0, nil
	case mode == "reflect":
		period := 2 * (size - 1)
		i = (i%period + period) % period
		return min(i, period-i), nil
	}
	return 0, Errorf(n, ErrUnsupported, "mode %q", mode)
}

package op

import (
	"slices"

	"github.com/ildc/ildc/graph"
)

// Ops that move elements without changing them: Concat, Slice, Pad, Split, Gather, ScatterElements.
// History: Slice took starts, ends and axes as attributes before opset 10, Pad its pads before 11, Split its sizes before 13.
// https://onnx.ai/onnx/operators/onnx__Slice.html and its neighbours.
func movement() []*Spec {
	return []*Spec{
		{Type: "Concat", Least: 1, Most: -1, Shape: concatShape, Channels: concatChannels, Grad: concatGrad, Eval: concatEval},
		{Type: "Slice", Least: 3, Most: 5, Upgrade: sliceUpgrade, Shape: sliceShape, Channels: sliceChannels, Grad: sliceGrad, Eval: sliceEval},
		{Type: "Pad", Least: 2, Most: 4, Upgrade: padUpgrade, Shape: padShape, Channels: padChannels, Grad: padGrad, Eval: padEval},
		{Type: "Split", Least: 1, Most: 2, Upgrade: splitUpgrade, Shape: splitShape, Channels: splitChannels, Grad: splitGrad, Eval: splitEval},
		{Type: "Gather", Least: 2, Most: 2, Shape: gatherShape, Channels: gatherChannels, Grad: gatherGrad, Eval: gatherEval},
		{Type: "ScatterElements", Least: 3, Most: 3, Shape: sameAsFirst, Eval: scatterEval, Tolerance: 1e-5},
	}
}

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
		if v == nil || v.Shape == nil {
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
				c.Same(v, a, y, a)
				continue
			}
			if !v.Shape[a].Known() {
				return
			}
			from := offset
			c.Map(v, a, y, a, func(i int) int { return from + i })
			offset += v.Shape[a].Size
		}
	}
}

// slicing appends a Slice with step 1 along one axis.
func slicing(b *graph.Builder, v *graph.Value, axis, from, to int) *graph.Value {
	return b.Op("Slice", nil, v, b.Ints(int64(from)), b.Ints(int64(to)), b.Ints(int64(axis)))
}

func concatGrad(b *graph.Builder, n *graph.Node, dy []*graph.Value) []*graph.Value {
	axis, _ := concatAxis(n, len(n.Outputs[0].Shape))
	grads := make([]*graph.Value, len(n.Inputs))
	offset := 0
	for i, v := range n.Inputs {
		size := v.Shape[axis].Size
		grads[i] = slicing(b, dy[0], axis, offset, offset+size)
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
	y := make([]float64, 0, graph.Product(dims))
	values := make([][]float64, len(in))
	for i, t := range in {
		values[i] = t.Values()
	}
	for outer := range graph.Product(dims[:axis]) {
		for i, t := range in {
			size := graph.Product(t.Dims[axis:])
			y = append(y, values[i][outer*size:][:size]...)
		}
	}
	return []*graph.Tensor{graph.FromValues(in[0].DType, dims, y)}, nil
}

// picked is what Slice takes of an axis: count positions, from start on in steps.
type picked struct{ start, step, count int }

func (p picked) whole(size int) bool { return p.start == 0 && p.step == 1 && p.count == size }

// picks resolves Slice's inputs against a shape; nil where they are computed by the graph.
func picks(n *graph.Node, dims []int, starts, ends, axes, steps []int64) ([]picked, error) {
	if axes == nil {
		for i := range starts {
			axes = append(axes, int64(i))
		}
	}
	if len(ends) != len(starts) || len(axes) != len(starts) || steps != nil && len(steps) != len(starts) {
		return nil, Errorf(n, ErrMalformed, "%d starts, %d ends, %d axes, %d steps", len(starts), len(ends), len(axes), len(steps))
	}
	all := make([]picked, len(dims))
	for i, d := range dims {
		all[i] = picked{0, 1, d}
	}
	for i := range starts {
		a, ok := graph.Axis(axes[i], len(dims))
		if !ok {
			return nil, Errorf(n, ErrMalformed, "axis %d", axes[i])
		}
		step := int64(1)
		if steps != nil {
			step = steps[i]
		}
		size := int64(dims[a])
		if step == 0 || step > 1<<31 || step < -1<<31 {
			return nil, Errorf(n, ErrMalformed, "step %d", step)
		}
		clamp := func(v, low, high int64) int64 {
			if v < 0 {
				v += size
			}
			return min(max(v, low), high)
		}
		var start, end, count int64
		if step > 0 {
			start, end = clamp(starts[i], 0, size), clamp(ends[i], 0, size)
			count = max(0, (end-start+step-1)/step)
		} else {
			start, end = clamp(starts[i], 0, size-1), clamp(ends[i], -1, size-1)
			count = max(0, (start-end-step-1)/-step)
		}
		if size == 0 {
			count = 0
		}
		all[a] = picked{int(start), int(step), int(count)}
	}
	return all, nil
}

// sliceInputs reads Slice's inputs where they are known.
func sliceInputs(n *graph.Node) (starts, ends, axes, steps []int64, ok bool) {
	var read [4][]int64
	for i := range read {
		if v := n.Input(i + 1); v != nil {
			if read[i], ok = constInts(v); !ok {
				return nil, nil, nil, nil, false
			}
		}
	}
	return read[0], read[1], read[2], read[3], true
}

// slicePicks resolves Slice where inputs and sliced extents are known; extents that are not sliced may be symbolic.
func slicePicks(n *graph.Node) ([]picked, error) {
	x := n.Inputs[0]
	starts, ends, axes, steps, ok := sliceInputs(n)
	if !ok || x.Shape == nil {
		return nil, nil
	}
	dims := make([]int, len(x.Shape))
	for i, d := range x.Shape {
		dims[i] = d.Size
	}
	for i := range starts {
		axis := int64(i)
		if axes != nil && i < len(axes) {
			axis = axes[i]
		}
		if a, ok := graph.Axis(axis, len(dims)); ok && !x.Shape[a].Known() {
			return nil, nil
		}
	}
	return picks(n, dims, starts, ends, axes, steps)
}

func sliceUpgrade(b *graph.Builder, n *graph.Node, opset int64) []*graph.Value {
	if opset >= 10 {
		return nil
	}
	in := []*graph.Value{n.Inputs[0], b.Ints(n.Ints("starts")...), b.Ints(n.Ints("ends")...)}
	if n.Has("axes") {
		in = append(in, b.Ints(n.Ints("axes")...))
	}
	return []*graph.Value{b.Op("Slice", nil, in...)}
}

func sliceShape(n *graph.Node) ([]Type, error) {
	x := n.Inputs[0]
	t := Type{DType: x.DType}
	if x.Shape == nil {
		return []Type{t}, nil
	}
	p, err := slicePicks(n)
	if err != nil {
		return nil, err
	}
	t.Shape = slices.Repeat(graph.Shape{graph.Unknown}, len(x.Shape))
	if p == nil {
		return []Type{t}, nil
	}
	for i, d := range x.Shape {
		if t.Shape[i] = d; d.Known() {
			t.Shape[i] = graph.D(p[i].count)
		}
	}
	if e := elems(x); e != nil && len(p) == 1 {
		t.Elems = graph.Shape{}
		for k := range p[0].count {
			t.Elems = append(t.Elems, e[p[0].start+k*p[0].step])
		}
	}
	return []Type{t}, nil
}

// sliceChannels couples axes that are taken whole. A part of an axis is taken by position, so its positions stay.
func sliceChannels(c *Coupling, n *graph.Node) {
	p, err := slicePicks(n)
	if err != nil || p == nil {
		return
	}
	for i, d := range n.Inputs[0].Shape {
		if !d.Known() || p[i].whole(d.Size) {
			c.Same(n.Inputs[0], i, n.Outputs[0], i)
		}
	}
}

// sliceGrad puts dy back where it came from: zeros between steps, zeros around.
func sliceGrad(b *graph.Builder, n *graph.Node, dy []*graph.Value) []*graph.Value {
	x, d := n.Inputs[0], dy[0]
	p, _ := slicePicks(n)
	rank := len(x.Shape)
	begin, end := make([]int64, rank), make([]int64, rank)
	for a, q := range p {
		size := x.Shape[a].Size
		if q.count == 0 {
			return []*graph.Value{b.Const("zeros", graph.NewTensor(x.DType, x.Shape.Sizes()...))}
		}
		first, step := q.start, q.step
		if step < 0 {
			d = b.Op("Slice", nil, d, b.Ints(-1), b.Ints(-1<<31), b.Ints(int64(a)), b.Ints(-1))
			first, step = q.start+(q.count-1)*q.step, -step
		}
		if step > 1 {
			d = dilate(b, d, a, step)
		}
		begin[a], end[a] = int64(first), int64(size-first-d.Shape[a].Size)
	}
	pads := append(begin, end...)
	if slices.ContainsFunc(pads, func(p int64) bool { return p != 0 }) {
		d = b.Op("Pad", nil, d, b.Ints(pads...))
	}
	return []*graph.Value{d}
}

// dilate puts step−1 zeros between the positions of an axis.
func dilate(b *graph.Builder, v *graph.Value, axis, step int) *graph.Value {
	dims := v.Shape.Sizes()
	count := dims[axis]
	apart := slices.Insert(slices.Clone(dims), axis+1, 1)
	v = reshape(b, v, apart...)
	pads := make([]int64, 2*len(apart))
	pads[len(apart)+axis+1] = int64(step - 1)
	v = b.Op("Pad", nil, v, b.Ints(pads...))
	dims[axis] = count * step
	return slicing(b, reshape(b, v, dims...), axis, 0, (count-1)*step+1)
}

func sliceEval(n *graph.Node, in []*graph.Tensor) ([]*graph.Tensor, error) {
	var read [4][]int64
	for i := range read {
		if i+1 < len(in) && in[i+1] != nil {
			read[i] = in[i+1].Int64s()
		}
	}
	p, err := picks(n, in[0].Dims, read[0], read[1], read[2], read[3])
	if err != nil {
		return nil, err
	}
	out := in[0]
	for a, q := range p {
		if q.whole(in[0].Dims[a]) {
			continue
		}
		index := make([]int, q.count)
		for k := range index {
			index[k] = q.start + k*q.step
		}
		out = out.Take(a, index)
	}
	return []*graph.Tensor{out}, nil
}

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

func splitUpgrade(b *graph.Builder, n *graph.Node, _ int64) []*graph.Value {
	if !n.Has("split") {
		return nil
	}
	return b.Ops("Split", len(n.Outputs), graph.Attrs{"axis": n.Int("axis", 0)}, n.Inputs[0], b.Ints(n.Ints("split")...))
}

// splitSizes gives the extents of the parts: as told, or equal with a smaller last one; ok is false where they are computed by the graph.
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

// splitChannels couples each part with its positions of the input, and lets the written sizes follow. Without written sizes the parts are
// equal, and stay so by losing the same positions.
func splitChannels(c *Coupling, n *graph.Node) {
	x := n.Inputs[0]
	axis, parts, err := nodeSplit(n)
	if err != nil || parts == nil {
		return
	}
	written := n.Input(1)
	if written != nil && written.Const == nil {
		return
	}
	offset := 0
	for i, y := range n.Outputs {
		if y == nil {
			offset += parts[i]
			continue
		}
		for a := range x.Shape {
			if a != axis {
				c.Same(x, a, y, a)
			}
		}
		from := offset
		c.Map(y, axis, x, axis, func(k int) int { return from + k })
		switch {
		case written != nil:
			c.Size(SizeRef{Node: n, Const: written, Index: i, Of: AxisRef{y, axis}, Per: 1})
		case parts[i] != parts[0]:
			c.Fix(y, axis, "node "+n.Name+" ("+n.OpName()+") splits into parts of unequal size that are not written down")
		case i > 0 && n.Outputs[0] != nil:
			c.Same(n.Outputs[0], axis, y, axis)
		}
		offset += parts[i]
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

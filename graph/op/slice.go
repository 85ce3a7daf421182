package op

import (
	"slices"

	"github.com/ildc/ildc/graph"
)

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

// slicing appends a Slice with step 1 along one axis.
func slicing(b *graph.Builder, v *graph.Value, axis, from, to int) *graph.Value {
	return b.Op("Slice", nil, v, b.Ints(int64(from)), b.Ints(int64(to)), b.Ints(int64(axis)))
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

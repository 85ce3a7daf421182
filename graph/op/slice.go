package op

import (
	"math"
	"slices"

	"github.com/ildc/ildc/graph"
)

// Slice takes positions of axes: data [...], starts [k], ends [k], axes [k], steps [k] → [...]. Negative starts and
// ends count from the end; those beyond it are cut to it.
// History: starts, ends and axes were attributes before opset 10, which brought steps.
// https://onnx.ai/onnx/operators/onnx__Slice.html

func sliceUpgrade(b *graph.Builder, n *graph.Node, opset int64) []*graph.Value {
	if opset >= 10 {
		return nil
	}
	in := []*graph.Value{n.Input(0), b.Ints(n.Ints("starts")...), b.Ints(n.Ints("ends")...)}
	if n.Has("axes") {
		in = append(in, b.Ints(n.Ints("axes")...))
	}
	return []*graph.Value{b.Op("Slice", nil, in...)}
}

// part is what Slice says of an axis.
type part struct{ start, end, step int64 }

var (
	whole   = part{0, math.MaxInt64, 1} // the axis is not mentioned
	unknown = part{}                    // its numbers are computed by the graph
)

// parts gives what Slice says of each axis. axes and steps may be nil.
func parts(n *graph.Node, rank int, starts, ends, axes, steps []int64) ([]part, error) {
	if axes == nil {
		axes = firstAxes(len(starts))
	}
	if len(ends) != len(starts) || len(axes) != len(starts) || steps != nil && len(steps) != len(starts) {
		return nil, Errorf(n, ErrMalformed, "%d starts, %d ends, %d axes, %d steps", len(starts), len(ends), len(axes),
			len(steps))
	}
	all := slices.Repeat([]part{whole}, rank)
	for i := range starts {
		p := part{starts[i], ends[i], 1}
		if steps != nil {
			p.step = steps[i]
		}
		a, ok := graph.Axis(axes[i], rank)
		if !ok || p.step == 0 {
			return nil, Errorf(n, ErrMalformed, "axis %d in steps of %d", axes[i], p.step)
		}
		all[a] = p
	}
	return all, nil
}

func firstAxes(count int) []int64 {
	axes := make([]int64, count)
	for i := range axes {
		axes[i] = int64(i)
	}
	return axes
}

// nodeParts is parts for a node whose first input has a known rank, as far as its other inputs are known.
func nodeParts(n *graph.Node) ([]part, error) {
	rank := len(n.Inputs[0].Shape)
	var read [4][]int64
	known, everywhere := true, true
	for i := range read {
		v := n.Input(i + 1)
		if v == nil {
			continue
		}
		ints, ok := constInts(v)
		read[i], known = ints, known && ok
		everywhere = everywhere && (ok || i != 2)
	}
	if known {
		return parts(n, rank, read[0], read[1], read[2], read[3])
	}
	all := slices.Repeat([]part{unknown}, rank)
	if axes := read[2]; everywhere && axes != nil {
		all = slices.Repeat([]part{whole}, rank)
		for _, axis := range axes {
			a, ok := graph.Axis(axis, rank)
			if !ok {
				return nil, Errorf(n, ErrMalformed, "axis %d", axis)
			}
			all[a] = unknown
		}
	}
	return all, nil
}

// picked is what Slice takes of an axis: count positions, from start on, step apart.
type picked struct{ start, step, count int }

// of resolves a part against the size of the axis.
func (p part) of(size int) picked {
	const far = 1 << 31 // beyond any extent
	step := min(max(p.step, -far), far)
	clamp := func(v, low, high int64) int64 {
		if v < 0 {
			v += int64(size)
		}
		return min(max(v, low), high)
	}
	last := int64(size)
	if step > 0 {
		start, end := clamp(p.start, 0, last), clamp(p.end, 0, last)
		return picked{int(start), int(step), int(max(0, (end-start+step-1)/step))}
	}
	start, end := clamp(p.start, 0, last-1), clamp(p.end, -1, last-1)
	if size == 0 {
		return picked{0, 1, 0}
	}
	return picked{int(start), int(step), int(max(0, (start-end-step-1)/-step))}
}

// all says whether the part is the whole of an axis of any extent.
func (p part) all() bool { return p.start == 0 && p.step == 1 && p.end >= math.MaxInt32 }

// resolve gives what is taken of an axis, ok where that is known.
func (p part) resolve(d graph.Dim) (q picked, ok bool) {
	if p == unknown || !d.Known() {
		return picked{}, false
	}
	return p.of(d.Size), true
}

func sliceShape(n *graph.Node) ([]Type, error) {
	x := n.Inputs[0]
	t := Type{DType: x.DType}
	if x.Shape == nil {
		return []Type{t}, nil
	}
	ps, err := nodeParts(n)
	if err != nil {
		return nil, err
	}
	t.Shape = make(graph.Shape, len(x.Shape))
	for i, d := range x.Shape {
		t.Shape[i] = graph.Unknown
		if q, ok := ps[i].resolve(d); ok {
			t.Shape[i] = graph.D(q.count)
		} else if ps[i].all() {
			t.Shape[i] = d
		}
	}
	if e := elems(x); e != nil && len(ps) == 1 && t.Shape.Static() {
		t.Elems = graph.Shape{}
		q := ps[0].of(len(e))
		for k := range q.count {
			t.Elems = append(t.Elems, e[q.start+k*q.step])
		}
	}
	return []Type{t}, nil
}

// sliceChannels couples axes that are taken whole. A part of an axis is taken by position, so its positions stay.
func sliceChannels(c *Coupling, n *graph.Node) {
	x, y := n.Inputs[0], n.Outputs[0]
	ps, err := nodeParts(n)
	if err != nil {
		return
	}
	for i, d := range x.Shape {
		if q, ok := ps[i].resolve(d); ps[i].all() || ok && q == (picked{0, 1, d.Size}) {
			c.tie(x, i, y, i) // an end beyond a shorter axis is cut to it
		} else {
			c.fix(x, i, "node "+n.Name+" ("+n.OpName()+") takes a part of it by position")
		}
	}
}

// sliceGrad puts dy back where it came from: turned round for a negative step, zeros between steps, zeros around.
func sliceGrad(b *graph.Builder, n *graph.Node, dy []*graph.Value) []*graph.Value {
	x, d := n.Inputs[0], dy[0]
	ps, _ := nodeParts(n)
	if len(ps) == 0 {
		return dy
	}
	begin, end := make([]int, len(ps)), make([]int, len(ps))
	for a, p := range ps {
		q, ok := p.resolve(x.Shape[a])
		if !ok {
			b.Fail("%w", Errorf(n, ErrNoGradient, "what it takes of axis %d is computed by the graph", a))
			return nil
		}
		if q.count == 0 {
			return []*graph.Value{b.Const("zeros", graph.NewTensor(x.DType, x.Shape.Sizes()...))}
		}
		if q.step < 0 {
			d = b.Op("Slice", nil, d, b.Ints(-1), b.Ints(math.MinInt32), b.Ints(int64(a)), b.Ints(-1))
			q.start, q.step = q.start+(q.count-1)*q.step, -q.step
		}
		if q.step > 1 && q.count > 1 {
			d = dilate(b, d, a, q.step)
		}
		begin[a], end[a] = q.start, x.Shape[a].Size-q.start-((q.count-1)*q.step+1)
	}
	return []*graph.Value{pad(b, d, begin, end)}
}

// dilate puts step−1 zeros between the positions of an axis.
func dilate(b *graph.Builder, v *graph.Value, axis, step int) *graph.Value {
	dims := v.Shape.Sizes()
	count := dims[axis]
	apart := slices.Insert(slices.Clone(dims), axis+1, 1)
	behind := make([]int, len(apart))
	behind[axis+1] = step - 1
	v = pad(b, reshape(b, v, apart...), make([]int, len(apart)), behind)
	dims[axis] = count * step
	return cut(b, reshape(b, v, dims...), axis, 0, (count-1)*step+1, 1)
}

func sliceEval(n *graph.Node, in []*graph.Tensor) ([]*graph.Tensor, error) {
	var read [4][]int64
	for i := range read {
		if i+1 < len(in) && in[i+1] != nil {
			read[i] = in[i+1].Int64s()
		}
	}
	ps, err := parts(n, len(in[0].Dims), read[0], read[1], read[2], read[3])
	if err != nil {
		return nil, err
	}
	out := in[0]
	for a, p := range ps {
		if p == whole {
			continue
		}
		q := p.of(out.Dims[a])
		index := make([]int, q.count)
		for k := range index {
			index[k] = q.start + k*q.step
		}
		out = out.Take(a, index)
	}
	return []*graph.Tensor{out}, nil
}

package op

import (
	"slices"

	"github.com/ildc/ildc/graph"
)

// Multidirectional broadcasting: https://github.com/onnx/onnx/blob/main/docs/Broadcasting.md

// broadcast gives the shape that the inputs of a node broadcast to.
func broadcast(n *graph.Node, in ...*graph.Value) (graph.Shape, error) {
	out := graph.Shape{}
	for _, v := range in {
		if v == nil {
			continue
		}
		if v.Shape == nil {
			return nil, nil
		}
		for len(out) < len(v.Shape) {
			out = append(graph.Shape{graph.D(1)}, out...)
		}
		for i, d := range v.Shape {
			o := &out[len(out)-len(v.Shape)+i]
			switch {
			case o.Is(1):
				*o = d
			case d.Is(1) || o.Equal(d):
			case o.Known() && d.Known():
				return nil, Errorf(n, ErrMalformed, "the shapes do not broadcast")
			case d.Known(): // a symbol beside a known size above 1 is 1 or that size
				*o = d
			case !o.Known():
				*o = graph.Unknown
			}
		}
	}
	return out, nil
}

// unbroadcast sums a gradient over the axes along which v was broadcast, so that it has v's shape.
func unbroadcast(b *graph.Builder, dy, v *graph.Value) *graph.Value {
	if dy == nil || dy.Shape.Equal(v.Shape) {
		return dy
	}
	lead := len(dy.Shape) - len(v.Shape)
	var axes []int64
	for i, d := range dy.Shape {
		if i < lead || v.Shape[i-lead].Is(1) && !d.Is(1) {
			axes = append(axes, int64(i))
		}
	}
	if len(axes) > 0 {
		dy = b.Op("ReduceSum", graph.Attrs{"keepdims": int64(1)}, dy, b.Ints(axes...))
	}
	return reshape(b, dy, v.Shape.Sizes()...)
}

// reshape appends a Reshape to static dims, unless the value has them already.
func reshape(b *graph.Builder, v *graph.Value, dims ...int) *graph.Value {
	if v.Shape.Equal(graph.Dims(dims...)) {
		return v
	}
	to := make([]int64, len(dims))
	for i, d := range dims {
		to[i] = int64(d)
	}
	attrs := graph.Attrs(nil)
	if slices.Contains(dims, 0) {
		attrs = graph.Attrs{"allowzero": int64(1)}
	}
	return b.Op("Reshape", attrs, v, b.Ints(to...))
}

// walk calls f for every position of dims in row-major order, with the offset into each of the strided operands.
func walk(dims []int, f func(i int, at []int), strided ...[]int) {
	at := make([]int, len(strided))
	index := make([]int, len(dims))
	for i := range graph.Product(dims) {
		f(i, at)
		for a := len(dims) - 1; a >= 0; a-- {
			index[a]++
			for k, s := range strided {
				at[k] += s[a]
			}
			if index[a] < dims[a] {
				break
			}
			for k, s := range strided {
				at[k] -= s[a] * dims[a]
			}
			index[a] = 0
		}
	}
}

// broadcastDims gives the dims that concrete operands broadcast to; nil where they do not.
func broadcastDims(in ...*graph.Tensor) []int {
	rank := 0
	for _, t := range in {
		rank = max(rank, len(t.Dims))
	}
	out := make([]int, rank)
	for i := range out {
		out[i] = 1
	}
	for _, t := range in {
		for i, d := range t.Dims {
			o := &out[rank-len(t.Dims)+i]
			if *o != 1 && d != 1 && *o != d {
				return nil
			}
			if *o == 1 {
				*o = d
			}
		}
	}
	return out
}

// broadcastChannels couples each axis of each input with the output's, where it is not broadcast.
func broadcastChannels(c *Coupling, n *graph.Node) {
	out := n.Outputs[0]
	for _, v := range n.Inputs {
		if v == nil || v.Shape == nil || out.Shape == nil {
			continue
		}
		lead := len(out.Shape) - len(v.Shape)
		for i, d := range v.Shape {
			if d.Is(1) && !out.Shape[lead+i].Is(1) {
				c.fix(v, i, "it is broadcast")
				continue
			}
			c.tie(v, i, out, lead+i)
		}
	}
}

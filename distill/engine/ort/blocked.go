package ort

import (
	"github.com/ildc/ildc/graph"
	"github.com/ildc/ildc/graph/op"
)

// ONNX Runtime's fastest convolutions read and write blocks of channels: [N,C/B,H,W,B] in memory, B channels side by
// side, which the tensor's declared extents, [N,C,H,W], do not show. Its optimiser chooses them for constant weights
// only, so for a teacher but not for a student. These are the ops with which it does so; a model may have them, too.
const (
	blockedDomain = "com.microsoft.nchwc"
	blockedConv   = blockedDomain + ".Conv"
	reorderInput  = blockedDomain + ".ReorderInput"
	reorderOutput = blockedDomain + ".ReorderOutput"
)

// layout is what is known of the blocked layout.
type layout struct {
	block int // B, 0 where there is none
}

// ordinary is no blocked layout.
var ordinary layout

// blocked is what rules do in blocked layout. Channels that fill up a block are zeros in every map, forward and
// backward.
type blocked struct {
	layout
	// What rules share, by the ordinary value: maps in blocks, maps in blocks as one sample of N·C channels, and [C]
	// filled up to blocks.
	entered, folded, filled map[*graph.Value]*graph.Value
	// left has the ordinary form of what is computed in blocks. It takes a pass, which is left out where nothing reads it.
	left map[*graph.Value]*graph.Value
}

func newBlocked(l layout) *blocked {
	values := func() map[*graph.Value]*graph.Value { return map[*graph.Value]*graph.Value{} }
	return &blocked{l, values(), values(), values(), values()}
}

// native says whether a map is computed in blocks.
func (l *blocked) native(v *graph.Value) bool {
	return l != nil && l.entered[v] != nil && l.left[l.entered[v]] == v
}

// declare appends an op that the op table does not have, with an output of the given extents.
func declare(b *graph.Builder, op string, attrs graph.Attrs, dims []int, in ...*graph.Value) *graph.Value {
	v := b.Op(op, attrs, in...)
	v.DType, v.Shape = graph.Float32, graph.Dims(dims...)
	return v
}

// enter reorders [N,C,H,W], C a multiple of 4, into blocks; channels are filled up with zeros.
func (l *blocked) enter(b *graph.Builder, v *graph.Value) *graph.Value {
	d := v.Shape.Sizes()
	return declare(b, reorderInput, graph.Attrs{"channels_last": int64(0)}, []int{d[0], up(d[1], l.block), d[2], d[3]}, v)
}

// channels is enter for any number of channels. What reorderInput does not take goes through a product with a matrix
// of zeros and ones: [N,1,C,H·W]ᵀ·[C/B,C,B].
func (l *blocked) channels(b *graph.Builder, v *graph.Value) *graph.Value {
	if e := l.entered[v]; e != nil {
		return e
	}
	l.entered[v] = l.pick(b, v)
	return l.entered[v]
}

func (l *blocked) pick(b *graph.Builder, v *graph.Value) *graph.Value {
	d := v.Shape.Sizes()
	if d[1]%4 == 0 {
		return l.enter(b, v)
	}
	blocks := up(d[1], l.block) / l.block
	pick := graph.NewTensor(graph.Float32, blocks, d[1], l.block)
	for c := range d[1] {
		pick.Float32s()[(c/l.block*d[1]+c)*l.block+c%l.block] = 1
	}
	product := declare(b, "com.microsoft.FusedMatMul", graph.Attrs{"transA": int64(1)},
		[]int{d[0], blocks, d[2] * d[3], l.block},
		reshape(b, v, d[0], 1, d[1], d[2]*d[3]), b.Const("blocks", pick))
	return reshape(b, product, d[0], blocks*l.block, d[2], d[3])
}

// leave reorders blocks into [N,channels,H,W]. Rules that can read blocks take them as they are.
func (l *blocked) leave(b *graph.Builder, v *graph.Value, channels int) *graph.Value {
	d := v.Shape.Sizes()
	out := declare(b, reorderOutput, graph.Attrs{"channels": int64(channels), "channels_last": int64(0)},
		[]int{d[0], channels, d[2], d[3]}, v)
	l.entered[out], l.left[v] = v, out
	return out
}

// fill fills [C] up to blocks with zeros.
func (l *blocked) fill(b *graph.Builder, v *graph.Value) *graph.Value {
	more := up(v.Shape[0].Size, l.block) - v.Shape[0].Size
	if more == 0 {
		return v
	}
	if l.filled[v] == nil {
		l.filled[v] = b.Op("Pad", nil, v, b.Ints(0, int64(more)))
	}
	return l.filled[v]
}

// trim is the way back to [C].
func (l *blocked) trim(b *graph.Builder, v *graph.Value, channels int) *graph.Value {
	if v.Shape[0].Size == channels {
		return v
	}
	out := b.Op("Slice", nil, v, b.Ints(0), b.Ints(int64(channels)), b.Ints(0))
	l.filled[out] = v
	return out
}

// fold enters [N,C,H,W] as [1,N·C,H,W].
func (l *blocked) fold(b *graph.Builder, v *graph.Value) *graph.Value {
	if f := l.folded[v]; f != nil {
		return f
	}
	d := v.Shape.Sizes()
	f := l.enter(b, reshape(b, v, 1, d[0]*d[1], d[2], d[3]))
	l.folded[v] = f
	return f
}

// unfold is the way back to [N,C,H,W].
func (l *blocked) unfold(b *graph.Builder, v *graph.Value, batch int) *graph.Value {
	d := v.Shape.Sizes()
	return reshape(b, l.leave(b, v, d[1]), batch, d[1]/batch, d[2], d[3])
}

// conv convolves in blocked layout; bias may be nil. win.Out is not looked at. What is given as plus is added to the
// result.
func (l *blocked) conv(
	b *graph.Builder, x, w, bias *graph.Value, group int, win op.Window, plus ...*graph.Value,
) *graph.Value {
	d := x.Shape.Sizes()
	out := []int{d[0], w.Shape[0].Size}
	for i, kernel := range win.Kernel {
		out = append(out, (d[2+i]+win.Begin[i]+win.End[i]-(kernel-1)*win.Dilations[i]-1)/win.Strides[i]+1)
	}
	in := append([]*graph.Value{x, w, bias}, plus...)
	if bias == nil && len(plus) == 0 {
		in = in[:2]
	}
	attrs := graph.Attrs{"group": int64(group), "kernel_shape": int64s(win.Kernel), "strides": int64s(win.Strides),
		"dilations": int64s(win.Dilations), "pads": append(int64s(win.Begin), int64s(win.End)...), "auto_pad": "NOTSET"}
	return declare(b, blockedConv, attrs, out, in...)
}

// pixelwise is the window of a 1x1 kernel, every pixel by itself.
func pixelwise() op.Window {
	return op.Window{Kernel: []int{1, 1}, Strides: []int{1, 1}, Dilations: []int{1, 1}, Begin: []int{0, 0},
		End: []int{0, 0}}
}

// up rounds n up to a multiple.
func up(n, multiple int) int { return (n + multiple - 1) / multiple * multiple }

func int64s(v []int) []int64 {
	out := make([]int64, len(v))
	for i, x := range v {
		out[i] = int64(x)
	}
	return out
}

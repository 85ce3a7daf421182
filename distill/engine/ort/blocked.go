package ort

import (
	"github.com/ildc/ildc/graph"
	"github.com/ildc/ildc/graph/op"
)

// ONNX Runtime's fastest convolutions read and write blocks of channels: [N,C/B,H,W,B] in memory, B channels side by side, which the
// tensor's declared extents, [N,C,H,W], do not show. Its optimiser chooses them for constant weights only, so for a teacher but not for a
// student. These are the ops with which it does so; a model may have them, too.
const (
	blockedDomain = "com.microsoft.nchwc"
	blockedConv   = blockedDomain + ".Conv"
	reorderInput  = blockedDomain + ".ReorderInput"
	reorderOutput = blockedDomain + ".ReorderOutput"
)

// layout is what is known of the blocked layout.
type layout struct {
	block     int  // B, 0 where there is none
	perSample bool // convolutions may have groups of one channel in, and any number out
}

// ordinary is no blocked layout.
var ordinary layout

// blocked is what rules do in blocked layout.
type blocked struct {
	layout
	// What rules share: values in blocks, and values in blocks as one sample of N·C channels.
	entered, folded map[*graph.Value]*graph.Value
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

// channels is enter for any number of channels. What reorderInput does not take goes through a product with a matrix of zeros and ones:
// [N,1,C,H·W]ᵀ·[C/B,C,B].
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
	product := declare(b, "com.microsoft.FusedMatMul", graph.Attrs{"transA": int64(1)}, []int{d[0], blocks, d[2] * d[3], l.block},
		reshape(b, v, d[0], 1, d[1], d[2]*d[3]), b.Const("blocks", pick))
	return reshape(b, product, d[0], blocks*l.block, d[2], d[3])
}

// leave reorders blocks into [N,channels,H,W].
func (l *blocked) leave(b *graph.Builder, v *graph.Value, channels int) *graph.Value {
	d := v.Shape.Sizes()
	return declare(b, reorderOutput, graph.Attrs{"channels": int64(channels), "channels_last": int64(0)}, []int{d[0], channels, d[2], d[3]}, v)
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

// conv convolves in blocked layout; bias may be nil. win.Out is not looked at.
func (l *blocked) conv(b *graph.Builder, x, w, bias *graph.Value, group int, win op.Window) *graph.Value {
	d := x.Shape.Sizes()
	out := []int{d[0], w.Shape[0].Size}
	for i, kernel := range win.Kernel {
		out = append(out, (d[2+i]+win.Begin[i]+win.End[i]-(kernel-1)*win.Dilations[i]-1)/win.Strides[i]+1)
	}
	in := []*graph.Value{x, w}
	if bias != nil {
		in = append(in, bias)
	}
	return declare(b, blockedConv, graph.Attrs{"group": int64(group), "kernel_shape": int64s(win.Kernel), "strides": int64s(win.Strides),
		"dilations": int64s(win.Dilations), "pads": append(int64s(win.Begin), int64s(win.End)...), "auto_pad": "NOTSET"}, out, in...)
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

package op

import (
	"math"

	"github.com/ildc/ildc/graph"
)

// Window is the geometry of a window that slides over the spatial axes of [N,C,spatial…], of a convolution or a pool,
// with auto_pad and ceil_mode resolved. Every list has one entry per spatial axis. Window o of an axis covers, for each
// kernel offset k, position o·Strides + k·Dilations − Begin of the input; positions outside of it are padding.
// https://onnx.ai/onnx/operators/onnx__Conv.html, https://onnx.ai/onnx/operators/onnx__MaxPool.html
type Window struct {
	In, Kernel, Out    []int
	Strides, Dilations []int
	Begin, End         []int // padding before and after, in elements
}

// WindowOf gives the geometry of a node with the attributes auto_pad, ceil_mode, dilations, pads and strides, for
// spatial extents of the input and of the kernel. It serves Conv, the pools, and the macro ops of their gradients.
func WindowOf(n *graph.Node, in, kernel []int) (Window, error) {
	s, err := slidingOf(n, kernel, len(in))
	if err != nil {
		return Window{}, err
	}
	w := Window{In: in, Kernel: kernel, Strides: s.strides, Dilations: s.dilations}
	for i, extent := range in {
		begin, end, out, err := s.resolve(n, i, extent)
		if err != nil {
			return Window{}, err
		}
		w.Begin, w.End, w.Out = append(w.Begin, begin), append(w.End, end), append(w.Out, out)
	}
	return w, nil
}

// sliding is what a node's attributes say of its window, before the input's extents are known.
type sliding struct {
	kernel, strides, dilations []int
	begin, end                 []int // where auto is NOTSET
	auto                       string
	ceil                       bool
}

func slidingOf(n *graph.Node, kernel []int, rank int) (sliding, error) {
	s := sliding{kernel: kernel, auto: n.String("auto_pad", "NOTSET"), ceil: n.Int("ceil_mode", 0) != 0}
	if len(kernel) != rank {
		return s, Errorf(n, ErrMalformed, "kernel %v for %d spatial axes", kernel, rank)
	}
	var err error
	list := func(name string, length, least, absent int) []int {
		given := n.Ints(name)
		out := make([]int, length)
		for i := range out {
			out[i] = absent
		}
		if len(given) == 0 {
			return out
		}
		if len(given) != length {
			err = Errorf(n, ErrMalformed, "%s %v for %d spatial axes", name, given, rank)
			return out
		}
		for i, v := range given {
			if v < int64(least) || v > math.MaxInt32 {
				err = Errorf(n, ErrMalformed, "%s %v", name, given)
			}
			out[i] = int(v)
		}
		return out
	}
	s.strides, s.dilations = list("strides", rank, 1, 1), list("dilations", rank, 1, 1)
	pads := list("pads", 2*rank, 0, 0)
	switch s.auto {
	case "NOTSET", "":
		s.auto = "NOTSET"
	case "SAME_UPPER", "SAME_LOWER":
	case "VALID":
		s.auto, pads = "NOTSET", make([]int, 2*rank)
	default:
		err = Errorf(n, ErrMalformed, "auto_pad %q", s.auto)
	}
	s.begin, s.end = pads[:rank], pads[rank:]
	for _, k := range kernel {
		if k < 1 || k > math.MaxInt32 {
			err = Errorf(n, ErrMalformed, "kernel %v", kernel)
		}
	}
	return s, err
}

// span is the extent of axis i that one window covers.
func (s sliding) span(i int) int { return (s.kernel[i]-1)*s.dilations[i] + 1 }

// resolve gives padding and output extent of spatial axis i.
func (s sliding) resolve(n *graph.Node, i, in int) (begin, end, out int, err error) {
	stride, span := s.strides[i], s.span(i)
	begin, end = s.begin[i], s.end[i]
	if in < 1 || in > math.MaxInt32 {
		return 0, 0, 0, Errorf(n, ErrMalformed, "extent %d of spatial axis %d", in, i)
	}
	if s.auto != "NOTSET" {
		out = (in + stride - 1) / stride
		pad := max((out-1)*stride+span-in, 0)
		begin, end = pad/2, pad-pad/2
		if s.auto == "SAME_LOWER" {
			begin, end = end, begin
		}
		return begin, end, out, nil
	}
	room := in + begin + end - span
	if room < 0 {
		return 0, 0, 0, Errorf(n, ErrMalformed, "the window covers %d of %d positions of spatial axis %d", span,
			in+begin+end, i)
	}
	out = room/stride + 1
	if s.ceil {
		out = (room+stride-1)/stride + 1
		if (out-1)*stride >= in+begin { // the last window would start in the padding at the end
			out--
		}
	}
	return begin, end, out, nil
}

// extent is the output extent of spatial axis i where the input's may be symbolic.
func (s sliding) extent(n *graph.Node, i int, in graph.Dim) (graph.Dim, error) {
	if in.Known() {
		_, _, out, err := s.resolve(n, i, in.Size)
		return graph.D(out), err
	}
	if s.strides[i] == 1 && (s.auto != "NOTSET" || s.begin[i]+s.end[i] == s.span(i)-1) {
		return in, nil
	}
	return graph.Unknown, nil
}

// slide gives the output's spatial extents for an input's. A nil kernel is not known.
func slide(n *graph.Node, in graph.Shape, kernel []int) (graph.Shape, error) {
	out := make(graph.Shape, len(in))
	if kernel == nil {
		for i := range out {
			out[i] = graph.Unknown
		}
		return out, nil
	}
	s, err := slidingOf(n, kernel, len(in))
	if err != nil {
		return nil, err
	}
	for i, d := range in {
		if out[i], err = s.extent(n, i, d); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// pads is the attribute of that name: all that begin, then all that end.
func (w Window) pads() []int64 { return append(int64s(w.Begin), int64s(w.End)...) }

// span is the extent of spatial axis i that one window covers.
func (w Window) span(i int) int { return (w.Kernel[i]-1)*w.Dilations[i] + 1 }

// taps gives, for each kernel offset and each output position, both flat and row-major, the flat input position
// beneath; −1 in the padding.
func (w Window) taps() [][]int {
	taps := make([][]int, graph.Product(w.Kernel))
	for k := range taps {
		taps[k] = make([]int, graph.Product(w.Out))
		for o := range taps[k] {
			taps[k][o] = w.tap(k, o)
		}
	}
	return taps
}

func (w Window) tap(k, o int) int {
	at, step := 0, 1
	for i := len(w.In) - 1; i >= 0; i-- {
		p := o%w.Out[i]*w.Strides[i] + k%w.Kernel[i]*w.Dilations[i] - w.Begin[i]
		if p < 0 || p >= w.In[i] {
			return -1
		}
		at += p * step
		step *= w.In[i]
		o, k = o/w.Out[i], k/w.Kernel[i]
	}
	return at
}

// explicitPads upgrades a node whose auto_pad can be resolved to one with pads.
func explicitPads(kernel func(n *graph.Node) []int) func(*graph.Builder, *graph.Node, int64) []*graph.Value {
	return func(b *graph.Builder, n *graph.Node, _ int64) []*graph.Value {
		x, k := n.Input(0), kernel(n)
		if n.String("auto_pad", "NOTSET") == "NOTSET" || x == nil || k == nil || x.Shape.Rank() < 3 ||
			!x.Shape[2:].Static() || len(n.Outputs) == 0 {
			return nil
		}
		w, err := WindowOf(n, x.Shape[2:].Sizes(), k)
		if err != nil {
			b.Fail("%w", err)
			return nil
		}
		return b.Ops(n.Op, len(n.Outputs), withAttrs(n, graph.Attrs{"auto_pad": nil, "pads": w.pads()}), n.Inputs...)
	}
}

// withAttrs copies a node's attributes with some replaced, or removed where the replacement is nil.
func withAttrs(n *graph.Node, replaced graph.Attrs) graph.Attrs {
	attrs := graph.Attrs{}
	for name, a := range n.Attrs {
		attrs[name] = a
	}
	for name, a := range replaced {
		if attrs[name] = a; a == nil {
			delete(attrs, name)
		}
	}
	return attrs
}

// int64s and sizes convert between extents and the integers of attributes.
func int64s(v []int) []int64 {
	out := make([]int64, len(v))
	for i, x := range v {
		out[i] = int64(x)
	}
	return out
}

func sizes(v []int64) []int {
	out := make([]int, len(v))
	for i, x := range v {
		out[i] = int(x)
	}
	return out
}

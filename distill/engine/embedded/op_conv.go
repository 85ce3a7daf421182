package embedded

import (
	"math"
	"slices"

	"github.com/ildc/ildc/distill/engine/embedded/internal/kernel"
	"github.com/ildc/ildc/graph"
	"github.com/ildc/ildc/graph/op"
)

// planar makes a window of one spatial axis one of two; ok is false for three and more.
func planar(w op.Window) (_ op.Window, ok bool) {
	if len(w.In) == 1 {
		for _, extents := range []*[]int{&w.In, &w.Kernel, &w.Out, &w.Strides, &w.Dilations} {
			*extents = append([]int{1}, *extents...)
		}
		w.Begin, w.End = append([]int{0}, w.Begin...), append([]int{0}, w.End...)
	}
	return w, len(w.In) == 2
}

// convolution prepares the convolution of x by w to y, dims of each, over a window; nil where it is not of one or two
// dimensions.
func (c *call) convolution(x, w, y []int, win op.Window, err error) *kernel.Conv {
	p, ok := planar(win)
	if err != nil || !ok || !c.floats() || !slices.Equal(win.Out, y[2:]) {
		return nil
	}
	return kernel.NewConv(kernel.ConvShape{
		N: x[0], C: x[1], H: p.In[0], W: p.In[1], O: w[0], OH: p.Out[0], OW: p.Out[1], Groups: int(c.node.Int("group", 1)),
		KH: p.Kernel[0], KW: p.Kernel[1], SH: p.Strides[0], SW: p.Strides[1], DH: p.Dilations[0], DW: p.Dilations[1],
		PT: p.Begin[0], PL: p.Begin[1],
	})
}

// conv is Conv and FusedConv.
func conv(c *call) step {
	x, w, y := c.in[0], c.in[1], c.out[0]
	win, err := op.WindowOf(c.node, x.Dims[2:], w.Dims[2:])
	k := c.convolution(x.Dims, w.Dims, y.Dims, win, err)
	if k == nil {
		return nil
	}
	xs, ws, ys := x.Float32s(), w.Float32s(), y.Float32s()
	if c.node.Inputs[1].Const != nil {
		k.Freeze(ws)
	}
	e := kernel.Epilogue{Bias: c.input(2), Add: c.input(3), Clamp: c.clamp()}
	return func(team *kernel.Team) { k.Forward(team, ys, xs, ws, e) }
}

// clamp gives the bounds of a fused op, nil where it has none.
func (c *call) clamp() *[2]float32 {
	least, most := op.Bounds(c.node)
	if math.IsInf(least, -1) && math.IsInf(most, 1) {
		return nil
	}
	return &[2]float32{float32(least), float32(most)}
}

// convTranspose is the gradient of the convolution of its output.
func convTranspose(c *call) step {
	x, w, y := c.in[0], c.in[1], c.out[0]
	win, err := op.TransposedWindowOf(c.node, x.Dims[2:], w.Dims[2:])
	k := c.convolution(y.Dims, w.Dims, x.Dims, win, err)
	if k == nil {
		return nil
	}
	xs, ws, ys, bias := x.Float32s(), w.Float32s(), y.Float32s(), c.input(2)
	if bias == nil {
		return func(team *kernel.Team) { k.GradInput(team, ys, xs, ws, nil) }
	}
	channels := make([]int, len(y.Dims)-1)
	for i := range channels {
		channels[i] = 1
	}
	channels[0] = len(bias)
	walk := walkOver(y.Dims, y.Dims, y.Dims, channels)
	return func(team *kernel.Team) {
		k.GradInput(team, ys, xs, ws, nil)
		kernel.Add.Apply(team, walk, ys, ys, bias)
	}
}

// convGradInput is ConvGradInput and FusedConvGradInput.
func convGradInput(c *call) step {
	dy, w, dx := c.in[0], c.in[1], c.out[0]
	win, err := op.WindowOf(c.node, dx.Dims[2:], w.Dims[2:])
	k := c.convolution(dx.Dims, w.Dims, dy.Dims, win, err)
	if k == nil {
		return nil
	}
	dys, ws, dxs, add := dy.Float32s(), w.Float32s(), dx.Float32s(), c.input(2)
	return func(team *kernel.Team) { k.GradInput(team, dxs, dys, ws, add) }
}

func convGradWeight(c *call) step {
	dy, x, dw := c.in[0], c.in[1], c.out[0]
	win, err := op.WindowOf(c.node, x.Dims[2:], dw.Dims[2:])
	k := c.convolution(x.Dims, dw.Dims, dy.Dims, win, err)
	if k == nil {
		return nil
	}
	dys, xs, dws := dy.Float32s(), x.Float32s(), dw.Float32s()
	return func(team *kernel.Team) { k.GradWeight(team, dws, dys, xs) }
}

// pooling prepares a pooling of x; nil where it is not of one or two dimensions.
func (c *call) pooling(x *graph.Tensor, out []int) *kernel.Pool {
	var size []int
	for _, k := range c.node.Ints("kernel_shape") {
		size = append(size, int(k))
	}
	win, err := op.WindowOf(c.node, x.Dims[2:], size)
	p, ok := planar(win)
	if err != nil || !ok || x.DType != graph.Float32 || !slices.Equal(win.Out, out) {
		return nil
	}
	return kernel.NewPool(kernel.PoolShape{
		Planes: x.Dims[0] * x.Dims[1], H: p.In[0], W: p.In[1], OH: p.Out[0], OW: p.Out[1], KH: p.Kernel[0], KW: p.Kernel[1],
		SH: p.Strides[0], SW: p.Strides[1], DH: p.Dilations[0], DW: p.Dilations[1],
		PT: p.Begin[0], PL: p.Begin[1], PB: p.End[0], PR: p.End[1],
	})
}

func maxPool(c *call) step {
	x, y := c.in[0], c.out[0]
	if y == nil {
		return nil
	}
	k := c.pooling(x, y.Dims[2:])
	if k == nil {
		return nil
	}
	var index []int64
	if len(c.out) > 1 && c.out[1] != nil {
		index = c.out[1].Int64s()
	}
	xs, ys := x.Float32s(), y.Float32s()
	return func(team *kernel.Team) { k.Max(team, ys, index, xs) }
}

func maxPoolGrad(c *call) step {
	dy, x, dx := c.in[0], c.in[1], c.out[0]
	k := c.pooling(x, dy.Dims[2:])
	if k == nil {
		return nil
	}
	dys, xs, dxs := dy.Float32s(), x.Float32s(), dx.Float32s()
	return func(team *kernel.Team) { k.MaxGrad(team, dxs, dys, xs) }
}

func averagePool(c *call) step {
	x, y := c.in[0], c.out[0]
	k := c.pooling(x, y.Dims[2:])
	if k == nil {
		return nil
	}
	xs, ys, shares := x.Float32s(), y.Float32s(), k.Shares(c.node.Int("count_include_pad", 0) != 0)
	return func(team *kernel.Team) { k.Average(team, ys, xs, shares) }
}

func averagePoolGrad(c *call) step {
	dy, dx := c.in[0], c.out[0]
	k := c.pooling(dx, dy.Dims[2:])
	if k == nil {
		return nil
	}
	dys, dxs, shares := dy.Float32s(), dx.Float32s(), k.Shares(c.node.Int("count_include_pad", 0) != 0)
	return func(team *kernel.Team) { k.AverageGrad(team, dxs, dys, shares) }
}

func globalPool(f kernel.Fold, mean bool) func(c *call) step {
	return func(c *call) step {
		if !c.floats() {
			return nil
		}
		x, y := c.in[0], c.out[0].Float32s()
		over := make([]bool, len(x.Dims))
		for i := range over {
			over[i] = i >= 2
		}
		return fold(x, y, over, f, mean)
	}
}

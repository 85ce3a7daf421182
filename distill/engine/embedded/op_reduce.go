package embedded

import (
	"github.com/ildc/ildc/distill/engine/embedded/internal/kernel"
	"github.com/ildc/ildc/graph"
)

// reducedAxes says which axes of the first input a reduction folds away; ok is false where the graph computes them.
func (c *call) reducedAxes() (over []bool, ok bool) {
	over = make([]bool, len(c.in[0].Dims))
	axes, ok := c.constants(1)
	if len(axes) == 0 {
		for i := range over {
			over[i] = c.node.Int("noop_with_empty_axes", 0) == 0
		}
	}
	for _, axis := range axes {
		a, inside := graph.Axis(axis, len(over))
		if !inside {
			return nil, false
		}
		over[a] = true
	}
	return over, ok
}

// reduced is the first input of a reduction of float32 whose axes are known.
func (c *call) reduced() (x *graph.Tensor, y []float32, over []bool, ok bool) {
	if over, ok = c.reducedAxes(); !ok || c.in[0].DType != graph.Float32 {
		return nil, nil, nil, false
	}
	return c.in[0], c.out[0].Float32s(), over, true
}

func reduction(f kernel.Fold, mean bool) func(c *call) step {
	return func(c *call) step {
		x, y, over, ok := c.reduced()
		if !ok {
			return nil
		}
		return fold(x, y, over, f, mean)
	}
}

func fold(x *graph.Tensor, y []float32, over []bool, f kernel.Fold, mean bool) step {
	r, xs, factor := kernel.NewReduce(x.Dims, over), x.Float32s(), float32(1)
	if mean {
		factor = float32(float64(len(y)) / float64(len(xs)))
	}
	return func(team *kernel.Team) { r.Apply(team, y, xs, f, factor) }
}

func sumOfSquares(c *call) step {
	x, y, over, ok := c.reduced()
	if !ok {
		return nil
	}
	r, walk := kernel.NewReduce(x.Dims, over), walkOver(x.Dims, x.Dims, x.Dims, x.Dims)
	xs := x.Float32s()
	return func(team *kernel.Team) {
		squares := team.Workspace(len(xs))
		kernel.Mul.Apply(team, walk, squares, xs, xs)
		r.Apply(team, y, squares, kernel.FoldSum, 1)
	}
}

func norm2(c *call) step {
	sum := sumOfSquares(c)
	if sum == nil {
		return nil
	}
	y := c.out[0].Float32s()
	return func(team *kernel.Team) {
		sum(team)
		kernel.Unary(kernel.Sqrt).Apply(team, y, y)
	}
}

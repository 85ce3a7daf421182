package embedded

import (
	"github.com/ildc/ildc/distill/engine/embedded/internal/kernel"
	"github.com/ildc/ildc/graph"
)

// walkOver walks over dims, with operands that broadcast to them.
func walkOver(dims []int, operands ...[]int) *kernel.Walk {
	strides := make([][]int, len(operands))
	for i, o := range operands {
		strides[i] = graph.Strides(o, dims)
	}
	return kernel.NewWalk(dims, strides...)
}

func binary[T, D any](f *kernel.Binary[T, D]) func(c *call) step {
	return func(c *call) step {
		a, okA := c.in[0].Data.([]T)
		b, okB := c.in[1].Data.([]T)
		y, okY := c.out[0].Data.([]D)
		if !okA || !okB || !okY {
			return nil
		}
		walk := walkOver(c.out[0].Dims, c.out[0].Dims, c.in[0].Dims, c.in[1].Dims)
		return func(team *kernel.Team) { f.Apply(team, walk, y, a, b) }
	}
}

// variadic folds the inputs from the left, and may divide by their number.
func variadic(f *kernel.Binary[float32, float32], mean bool) func(c *call) step {
	return func(c *call) step {
		if !c.floats() {
			return nil
		}
		out := c.out[0]
		y := out.Float32s()
		copies := walkOver(out.Dims, out.Dims, c.in[0].Dims)
		walks, in := make([]*kernel.Walk, len(c.in)), make([][]float32, len(c.in))
		for i, t := range c.in {
			walks[i], in[i] = walkOver(out.Dims, out.Dims, out.Dims, t.Dims), t.Float32s()
		}
		return func(team *kernel.Team) {
			kernel.Move(team, copies, y, in[0])
			for i := 1; i < len(in); i++ {
				f.Apply(team, walks[i], y, y, in[i])
			}
			if mean {
				scale(team, y, y, 1/float32(len(in)))
			}
		}
	}
}

func where(c *call) step {
	y := c.out[0]
	walk := walkOver(y.Dims, y.Dims, c.in[0].Dims, c.in[1].Dims, c.in[2].Dims)
	switch y.Data.(type) {
	case []float32:
		return whereOf[float32](c, walk)
	case []int64:
		return whereOf[int64](c, walk)
	}
	return nil
}

func whereOf[T any](c *call, walk *kernel.Walk) step {
	cond, a, b, y := c.in[0].Data.([]bool), c.in[1].Data.([]T), c.in[2].Data.([]T), c.out[0].Data.([]T)
	return func(team *kernel.Team) { kernel.Where(team, walk, y, cond, a, b) }
}

func unary(f func(c *call) kernel.Unary) func(c *call) step {
	return func(c *call) step {
		if !c.floats() {
			return nil
		}
		u := f(c)
		x, y := c.in[0].Float32s(), c.out[0].Float32s()
		return func(team *kernel.Team) { u.Apply(team, y, x) }
	}
}

func not(c *call) step {
	x, y := c.in[0].Data.([]bool), c.out[0].Data.([]bool)
	return func(team *kernel.Team) { kernel.Not(team, y, x) }
}

func cast(c *call) step {
	y, ok := c.out[0].Data.([]float32)
	if !ok {
		return nil
	}
	switch x := c.in[0].Data.(type) {
	case []bool:
		return func(team *kernel.Team) { kernel.FromBool(team, y, x) }
	case []float32:
		dims := c.out[0].Dims
		walk := walkOver(dims, dims, dims)
		return func(team *kernel.Team) { kernel.Move(team, walk, y, x) }
	}
	return nil
}

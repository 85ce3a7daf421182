package embedded

import (
	"github.com/ildc/ildc/distill/engine/embedded/internal/kernel"
	"github.com/ildc/ildc/graph"
)

// move copies src to dst along a walk, for the dtypes that graphs hold much of; nil for others.
func move(walk *kernel.Walk, dst, src *graph.Tensor) step {
	switch d := dst.Data.(type) {
	case []float32:
		return moveOf(walk, d, src)
	case []float64:
		return moveOf(walk, d, src)
	case []int32:
		return moveOf(walk, d, src)
	case []int64:
		return moveOf(walk, d, src)
	case []bool:
		return moveOf(walk, d, src)
	}
	return nil
}

func moveOf[T any](walk *kernel.Walk, dst []T, src *graph.Tensor) step {
	s := src.Data.([]T)
	return func(team *kernel.Team) { kernel.Move(team, walk, dst, s) }
}

// rowMajor gives the strides of dims, also along axes of extent 1.
func rowMajor(dims []int) []int {
	s := make([]int, len(dims))
	step := 1
	for i := len(dims) - 1; i >= 0; i-- {
		s[i] = step
		step *= dims[i]
	}
	return s
}

func transpose(c *call) step {
	x, y := c.in[0], c.out[0]
	from, strides := rowMajor(x.Dims), make([]int, len(x.Dims))
	perm := c.node.Ints("perm")
	for i := range strides {
		strides[i] = from[len(from)-1-i]
		if perm != nil {
			strides[i] = from[perm[i]]
		}
	}
	return move(kernel.NewWalk(y.Dims, rowMajor(y.Dims), strides), y, x)
}

func expand(c *call) step {
	x, y := c.in[0], c.out[0]
	return move(walkOver(y.Dims, y.Dims, x.Dims), y, x)
}

// tile walks over the repetitions and the positions of each axis.
func tile(c *call) step {
	x, y := c.in[0], c.out[0]
	inner, outer := rowMajor(x.Dims), rowMajor(y.Dims)
	var dims, to, from []int
	for i, d := range x.Dims {
		dims = append(dims, y.Dims[i]/d, d)
		to = append(to, d*outer[i], outer[i])
		from = append(from, 0, inner[i])
	}
	return move(kernel.NewWalk(dims, to, from), y, x)
}

// all does one step after the other; nil where one of them is.
func all(steps []step) step {
	for _, s := range steps {
		if s == nil {
			return nil
		}
	}
	return func(team *kernel.Team) {
		for _, s := range steps {
			s(team)
		}
	}
}

func concat(c *call) step {
	y := c.out[0]
	axis, ok := graph.Axis(c.node.Int("axis", 1), len(y.Dims))
	if !ok {
		return nil
	}
	strides := rowMajor(y.Dims)
	var steps []step
	at := 0
	for _, x := range c.in {
		steps = append(steps, move(kernel.NewWalk(x.Dims, strides, rowMajor(x.Dims)).At(0, at), y, x))
		at += x.Dims[axis] * strides[axis]
	}
	return all(steps)
}

func split(c *call) step {
	x := c.in[0]
	axis, ok := graph.Axis(c.node.Int("axis", 0), len(x.Dims))
	if !ok {
		return nil
	}
	strides := rowMajor(x.Dims)
	var steps []step
	at := 0
	for _, y := range c.out {
		if y == nil {
			return nil
		}
		steps = append(steps, move(kernel.NewWalk(y.Dims, rowMajor(y.Dims), strides).At(1, at), y, x))
		at += y.Dims[axis] * strides[axis]
	}
	return all(steps)
}

func slice(c *call) step {
	x, y := c.in[0], c.out[0]
	starts, ok1 := c.constants(1)
	axes, ok3 := c.constants(3)
	steps, ok4 := c.constants(4)
	if !ok1 || !ok3 || !ok4 {
		return nil
	}
	strides, at := rowMajor(x.Dims), 0
	for i, start := range starts {
		axis, by := i, int64(1)
		if axes != nil {
			a, ok := graph.Axis(axes[i], len(x.Dims))
			if !ok {
				return nil
			}
			axis = a
		}
		if steps != nil {
			by = steps[i]
		}
		extent := int64(x.Dims[axis])
		if start < 0 {
			start += extent
		}
		last := extent
		if by < 0 {
			last--
		}
		at += int(min(max(start, 0), last)) * strides[axis]
		strides[axis] *= int(by)
	}
	return move(kernel.NewWalk(y.Dims, rowMajor(y.Dims), strides).At(1, at), y, x)
}

func pad(c *call) step {
	x, y := c.in[0], c.out[0]
	pads, ok := c.constants(1)
	axes, okAxes := c.constants(3)
	if !ok || !okAxes || c.node.String("mode", "constant") != "constant" || !floats32(x, y) {
		return nil
	}
	inner, strides := rowMajor(x.Dims), rowMajor(y.Dims)
	at := 0
	for i, begin := range pads[:len(pads)/2] {
		axis := i
		if axes != nil {
			a, inside := graph.Axis(axes[i], len(x.Dims))
			if !inside {
				return nil
			}
			axis = a
		}
		if begin < 0 || pads[len(pads)/2+i] < 0 {
			return nil
		}
		at += int(begin) * strides[axis]
	}
	walk := kernel.NewWalk(x.Dims, strides, inner).At(0, at)
	xs, ys, value := x.Float32s(), y.Float32s(), c.input(2)
	return func(team *kernel.Team) {
		v := float32(0)
		if value != nil {
			v = value[0]
		}
		kernel.Fill(team, ys, v)
		kernel.Move(team, walk, ys, xs)
	}
}

func floats32(ts ...*graph.Tensor) bool {
	for _, t := range ts {
		if t.DType != graph.Float32 {
			return false
		}
	}
	return true
}

// gather takes constant indices only: those that the graph computes are checked by the reference evaluation.
func gather(c *call) step {
	x, y := c.in[0], c.out[0]
	axis, ok := graph.Axis(c.node.Int("axis", 0), len(x.Dims))
	indices, constant := c.constants(1)
	if !ok || !constant || !floats32(x, y) {
		return nil
	}
	index := make([]int, len(indices))
	for i, k := range indices {
		if index[i], ok = graph.Axis(k, x.Dims[axis]); !ok {
			return nil
		}
	}
	xs, ys := x.Float32s(), y.Float32s()
	outer, inner := graph.Product(x.Dims[:axis]), graph.Product(x.Dims[axis+1:])
	return func(team *kernel.Team) { kernel.Gather(team, ys, xs, index, outer, x.Dims[axis], inner) }
}

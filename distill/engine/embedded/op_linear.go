package embedded

import (
	"slices"

	"github.com/ildc/ildc/distill/engine/embedded/internal/kernel"
	"github.com/ildc/ildc/graph"
)

func matMul(c *call) step {
	if !c.floats() {
		return nil
	}
	a, b := slices.Clone(c.in[0].Dims), slices.Clone(c.in[1].Dims)
	if len(a) == 1 {
		a = []int{1, a[0]}
	}
	if len(b) == 1 {
		b = []int{b[0], 1}
	}
	m, k, n := a[len(a)-2], a[len(a)-1], b[len(b)-1]
	shape := kernel.Gemm{Batch: 1, M: m, N: n, K: k}
	batchA, batchB := a[:len(a)-2], b[:len(b)-2]
	switch {
	case graph.Product(batchB) == 1: // one matrix for all: the batch is more rows
		shape.M *= graph.Product(batchA)
	case slices.Equal(batchA, batchB):
		shape.Batch = graph.Product(batchA)
	default:
		dims := make([]int, max(len(batchA), len(batchB)))
		for i := range dims {
			dims[i] = 1
			for _, batch := range [][]int{batchA, batchB} {
				if j := i - len(dims) + len(batch); j >= 0 && batch[j] != 1 {
					dims[i] = batch[j]
				}
			}
		}
		shape.Batch = graph.Product(dims)
		shape.BatchA, shape.BatchB = matrices(batchA, dims), matrices(batchB, dims)
	}
	g := kernel.NewGemm(shape)
	as, bs, y := c.input(0), c.input(1), c.out[0].Float32s()
	return func(team *kernel.Team) {
		kernel.Fill(team, y, 0)
		g.AddTo(team, y, as, bs)
	}
}

// matrices gives, for each matrix of a batch of these dims, which matrix of an operand it is.
func matrices(operand, dims []int) []int {
	strides := graph.Strides(operand, dims)
	all := make([]int, graph.Product(dims))
	for i := range all {
		rest := i
		for a := len(dims) - 1; a >= 0; a-- {
			all[i] += rest % dims[a] * strides[a]
			rest /= dims[a]
		}
	}
	return all
}

func gemm(c *call) step {
	if !c.floats() {
		return nil
	}
	y := c.out[0]
	transA, transB := c.node.Int("transA", 0) != 0, c.node.Int("transB", 0) != 0
	k := c.in[0].Dims[1]
	if transA {
		k = c.in[0].Dims[0]
	}
	alpha, beta := float32(c.node.Float("alpha", 1)), float32(c.node.Float("beta", 1))
	g := kernel.NewGemm(kernel.Gemm{Batch: 1, M: y.Dims[0], N: y.Dims[1], K: k, TransA: transA, TransB: transB})
	as, bs, ys, bias := c.input(0), c.input(1), y.Float32s(), c.input(2)
	var spread, add *kernel.Walk
	if bias != nil {
		spread = walkOver(y.Dims, y.Dims, c.in[2].Dims)
		add = walkOver(y.Dims, y.Dims, y.Dims, c.in[2].Dims)
	}
	return func(team *kernel.Team) {
		if bias != nil && alpha == 1 && beta == 1 {
			kernel.Move(team, spread, ys, bias)
			g.AddTo(team, ys, as, bs)
			return
		}
		kernel.Fill(team, ys, 0)
		g.AddTo(team, ys, as, bs)
		scale(team, ys, ys, alpha)
		if bias != nil {
			scaled := team.Workspace(len(bias))
			scale(team, scaled, bias, beta)
			kernel.Add.Apply(team, add, ys, ys, scaled)
		}
	}
}

func scale(team *kernel.Team, dst, x []float32, by float32) {
	if by == 1 && &dst[0] == &x[0] {
		return
	}
	kernel.Unary(func(dst, x []float32) {
		for i, v := range x {
			dst[i] = v * by
		}
	}).Apply(team, dst, x)
}

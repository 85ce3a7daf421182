package embedded

import (
	"slices"

	"github.com/ildc/ildc/distill/engine/embedded/internal/kernel"
	"github.com/ildc/ildc/graph"
	"github.com/ildc/ildc/graph/op"
)

func softmax(logarithm bool) func(c *call) step {
	return func(c *call) step {
		dims := c.in[0].Dims
		axis, ok := graph.Axis(c.node.Int("axis", -1), len(dims))
		if !c.floats() || !ok {
			return nil
		}
		outer, n, inner := graph.Product(dims[:axis]), dims[axis], graph.Product(dims[axis+1:])
		x, y := c.input(0), c.out[0].Float32s()
		return func(team *kernel.Team) { kernel.Softmax(team, y, x, outer, n, inner, logarithm) }
	}
}

// normalisation prepares batch normalisation of x, [N,C,…].
func (c *call) normalisation(x *graph.Tensor) *kernel.BatchNorm {
	if !c.floats() {
		return nil
	}
	return &kernel.BatchNorm{N: x.Dims[0], C: x.Dims[1], Plane: graph.Product(x.Dims[2:]),
		Epsilon: c.node.Float("epsilon", 1e-5), Clamp: c.clamp()}
}

func batchNorm(c *call) step {
	k := c.normalisation(c.in[0])
	if k == nil || c.node.Int("training_mode", 0) != 0 {
		return nil
	}
	x, scale, bias, mean, variance, y := c.input(0), c.input(1), c.input(2), c.input(3), c.input(4), c.out[0].Float32s()
	return func(team *kernel.Team) { k.Infer(team, y, x, scale, bias, mean, variance) }
}

// batchNormTrain is BatchNormTrain and FusedBatchNormTrain.
func batchNormTrain(c *call) step {
	k := c.normalisation(c.in[0])
	if k == nil {
		return nil
	}
	momentum := float32(c.node.Float("momentum", 0.9))
	x, scale, bias, runningMean, runningVar := c.input(0), c.input(1), c.input(2), c.input(3), c.input(4)
	y, nextMean, nextVar, mean, inv := c.output(0, len(x)), c.output(1, k.C), c.output(2, k.C), c.output(3, k.C),
		c.output(4, k.C)
	variance, z := make([]float32, k.C), c.input(5)
	return func(team *kernel.Team) {
		k.Train(team, y, x, scale, bias, z, mean, variance, inv)
		for i := range nextMean {
			nextMean[i] = momentum*runningMean[i] + (1-momentum)*mean[i]
			nextVar[i] = momentum*runningVar[i] + (1-momentum)*variance[i]
		}
	}
}

// batchNormGrad is BatchNormGrad and FusedBatchNormGrad.
func batchNormGrad(c *call) step {
	k := c.normalisation(c.in[1])
	if k == nil {
		return nil
	}
	dy, x, scale, mean, inv, y := c.input(0), c.input(1), c.input(2), c.input(3), c.input(4), c.input(5)
	dx, dScale, dBias := c.output(0, len(x)), c.output(1, k.C), c.output(2, k.C)
	var dz []float32
	if len(c.out) > 3 && c.out[3] != nil {
		dz = c.out[3].Float32s()
	}
	return func(team *kernel.Team) { k.Grad(team, dx, dScale, dBias, dz, dy, x, scale, mean, inv, y) }
}

func clampGrad(c *call) step {
	if !c.floats() {
		return nil
	}
	least, most := op.Bounds(c.node)
	bounds := [2]float32{float32(least), float32(most)}
	dy, y, dx := c.input(0), c.input(1), c.out[0].Float32s()
	return func(team *kernel.Team) { kernel.ClampGrad(team, dx, dy, y, bounds) }
}

// maskGrad is Where of a gradient and zeros.
func maskGrad(c *call) step {
	if !floats32(c.in[0]) {
		return nil
	}
	dy, keep, dx := c.in[0], c.in[1].Data.([]bool), c.out[0].Float32s()
	walk, zero := walkOver(dy.Dims, dy.Dims, dy.Dims, dy.Dims, nil), []float32{0}
	return func(team *kernel.Team) { kernel.Where(team, walk, dx, keep, dy.Float32s(), zero) }
}

func layerNorm(c *call) step {
	x := c.in[0]
	axis, ok := graph.Axis(c.node.Int("axis", -1), len(x.Dims))
	if !ok || !c.floats() {
		return nil
	}
	for _, p := range c.in[1:] {
		if p != nil && !slices.Equal(p.Dims, x.Dims[axis:]) {
			return nil // it is broadcast
		}
	}
	rows, n := graph.Product(x.Dims[:axis]), graph.Product(x.Dims[axis:])
	epsilon := c.node.Float("epsilon", 1e-5)
	xs, scale, bias := c.input(0), c.input(1), c.input(2)
	y, mean, inv := c.output(0, len(xs)), c.output(1, rows), c.output(2, rows)
	return func(team *kernel.Team) { kernel.LayerNorm(team, y, xs, scale, bias, mean, inv, rows, n, epsilon) }
}

package embedded

import (
	"math"

	"github.com/ildc/ildc/distill/engine/embedded/internal/kernel"
	"github.com/ildc/ildc/graph/op"
)

// scalar applies the op table's own map of elements.
func scalar(c *call) kernel.Unary { return kernel.UnaryOf(op.Of(c.node).Scalar(c.node)) }

func leakyRelu(c *call) kernel.Unary { return kernel.LeakyRelu(float32(c.node.Float("alpha", 0.01))) }

// clip reads its bounds when it runs, since the graph may compute them.
func clip(c *call) kernel.Unary {
	low, high := c.input(1), c.input(2)
	return func(dst, x []float32) {
		lo, hi := float32(math.Inf(-1)), float32(math.Inf(1))
		if low != nil {
			lo = low[0]
		}
		if high != nil {
			hi = high[0]
		}
		kernel.Clip(lo, hi)(dst, x)
	}
}

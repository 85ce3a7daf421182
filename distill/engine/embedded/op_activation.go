package embedded

import (
	"math"

	"github.com/ildc/ildc/distill/engine/embedded/kernel"
)

func sigmoid(x float64) float64 { return 1 / (1 + math.Exp(-x)) }

// sign is −1, 0 or 1; of NaN it is NaN.
func sign(x float64) float64 {
	switch {
	case x > 0:
		return 1
	case x < 0:
		return -1
	}
	return x
}

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

func elu(c *call) kernel.Unary {
	alpha := c.node.Float("alpha", 1)
	return kernel.UnaryOf(func(x float64) float64 {
		if x < 0 {
			return alpha * math.Expm1(x)
		}
		return x
	})
}

func softplus(x float64) float64 { return max(x, 0) + math.Log1p(math.Exp(-math.Abs(x))) }

// gelu is x·Φ(x), or its approximation (Hendrycks, Gimpel 2016).
func gelu(c *call) kernel.Unary {
	if c.node.String("approximate", "none") == "tanh" {
		return kernel.UnaryOf(func(x float64) float64 {
			return x / 2 * (1 + math.Tanh(math.Sqrt(2/math.Pi)*(x+0.044715*x*x*x)))
		})
	}
	return kernel.UnaryOf(func(x float64) float64 { return x / 2 * (1 + math.Erf(x/math.Sqrt2)) })
}

func hardSigmoid(c *call) kernel.Unary {
	alpha, beta := c.node.Float("alpha", 0.2), c.node.Float("beta", 0.5)
	return kernel.UnaryOf(func(x float64) float64 { return max(0, min(1, alpha*x+beta)) })
}

func hardSwish(x float64) float64 { return x * max(0, min(1, x/6+0.5)) }

package op

import "github.com/ildc/ildc/graph"

// HardSigmoid max(0, min(1, αx + β)); HardSwish x·HardSigmoid(x) with α = 1/6 and β = ½ (Howard et al. 2019).
// https://onnx.ai/onnx/operators/onnx__HardSigmoid.html, https://onnx.ai/onnx/operators/onnx__HardSwish.html

func hardSigmoid(n *graph.Node) func(x float64) float64 {
	alpha, beta := n.Float("alpha", 0.2), n.Float("beta", 0.5)
	return func(x float64) float64 { return max(0, min(1, alpha*x+beta)) }
}

// where 0 < y < 1: α·dy, else 0
func hardSigmoidGrad(b *graph.Builder, n *graph.Node, dy []*graph.Value) []*graph.Value {
	y := n.Outputs[0]
	zero, one := b.Scalar(y.DType, 0), b.Scalar(y.DType, 1)
	inside := b.Op("And", nil, b.Op("Greater", nil, y, zero), b.Op("Less", nil, y, one))
	return []*graph.Value{b.Op("ildc.MaskGrad", nil, b.Op("Mul", nil, dy[0], b.Scalar(y.DType, n.Float("alpha", 0.2))),
		inside)}
}

func hardSwish(x float64) float64 { return x * max(0, min(1, x/6+0.5)) }

// where −3 < x < 3: (x/3 + ½)·dy, where x ≥ 3: dy, else 0
func hardSwishGrad(b *graph.Builder, n *graph.Node, dy []*graph.Value) []*graph.Value {
	x := n.Inputs[0]
	c := func(v float64) *graph.Value { return b.Scalar(x.DType, v) }
	bent := b.Op("Add", nil, b.Op("Mul", nil, x, c(1./3)), c(0.5))
	right := b.Op("Where", nil, b.Op("Less", nil, x, c(3)), b.Op("Mul", nil, dy[0], bent), dy[0])
	return []*graph.Value{b.Op("Where", nil, b.Op("Greater", nil, x, c(-3)), right, c(0))}
}

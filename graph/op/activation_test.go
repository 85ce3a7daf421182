package op_test

import (
	"math"
	"testing"

	"github.com/ildc/ildc/graph"
	"github.com/ildc/ildc/graph/op"
)

func one(x *graph.Tensor, more ...*graph.Tensor) []*graph.Tensor {
	return append([]*graph.Tensor{x}, more...)
}

func scalar(v float64) *graph.Tensor { return graph.Scalar(graph.Float64, v) }

// The gradients at the kinks are the same for every engine.
func TestGradientsAtKinks(t *testing.T) {
	for _, c := range []struct {
		name, op string
		attrs    graph.Attrs
		in       []*graph.Tensor
		want     []float64
	}{
		{"Relu", "Relu", nil, one(vector(-1, 0, 1)), []float64{0, 0, 1}},
		{"LeakyRelu", "LeakyRelu", graph.Attrs{"alpha": float32(0.5)}, one(vector(-1, 0, 1)), []float64{0.5, 0, 1}},
		{"PRelu", "PRelu", nil, one(vector(-1, 0, 1), f32(nil, 0.5)), []float64{0.5, 0, 1}},
		{"Clip", "Clip", nil, one(vector(-2, -1, 0, 1, 2), f32(nil, -1), f32(nil, 1)), []float64{0, 0, 1, 0, 0}},
		{"HardSigmoid", "HardSigmoid", graph.Attrs{"alpha": float32(0.5)}, one(vector(-1, 0, 1)), []float64{0, 0.5, 0}},
		{"HardSwish", "HardSwish", nil, one(vector(-3, 0, 3)), []float64{0, 0.5, 1}},
		{"ThresholdedRelu", "ThresholdedRelu", nil, one(vector(-1, 1, 2)), []float64{0, 0, 1}},
		{"Shrink", "Shrink", nil, one(vector(-1, -0.5, 0, 0.5, 1)), []float64{1, 0, 0, 0, 1}},
		{"Abs", "Abs", nil, one(vector(-1, 0, 1)), []float64{-1, 0, 1}},
	} {
		checkGradValues(t, c.name, c.op, c.attrs, c.in, [][]float64{c.want})
	}
}

func TestActivationEval(t *testing.T) {
	x := vector(-4, -1, 0, 1, 4)
	checkEvals(t, []evalCase{
		{"Relu", "Relu", nil, one(x), one(vector(0, 0, 0, 1, 4))},
		{"LeakyRelu", "LeakyRelu", nil, one(x), one(vector(-0.04, -0.01, 0, 1, 4))},
		{"PRelu", "PRelu", nil, one(f32([]int{2, 2}, -1, 1, -2, -3), f32([]int{2, 1}, 0.5, 2)),
			one(f32([]int{2, 2}, -0.5, 1, -4, -6))},
		{"Elu", "Elu", graph.Attrs{"alpha": float32(2)}, one(vector(-1, 1)), one(vector(2*(math.Exp(-1)-1), 1))},
		{"Clip", "Clip", nil, one(x, f32(nil, -1), f32(nil, 2)), one(vector(-1, -1, 0, 1, 2))},
		{"Clip below", "Clip", nil, one(x, f32(nil, -1)), one(vector(-1, -1, 0, 1, 4))},
		{"Clip above", "Clip", nil, one(x, nil, f32(nil, 2)), one(vector(-4, -1, 0, 1, 2))},
		{"Clip of integers", "Clip", nil, one(graph.Ints(-5, 5), graph.FromInt64(nil, []int64{0})), one(graph.Ints(0, 5))},
		{"Sigmoid", "Sigmoid", nil, one(vector(0, -1000, 1000, math.Log(3))), one(vector(0.5, 0, 1, 0.75))},
		{"Tanh", "Tanh", nil, one(vector(0, math.Log(3))), one(vector(0, 0.8))},
		{"Softplus", "Softplus", nil, one(vector(0, -1000, 1000)), one(vector(math.Ln2, 0, 1000))},
		{"Gelu", "Gelu", nil, one(vector(0, 1, -1)), one(vector(0, 0.8413447, -0.1586553))}, // Φ(1) = 0.8413447
		{"Gelu by tanh", "Gelu", graph.Attrs{"approximate": "tanh"}, one(vector(0, 1, -1)),
			one(vector(0, 0.8411920, -0.1588080))},
		{"Selu", "Selu", nil, one(vector(0, 1, -1)), one(vector(0, 1.0507010, -1.1113307))},
		{"Celu", "Celu", graph.Attrs{"alpha": float32(2)}, one(vector(-2, 1)), one(vector(2*(math.Exp(-1)-1), 1))},
		{"Softsign", "Softsign", nil, one(x), one(vector(-0.8, -0.5, 0, 0.5, 0.8))},
		{"Mish", "Mish", nil, one(vector(0, 1)), one(vector(0, 0.8650984))},
		{"Swish", "Swish", nil, one(vector(0, math.Log(3))), one(vector(0, 0.75*math.Log(3)))},
		{"ThresholdedRelu", "ThresholdedRelu", nil, one(x), one(vector(0, 0, 0, 0, 4))},
		{"Shrink", "Shrink", graph.Attrs{"bias": float32(1), "lambd": float32(2)}, one(x), one(vector(-3, 0, 0, 0, 3))},
		{"HardSigmoid", "HardSigmoid", nil, one(x), one(vector(0, 0.3, 0.5, 0.7, 1))},
		{"HardSwish", "HardSwish", nil, one(x), one(vector(0, -1./3, 0, 2./3, 4))},
	})
}

func TestActivationShape(t *testing.T) {
	checkInfers(t, []inferCase{
		{"PRelu", "PRelu", nil, values(fed("N,3,4"), fed("3,1")), "[N,3,4]", nil},
		{"a slope that is larger than the input", "PRelu", nil, values(fed("3,1"), fed("3,4")), "", op.ErrMalformed},
		{"bounds that are not scalars", "Clip", nil, values(fed("3"), fed("3")), "", op.ErrMalformed},
	})
}

func TestActivationUpgrade(t *testing.T) {
	x := vector(-4, -1, 0, 1, 4)
	checkUpgrades(t, []upgradeCase{
		{"Clip", 6, "Clip", graph.Attrs{"min": float32(0), "max": float32(2)}, one(x), one(vector(0, 0, 0, 1, 2))},
		{"Clip above", 10, "Clip", graph.Attrs{"max": float32(2)}, one(x), one(vector(-4, -1, 0, 1, 2))},
		{"Clip today", 11, "Clip", nil, one(x, f32(nil, 0)), one(vector(0, 0, 0, 1, 4))},
		{"PRelu per channel", 6, "PRelu", nil, one(f32([]int{1, 2, 2}, -1, -2, -3, -4), vector(1, 2)),
			one(f32([]int{1, 2, 2}, -1, -2, -6, -8))},
		{"PRelu shared", 6, "PRelu", nil, one(f32([]int{1, 2, 1}, -1, -2), vector(2)), one(f32([]int{1, 2, 1}, -2, -4))},
	})
}

func TestElementwiseGradients(t *testing.T) {
	x, p := random(1, 3, 4), positive(2, 3, 4)
	row, column := random(3, 4), random(4, 3, 1)
	checkGrads(t, []gradCase{
		{name: "Add", op: "Add", in: one(x, row)},
		{name: "Sub", op: "Sub", in: one(x, column)},
		{name: "Mul", op: "Mul", in: one(column, row)},
		{name: "Div", op: "Div", in: one(x, positive(5, 4))},
		{name: "Pow", op: "Pow", in: one(p, random(6, 1, 4))},
		{name: "Relu", op: "Relu", in: one(x)},
		{name: "LeakyRelu", op: "LeakyRelu", attrs: graph.Attrs{"alpha": float32(0.1)}, in: one(x)},
		{name: "Clip", op: "Clip", in: one(x, scalar(-0.5), scalar(0.7)), fixed: 2},
		{name: "Clip above", op: "Clip", in: one(x, nil, scalar(0.7)), fixed: 1},
		{name: "Elu", op: "Elu", attrs: graph.Attrs{"alpha": float32(0.5)}, in: one(x)},
		{name: "PRelu", op: "PRelu", in: one(x, row)},
		{name: "Softplus", op: "Softplus", in: one(x)},
		{name: "Gelu", op: "Gelu", in: one(x)},
		{name: "Gelu by tanh", op: "Gelu", attrs: graph.Attrs{"approximate": "tanh"}, in: one(x)},
		{name: "HardSigmoid", op: "HardSigmoid", attrs: graph.Attrs{"alpha": float32(0.5)}, in: one(x)},
		{name: "HardSwish", op: "HardSwish", in: one(graph.FromFloat64([]int{6}, []float64{-4, -2.5, -0.1, 0.7, 2.5, 4}))},
		{name: "Selu", op: "Selu", in: one(x)},
		{name: "Celu", op: "Celu", attrs: graph.Attrs{"alpha": float32(0.7)}, in: one(x)},
		{name: "Softsign", op: "Softsign", in: one(x)},
		{name: "Mish", op: "Mish", in: one(x)},
		{name: "Swish", op: "Swish", attrs: graph.Attrs{"alpha": float32(1.5)}, in: one(x)},
		{name: "ThresholdedRelu", op: "ThresholdedRelu", attrs: graph.Attrs{"alpha": float32(0.4)}, in: one(x)},
		{name: "Shrink", op: "Shrink", attrs: graph.Attrs{"lambd": float32(0.4), "bias": float32(0.2)}, in: one(x)},
		{name: "Erf", op: "Erf", in: one(x)},
		{name: "Sigmoid", op: "Sigmoid", in: one(x)},
		{name: "Tanh", op: "Tanh", in: one(x)},
		{name: "Exp", op: "Exp", in: one(x)},
		{name: "Log", op: "Log", in: one(p)},
		{name: "Sqrt", op: "Sqrt", in: one(p)},
		{name: "Reciprocal", op: "Reciprocal", in: one(p)},
		{name: "Neg", op: "Neg", in: one(x)},
		{name: "Abs", op: "Abs", in: one(x)},
		{name: "Identity", op: "Identity", in: one(x)},
		{name: "Cast", op: "Cast", attrs: graph.Attrs{"to": int64(graph.Float64)}, in: one(x)},
		{name: "Where", op: "Where", in: one(graph.FromBool([]int{3, 1}, []bool{true, false, true}), x, row)},
		{name: "Max", op: "Max", in: one(x, row, column)},
		{name: "Min", op: "Min", in: one(x, row)},
		{name: "Sum", op: "Sum", in: one(x, row, column)},
		{name: "Mean", op: "Mean", in: one(x, row)},
		{name: "Softmax", op: "Softmax", attrs: graph.Attrs{"axis": int64(1)}, in: one(x)},
		{name: "Softmax along the first axis", op: "Softmax", attrs: graph.Attrs{"axis": int64(0)}, in: one(x)},
		{name: "LogSoftmax", op: "LogSoftmax", in: one(x)},
	})
}

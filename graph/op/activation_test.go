package op_test

import (
	"testing"

	"github.com/ildc/ildc/graph"
)

func one(x *graph.Tensor, more ...*graph.Tensor) []*graph.Tensor {
	return append([]*graph.Tensor{x}, more...)
}

func scalar(v float64) *graph.Tensor { return graph.Scalar(graph.Float64, v) }

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

func TestReductionGradients(t *testing.T) {
	x := random(1, 2, 3, 4)
	drop := graph.Attrs{"keepdims": int64(0)}
	var cases []gradCase
	for _, op := range []string{"ReduceSum", "ReduceMean", "ReduceMax", "ReduceMin", "ReduceSumSquare", "ReduceL2"} {
		cases = append(cases,
			gradCase{name: op, op: op, in: one(x, graph.Ints(1))},
			gradCase{name: op + " dropping axes", op: op, attrs: drop, in: one(x, graph.Ints(0, -1))},
			gradCase{name: op + " of all", op: op, in: one(x)})
	}
	checkGrads(t, cases)
}

func TestMovementGradients(t *testing.T) {
	x := random(1, 2, 5, 4)
	checkGrads(t, []gradCase{
		{name: "Reshape", op: "Reshape", in: one(x, graph.Ints(0, -1))},
		{name: "Flatten", op: "Flatten", attrs: graph.Attrs{"axis": int64(2)}, in: one(x)},
		{name: "Squeeze", op: "Squeeze", in: one(random(2, 3, 1, 2), graph.Ints(1))},
		{name: "Unsqueeze", op: "Unsqueeze", in: one(x, graph.Ints(0, -1))},
		{name: "Transpose", op: "Transpose", attrs: graph.Attrs{"perm": []int64{2, 0, 1}}, in: one(x)},
		{name: "Expand", op: "Expand", in: one(random(3, 5, 1), graph.Ints(2, 1, 4))},
		{name: "Concat", op: "Concat", attrs: graph.Attrs{"axis": int64(1)}, in: one(x, random(4, 2, 1, 4))},
		{name: "Slice", op: "Slice", in: one(x, graph.Ints(1), graph.Ints(-1), graph.Ints(1))},
		{name: "Slice in steps", op: "Slice", in: one(x, graph.Ints(0, 0), graph.Ints(1<<40, 3), graph.Ints(1, 2), graph.Ints(2, 2))},
		{name: "Slice backwards", op: "Slice", in: one(x, graph.Ints(-1), graph.Ints(-1<<40), graph.Ints(1), graph.Ints(-3))},
		{name: "Pad", op: "Pad", in: one(x, graph.Ints(0, 1, 2, 0, 0, 1))},
		{name: "Pad that crops", op: "Pad", in: one(x, graph.Ints(0, -1, 0, 0, 1, 0))},
		{name: "Split", op: "Split", attrs: graph.Attrs{"axis": int64(1)}, in: one(x, graph.Ints(2, 3)), outputs: 2},
		{name: "Split, one part used", op: "Split", attrs: graph.Attrs{"axis": int64(2)}, in: one(x), outputs: 2, counted: 1},
		{name: "Gather", op: "Gather", attrs: graph.Attrs{"axis": int64(1)}, in: one(x, graph.FromInt64([]int{2, 2}, []int64{0, 4, 0, -2}))},
	})
}

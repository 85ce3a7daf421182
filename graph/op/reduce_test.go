package op_test

import (
	"testing"

	"github.com/ildc/ildc/graph"
	"github.com/ildc/ildc/graph/op"
)

func TestReductionGradients(t *testing.T) {
	x := random(1, 2, 3, 4)
	drop := graph.Attrs{"keepdims": int64(0)}
	var cases []gradCase
	for _, op := range []string{"ReduceSum", "ReduceMean", "ReduceMax", "ReduceMin", "ReduceSumSquare", "ReduceL1",
		"ReduceL2", "ReduceLogSumExp", "ReduceProd"} {
		cases = append(cases,
			gradCase{name: op, op: op, in: one(x, graph.Ints(1))},
			gradCase{name: op + " dropping axes", op: op, attrs: drop, in: one(x, graph.Ints(0, -1))},
			gradCase{name: op + " of all", op: op, in: one(x)},
			gradCase{name: op + " of single elements", op: op, attrs: graph.Attrs{"noop_with_empty_axes": int64(1)}, in: one(x)})
	}
	zeros := graph.FromFloat64([]int{3, 3}, []float64{1, 2, 3, 0, 2, 3, 0, 0, 3})
	checkGrads(t, append(cases,
		gradCase{name: "ReduceLogSum", op: "ReduceLogSum", in: one(positive(2, 3, 4), graph.Ints(1))},
		gradCase{name: "ReduceProd with no, one and two zeros", op: "ReduceProd", in: one(zeros, graph.Ints(1))}))
}

func TestReduceEval(t *testing.T) {
	x := f32([]int{2, 2, 2}, 1, -2, 3, 4, -5, 6, 7, 8)
	drop := graph.Attrs{"keepdims": int64(0)}
	checkEvals(t, []evalCase{
		{"ReduceSum", "ReduceSum", nil, one(x, graph.Ints(1)), one(f32([]int{2, 1, 2}, 4, 2, 2, 14))},
		{"ReduceSum dropping axes", "ReduceSum", drop, one(x, graph.Ints(-1, 0)), one(vector(0, 22))},
		{"ReduceSum of all", "ReduceSum", drop, one(x), one(f32(nil, 22))},
		{"ReduceMean", "ReduceMean", nil, one(x, graph.Ints(0)), one(f32([]int{1, 2, 2}, -2, 2, 5, 6))},
		{"ReduceMax", "ReduceMax", drop, one(x, graph.Ints(2)), one(f32([]int{2, 2}, 1, 4, 6, 8))},
		{"ReduceMin", "ReduceMin", drop, one(x, graph.Ints(2)), one(f32([]int{2, 2}, -2, 3, -5, 7))},
		{"ReduceSumSquare", "ReduceSumSquare", drop, one(x, graph.Ints(2)), one(f32([]int{2, 2}, 5, 25, 61, 113))},
		{"ReduceL2", "ReduceL2", drop, one(x, graph.Ints(2)), one(f32([]int{2, 2}, 2.2360680, 5, 7.8102497, 10.6301458))},
		{"ReduceL1", "ReduceL1", drop, one(x, graph.Ints(2)), one(f32([]int{2, 2}, 3, 7, 11, 15))},
		{"ReduceLogSum", "ReduceLogSum", drop, one(vector(1, 2, 4)), one(f32(nil, 1.9459101))},
		{"ReduceLogSumExp of large numbers", "ReduceLogSumExp", drop, one(vector(1000, 1000)), one(f32(nil, 1000.6931472))},
		{"ReduceProd", "ReduceProd", drop, one(x, graph.Ints(2)), one(f32([]int{2, 2}, -2, 12, -30, 56))},
		{"no axes", "ReduceSum", nil, one(x, graph.Ints()), one(f32([]int{1, 1, 1}, 22))},
		{"no axes, nothing to do", "ReduceSumSquare", graph.Attrs{"noop_with_empty_axes": int64(1)}, one(vector(-2, 3)),
			one(vector(4, 9))},
		{"of nothing", "ReduceSum", nil, one(f32([]int{2, 0}), graph.Ints(1)), one(filled(0, 2, 1))},
		{"ArgMax", "ArgMax", graph.Attrs{"axis": int64(1)}, one(f32([]int{2, 3}, 1, 3, 3, 2, 2, 1)),
			one(graph.FromInt64([]int{2, 1}, []int64{1, 0}))},
		{"ArgMax, the last", "ArgMax", graph.Attrs{"axis": int64(-1), "keepdims": int64(0), "select_last_index": int64(1)},
			one(f32([]int{2, 3}, 1, 3, 3, 2, 2, 1)), one(graph.Ints(2, 1))},
		{"ArgMin", "ArgMin", graph.Attrs{"keepdims": int64(0)}, one(f32([]int{2, 3}, 1, 3, 3, 2, 2, 1)),
			one(graph.Ints(0, 1, 1))},
	})
}

func TestReduceShape(t *testing.T) {
	drop := graph.Attrs{"keepdims": int64(0)}
	checkInfers(t, []inferCase{
		{"keeping axes", "ReduceMean", nil, values(fed("N,C,4,4"), fixedInts(2, 3)), "[N,C,1,1]", nil},
		{"dropping axes", "ReduceMean", drop, values(fed("N,C,4,4"), fixedInts(-1, -2)), "[N,C]", nil},
		{"all", "ReduceSum", drop, values(fed("N,C")), "[]", nil},
		{"axes that the graph computes", "ReduceSum", nil, values(fed("N,C"), unknownInts), "[?,?]", nil},
		{"dropping axes that the graph computes", "ReduceSum", drop, values(fed("N,C"), unknownInts), "[?…]", nil},
		{"unknown rank", "ReduceSum", nil, values(unranked, fixedInts(1)), "[?…]", nil},
		{"an axis that is not there", "ReduceSum", nil, values(fed("N,C"), fixedInts(2)), "", op.ErrMalformed},
		{"a number of elements", "ReduceProd", drop, values(extents("2,3,4")), "[]=[24]", nil},
		{"ArgMax", "ArgMax", graph.Attrs{"axis": int64(-1)}, values(fed("N,C")), "[N,1]", nil},
		{"ArgMax dropping the axis", "ArgMax", graph.Attrs{"axis": int64(0), "keepdims": int64(0)}, values(fed("N,C")),
			"[C]", nil},
		{"ArgMax along no axis", "ArgMax", graph.Attrs{"axis": int64(2)}, values(fed("N,C")), "", op.ErrMalformed},
	})
}

func TestReduceUpgrade(t *testing.T) {
	x := f32([]int{2, 2}, 1, 2, 3, 4)
	checkUpgrades(t, []upgradeCase{
		{"axes", 11, "ReduceMean", graph.Attrs{"axes": []int64{-1}, "keepdims": int64(0)}, one(x), one(vector(1.5, 3.5))},
		{"axes kept", 6, "ReduceSum", graph.Attrs{"axes": []int64{0}}, one(x), one(f32([]int{1, 2}, 4, 6))},
		{"all", 11, "ReduceMax", nil, one(x), one(f32([]int{1, 1}, 4))},
	})
}

// Of equal elements the first in row-major order has the gradient.
func TestReduceMaxGradTies(t *testing.T) {
	x := f32([]int{2, 3}, 2, 1, 2, 2, 2, 0)
	checkGradValues(t, "rows", "ReduceMax", nil, one(x, graph.Ints(1)), [][]float64{{1, 0, 0, 1, 0, 0}})
	checkGradValues(t, "columns", "ReduceMax", graph.Attrs{"keepdims": int64(0)}, one(x, graph.Ints(0)),
		[][]float64{{1, 0, 1, 0, 1, 0}})
	checkGradValues(t, "all", "ReduceMin", nil, one(f32([]int{3}, 2, 1, 1)), [][]float64{{0, 1, 0}})
}

func TestReduceChannels(t *testing.T) {
	x := []graph.Shape{graph.Dims(1, 2, 3)}
	checkChannels(t, []channelCase{
		{name: "over space", op: "ReduceMean", inputs: 1, in: x, more: one(graph.Ints(2)), source: "x.1",
			want: "x.0:n y.0:n x.1:AB y.1:AB x.2:cde"},
		{name: "over space, dropped", op: "ReduceMax", attrs: graph.Attrs{"keepdims": int64(0)}, inputs: 1, in: x,
			more: one(graph.Ints(0)), source: "x.1",
			want: "x.0:n x.1:AB y.0:AB x.2:cde y.1:cde"},
		{name: "over channels", op: "ReduceSum", inputs: 1, in: x, more: one(graph.Ints(1)), source: "x.1",
			want: "x.0:n y.0:n x.1:AB x.2:cde y.2:cde"},
		{name: "a product over channels", op: "ReduceProd", inputs: 1, in: x, more: one(graph.Ints(1)), source: "x.1",
			want: "x.0:n y.0:n x.2:cde y.2:cde"},
		{name: "ArgMax over channels", op: "ArgMax", attrs: graph.Attrs{"axis": int64(1), "keepdims": int64(0)}, inputs: 1,
			in: x, source: "x.1",
			want: "x.0:n y.0:n x.2:cde y.1:cde"},
		{name: "Softmax over channels", op: "Softmax", attrs: graph.Attrs{"axis": int64(1)}, inputs: 1, in: x, source: "x.1",
			want: "x.0:n y.0:n x.2:cde y.2:cde"},
		{name: "Softmax over space", op: "Softmax", inputs: 1, in: x, source: "x.1", want: "x.0:n y.0:n x.1:AB y.1:AB"},
	})
}

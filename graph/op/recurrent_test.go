package op_test

import (
	"math"
	"testing"

	"github.com/ildc/ildc/graph"
	"github.com/ildc/ildc/graph/op"
)

func TestRecurrentGradients(t *testing.T) {
	x := random(1, 3, 2, 4)
	weights := func(gates, directions int) []*graph.Tensor {
		return one(x, random(2, directions, gates*3, 4), random(3, directions, gates*3, 3), random(4, directions, 2*gates*3))
	}
	both := graph.Attrs{"direction": "bidirectional", "hidden_size": int64(3)}
	state := random(5, 1, 2, 3)
	checkGrads(t, []gradCase{
		{name: "RNN", op: "RNN", in: weights(1, 1), outputs: 2},
		{name: "GRU both ways", op: "GRU", attrs: both, in: weights(3, 2), outputs: 2},
		{name: "GRU, reset behind", op: "GRU", attrs: graph.Attrs{"linear_before_reset": int64(1)},
			in: append(weights(3, 1), nil, state)},
		{name: "LSTM", op: "LSTM", attrs: graph.Attrs{"direction": "reverse"}, in: append(weights(4, 1), nil, state, state),
			outputs: 3},
		{name: "LSTM with peepholes", op: "LSTM", in: append(weights(4, 1), nil, nil, nil, random(6, 1, 9)), outputs: 3},
	})
}

func TestRecurrent(t *testing.T) {
	x, w, r := f32([]int{2, 1, 1}, 1, 0), f32([]int{1, 1, 1}, 1), f32([]int{1, 1, 1}, 1)
	first := math.Tanh(1)
	checkEvals(t, []evalCase{
		{"RNN", "RNN", nil, one(x, w, r), one(f32([]int{2, 1, 1, 1}, first, math.Tanh(first)),
			f32([]int{1, 1, 1}, math.Tanh(first)))},
	})
	checkInfers(t, []inferCase{
		{"LSTM", "LSTM", nil, values(fed("5,2,4"), fed("1,12,4"), fed("1,12,3")), "[5,1,2,3] [1,2,3] [1,2,3]", nil},
		{"a symbolic length", "LSTM", nil, values(fed("T,2,4"), fed("1,12,4"), fed("1,12,3")), "[?…] [?…] [?…]", nil},
		{"too many steps", "LSTM", nil, values(fed("1000,2,4"), fed("1,12,4"), fed("1,12,3")), "", op.ErrUnsupported},
		{"lengths that differ", "LSTM", nil, values(fed("5,2,4"), fed("1,12,4"), fed("1,12,3"), nil, fixedInts(5, 4)), "",
			op.ErrUnsupported},
	})
}

package op_test

import (
	"math"
	"testing"

	"github.com/ildc/ildc/graph"
	"github.com/ildc/ildc/graph/op"
)

func TestSoftmaxEval(t *testing.T) {
	x := f32([]int{2, 2}, 0, math.Log(3), 1000, 1000) // large logits must not overflow
	checkEvals(t, []evalCase{
		{"Softmax", "Softmax", nil, one(x), one(f32([]int{2, 2}, 0.25, 0.75, 0.5, 0.5))},
		{"Softmax along the first axis", "Softmax", graph.Attrs{"axis": int64(0)},
			one(f32([]int{2, 2}, 0, math.Log(3), 0, 0)),
			one(f32([]int{2, 2}, 0.5, 0.75, 0.5, 0.25))},
		{"LogSoftmax", "LogSoftmax", nil, one(x), one(f32([]int{2, 2}, -math.Log(4), math.Log(0.75), -math.Ln2, -math.Ln2))},
		{"Hardmax", "Hardmax", nil, one(x), one(f32([]int{2, 2}, 0, 1, 1, 0))},
		{"Hardmax along the first axis", "Hardmax", graph.Attrs{"axis": int64(0)}, one(x), one(f32([]int{2, 2}, 0, 0, 1, 1))},
	})
}

// Before opset 13 all axes from the given one on were one distribution; its default was 1.
func TestSoftmaxUpgrade(t *testing.T) {
	x := f32([]int{2, 2, 1}, 0, math.Log(3), 0, 0)
	flat := f32([]int{1, 2, 2}, 0, math.Log(2), 0, math.Log(4))
	checkUpgrades(t, []upgradeCase{
		{"the axes behind have one element", 12, "Softmax", nil, one(x), one(f32([]int{2, 2, 1}, 0.25, 0.75, 0.5, 0.5))},
		{"several axes", 11, "Softmax", nil, one(flat), one(f32([]int{1, 2, 2}, 0.125, 0.25, 0.125, 0.5))},
		{"all axes", 9, "Softmax", graph.Attrs{"axis": int64(0)}, one(flat),
			one(f32([]int{1, 2, 2}, 0.125, 0.25, 0.125, 0.5))},
		{"the last axis", 12, "Softmax", graph.Attrs{"axis": int64(-1)}, one(flat),
			one(f32([]int{1, 2, 2}, 1./3, 2./3, 0.2, 0.8))},
		{"LogSoftmax", 6, "LogSoftmax", nil, one(flat),
			one(f32([]int{1, 2, 2}, math.Log(0.125), math.Log(0.25), math.Log(0.125), math.Log(0.5)))},
		{"today", 13, "Softmax", nil, one(flat), one(f32([]int{1, 2, 2}, 1./3, 2./3, 0.2, 0.8))},
	})
}

func TestSoftmaxUpgradeOfSymbolicShapes(t *testing.T) {
	for _, c := range []struct {
		x    *graph.Value
		want string
	}{{fed("N,10"), "[N,10]"}, {fed("N,C,H"), "[N,C,H]"}, {unranked, "[?…]"}} {
		b := op.NewBuilder(graph.New("softmax"))
		n := &graph.Node{Op: "Softmax", Inputs: values(c.x), Outputs: values(&graph.Value{})}
		y := op.Of(n).Upgrade(b, n, 9)
		if b.Err() != nil || y[0].Shape.String() != c.want {
			t.Errorf("%v becomes %v, %v", c.x.Shape, y[0].Shape, b.Err())
		}
	}
}

func TestSoftmaxShape(t *testing.T) {
	checkInfers(t, []inferCase{
		{"Softmax", "Softmax", nil, values(fed("N,C")), "[N,C]", nil},
		{"an axis that is not there", "LogSoftmax", graph.Attrs{"axis": int64(2)}, values(fed("N,C")), "", op.ErrMalformed},
	})
}

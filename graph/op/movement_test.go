package op_test

import (
	"testing"

	"github.com/ildc/ildc/graph"
)

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

package op_test

import (
	"testing"

	"github.com/ildc/ildc/graph"
	"github.com/ildc/ildc/graph/op"
)

func TestCompositeNormalisationGradients(t *testing.T) {
	x := random(1, 2, 4, 3, 2)
	c, g := positive(2, 4), positive(3, 2)
	groups := graph.Attrs{"num_groups": int64(2)}
	checkGrads(t, []gradCase{
		{name: "InstanceNormalization", op: "InstanceNormalization", in: one(x, c, random(4, 4))},
		{name: "GroupNormalization", op: "GroupNormalization", attrs: groups, in: one(x, c, random(4, 4))},
		{name: "GroupNormalization, scaled by group", op: "GroupNormalization", attrs: groups, in: one(x, g, random(4, 2))},
		{name: "MeanVarianceNormalization", op: "MeanVarianceNormalization", in: one(x)},
		{name: "RMSNormalization", op: "RMSNormalization", attrs: graph.Attrs{"axis": int64(2)},
			in: one(x, positive(5, 3, 2))},
		{name: "LpNormalization", op: "LpNormalization", attrs: graph.Attrs{"axis": int64(1)}, in: one(x)},
		{name: "LpNormalization by L1", op: "LpNormalization", attrs: graph.Attrs{"p": int64(1)}, in: one(x)},
		{name: "LRN", op: "LRN", attrs: graph.Attrs{"size": int64(3), "alpha": float32(0.9)}, in: one(x)},
	})
}

func TestCompositeNormalisation(t *testing.T) {
	x := f32([]int{1, 2, 2}, 1, 3, 2, 6)
	exact := graph.Attrs{"epsilon": float32(0)}
	checkEvals(t, []evalCase{
		{"InstanceNormalization", "InstanceNormalization", exact, one(x, vector(1, 2), vector(0, 10)),
			one(f32([]int{1, 2, 2}, -1, 1, 8, 12))},
		{"GroupNormalization", "GroupNormalization", graph.Attrs{"epsilon": float32(1), "num_groups": int64(1)},
			one(x, vector(1, 1), vector(3, 3)),
			one(f32([]int{1, 2, 2}, 3-2/2.1213203, 3, 3-1/2.1213203, 3+3/2.1213203))}, // variance 3.5, mean 3
		{"RMSNormalization", "RMSNormalization", exact, one(f32([]int{1, 2}, 3, 4), vector(1, 2)),
			one(f32([]int{1, 2}, 0.8485281, 2.2627417))},
		{"LpNormalization of zeros", "LpNormalization", nil, one(f32([]int{2, 2}, 3, 4, 0, 0)),
			one(f32([]int{2, 2}, 0.6, 0.8, 0, 0))},
		{"LRN over even windows", "LRN", graph.Attrs{"size": int64(2), "alpha": float32(2), "beta": float32(1)},
			one(f32([]int{1, 3, 1}, 1, 2, 3)),
			one(f32([]int{1, 3, 1}, 1./6, 2./14, 0.3))}, // x/(1 + Σ x²) over the channel and the next
	})
	checkInfers(t, []inferCase{
		{"a symbolic batch", "InstanceNormalization", nil, values(fed("N,3,4,4"), fed("3"), fed("3")), "[N,3,4,4]", nil},
		{"unknown rank", "GroupNormalization", graph.Attrs{"num_groups": int64(2)}, values(unranked, fed("4"), fed("4")),
			"[?…]", nil},
		{"vectors", "InstanceNormalization", nil, values(fed("N,3"), fed("3"), fed("3")), "", op.ErrMalformed},
		{"groups that do not fit", "GroupNormalization", graph.Attrs{"num_groups": int64(2)},
			values(fed("N,3,4"), fed("3"), fed("3")), "", op.ErrMalformed},
		{"no scale", "InstanceNormalization", nil, values(fed("N,3,4"), nil, fed("3")), "", op.ErrMalformed},
	})
}

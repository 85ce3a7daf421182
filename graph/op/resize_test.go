package op_test

import (
	"testing"

	"github.com/ildc/ildc/graph"
	"github.com/ildc/ildc/graph/op"
)

func TestResizeGradients(t *testing.T) {
	x := random(1, 2, 2, 3, 4)
	larger, smaller := graph.Ints(2, 2, 5, 6), graph.Ints(2, 2, 2, 3)
	var cases []gradCase
	for _, mode := range []string{"nearest", "linear", "cubic"} {
		for _, to := range []*graph.Tensor{larger, smaller} {
			cases = append(cases, gradCase{name: mode, op: "Resize", attrs: graph.Attrs{"mode": mode}, in: one(x, nil, nil, to)})
		}
	}
	checkGrads(t, append(cases,
		gradCase{name: "corners", op: "Resize", attrs: graph.Attrs{"mode": "linear",
			"coordinate_transformation_mode": "align_corners"}, in: one(x, nil, nil, larger)},
		gradCase{name: "against aliasing", op: "Resize", attrs: graph.Attrs{"mode": "linear", "antialias": int64(1)},
			in: one(x, nil, nil, smaller)},
		gradCase{name: "some axes", op: "Resize", attrs: graph.Attrs{"axes": []int64{2}}, in: one(x, nil, vector(2))}))
}

func TestResizeEval(t *testing.T) {
	x := f32([]int{1, 1, 2, 2}, 1, 2, 3, 4)
	corner := graph.Attrs{"coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
	checkEvals(t, []evalCase{
		{"twice", "Resize", corner, one(x, nil, vector(1, 1, 1, 2)), one(f32([]int{1, 1, 2, 4}, 1, 1, 2, 2, 3, 3, 4, 4))},
		{"by lines", "Resize", graph.Attrs{"mode": "linear"}, one(x, nil, nil, graph.Ints(1, 1, 2, 4)),
			one(f32([]int{1, 1, 2, 4}, 1, 1.25, 1.75, 2, 3, 3.25, 3.75, 4))},
		{"not larger", "Resize", graph.Attrs{"keep_aspect_ratio_policy": "not_larger", "axes": []int64{2, 3}},
			one(x, nil, nil, graph.Ints(2, 6)), one(x)},
		{"a region", "Resize", graph.Attrs{"coordinate_transformation_mode": "tf_crop_and_resize", "mode": "linear",
			"extrapolation_value": float32(9)},
			one(x, vector(0, 0, 0, 0, 1, 1, 0, 2), nil, graph.Ints(1, 1, 1, 3)), one(f32([]int{1, 1, 1, 3}, 1, 2, 9))},
		{"Upsample", "Upsample", nil, one(x, vector(1, 1, 2, 1)), one(f32([]int{1, 1, 4, 2}, 1, 2, 1, 2, 3, 4, 3, 4))},
	})
	checkUpgrades(t, []upgradeCase{
		{"Upsample by an attribute", 7, "Upsample", graph.Attrs{"scales": []float32{1, 1, 1, 2}}, one(x),
			one(f32([]int{1, 1, 2, 4}, 1, 1, 2, 2, 3, 3, 4, 4))},
	})
}

func TestResizeShape(t *testing.T) {
	checkInfers(t, []inferCase{
		{"by scales", "Resize", nil, values(fed("N,C,4,6"), nil, fixed(vector(1, 1, 2, 0.5))), "[N,C,?,?]", nil},
		{"of static extents", "Resize", nil, values(fed("1,3,4,6"), nil, fixed(vector(1, 1, 2, 0.6))), "[1,3,8,3]", nil},
		{"to sizes", "Resize", nil, values(fed("N,C,H,W"), nil, nil, extents("N,C,8,8")), "[N,C,8,8]", nil},
		{"scales that the graph computes", "Resize", nil, values(fed("N,3,4,4"), nil, fed("4")), "[?,?,?,?]", nil},
		{"too few scales", "Resize", nil, values(fed("1,3,4,4"), nil, fixed(vector(2, 2))), "", op.ErrMalformed},
		{"a negative scale", "Resize", nil, values(fed("1,4"), nil, fixed(vector(1, -1))), "", op.ErrMalformed},
	})
}

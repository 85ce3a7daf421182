package golden

import (
	"encoding/json"
	"math"
	"strings"
	"testing"

	"github.com/ildc/ildc/graph"
)

func TestCompare(t *testing.T) {
	inf, nan := math.Inf(1), math.NaN()
	f64 := func(v ...float64) *graph.Tensor { return graph.FromFloat64([]int{1, len(v)}, v) }
	tests := []struct {
		name           string
		got, want      *graph.Tensor
		differ         int
		maxAbs, maxRel float64
		says           string
	}{
		{"equal", f64(1, -2, 0), f64(1, -2, 0), 0, 0, 0, "as recorded"},
		{"within the relative tolerance", f64(100.5), f64(100), 0, 0.5, 0.005, "as recorded"},
		{"within the absolute tolerance", f64(0.05), f64(0), 0, 0.05, 0, "as recorded"},
		{"beyond it", f64(1, 102, 5), f64(1, 100, 5), 1, 2, 0.02,
			"1 of 3 elements differ, by up to 2 (relative 0.02); worst at [0,1]: 102, recorded 100"},
		{"the worst is the farthest beyond its tolerance", f64(103, 1), f64(100, 0), 2, 3, 0.03, "[0,0]: 103"},
		{"NaN is NaN, infinity is infinity", f64(nan, inf, -inf), f64(nan, inf, -inf), 0, 0, 0, "as recorded"},
		{"NaN for a number", f64(nan), f64(1), 1, math.MaxFloat64, math.MaxFloat64, "NaN, recorded 1"},
		{"a number for NaN", f64(1), f64(nan), 1, math.MaxFloat64, 0, "1, recorded NaN"},
		{"the other infinity", f64(-inf), f64(inf), 1, math.MaxFloat64, 0, "-Inf, recorded +Inf"},
		{"integers are exact", graph.Ints(100), graph.Ints(101), 1, 1, 1. / 101, "[0]: 100, recorded 101"},
		{"large integers too", graph.Ints(1 << 53), graph.Ints(1<<53 + 1), 0, 0, 0, "integers beyond"},
		{"bools", graph.FromBool([]int{2}, []bool{true, true}), graph.FromBool([]int{2}, []bool{true, false}), 1, 1, 0,
			"[1]: 1, recorded 0"},
		{"strings", &graph.Tensor{DType: graph.String, Dims: []int{2}, Data: []string{"a", "b"}},
			&graph.Tensor{DType: graph.String, Dims: []int{2}, Data: []string{"a", "c"}}, 1, 0, 0, `[1]: "b", recorded "c"`},
		{"a scalar", graph.Scalar(graph.Float32, 2), graph.Scalar(graph.Float32, 1), 1, 1, 1, "worst at []: 2"},
		{"other shape", f64(1, 2), f64(1), 0, 0, 0, "it is float64[1,2], recorded is float64[1,1]"},
		{"other type", graph.Ints(1), graph.FromFloat32([]int{1}, []float32{1}), 0, 0, 0,
			"it is int64[1], recorded is float32[1]"},
		{"not given", nil, f64(1), 0, 0, 0, "does not give it"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c := compare(test.got, test.want, 0.01, 0.1)
			if c.Differ != test.differ || c.MaxAbs != test.maxAbs || math.Abs(c.MaxRel-test.maxRel) > 1e-15 {
				t.Errorf("%d differ by %g, relative %g: want %d, %g, %g",
					c.Differ, c.MaxAbs, c.MaxRel, test.differ, test.maxAbs, test.maxRel)
			}
			if !strings.Contains(c.String(), test.says) {
				t.Errorf("%q does not say %q", c, test.says)
			}
			if c.OK() != (test.says == "as recorded") {
				t.Errorf("OK is %v", c.OK())
			}
			if _, err := json.Marshal(c); err != nil {
				t.Error(err)
			}
		})
	}
}

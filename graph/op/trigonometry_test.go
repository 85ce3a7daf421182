package op_test

import (
	"math"
	"testing"

	"github.com/ildc/ildc/graph"
)

func TestTrigonometry(t *testing.T) {
	within := graph.FromFloat64([]int{4}, []float64{-0.8, -0.2, 0.3, 0.9})
	above := graph.FromFloat64([]int{3}, []float64{1.1, 2, 5})
	var grads []gradCase
	for _, op := range []string{"Sin", "Cos", "Tan", "Sinh", "Cosh", "Asin", "Acos", "Atan", "Asinh", "Atanh"} {
		grads = append(grads, gradCase{name: op, op: op, in: one(within)})
	}
	checkGrads(t, append(grads, gradCase{name: "Acosh", op: "Acosh", in: one(above)}))
	checkEvals(t, []evalCase{
		{"Sin", "Sin", nil, one(vector(0, math.Pi/6)), one(vector(0, 0.5))},
		{"Cos", "Cos", nil, one(vector(0, math.Pi/3)), one(vector(1, 0.5))},
		{"Tan", "Tan", nil, one(vector(0, math.Pi/4)), one(vector(0, 1))},
		{"Asin", "Asin", nil, one(vector(0.5)), one(vector(math.Pi / 6))},
		{"Acos", "Acos", nil, one(vector(0.5)), one(vector(math.Pi / 3))},
		{"Atan", "Atan", nil, one(vector(1)), one(vector(math.Pi / 4))},
		{"Sinh", "Sinh", nil, one(vector(math.Log(2))), one(vector(0.75))},
		{"Cosh", "Cosh", nil, one(vector(math.Log(2))), one(vector(1.25))},
		{"Asinh", "Asinh", nil, one(vector(0.75)), one(vector(math.Log(2)))},
		{"Acosh", "Acosh", nil, one(vector(1.25)), one(vector(math.Log(2)))},
		{"Atanh", "Atanh", nil, one(vector(0.6)), one(vector(math.Log(2)))},
	})
}

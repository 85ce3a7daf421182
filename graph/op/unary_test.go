package op_test

import (
	"math"
	"testing"

	"github.com/ildc/ildc/graph"
	"github.com/ildc/ildc/graph/op"
)

func TestUnaryEval(t *testing.T) {
	x := vector(-1.5, -0.5, 0, 0.5, 2.5)
	to := func(d graph.DType) graph.Attrs { return graph.Attrs{"to": int64(d)} }
	checkEvals(t, []evalCase{
		{"Neg", "Neg", nil, one(x), one(vector(1.5, 0.5, 0, -0.5, -2.5))},
		{"Abs", "Abs", nil, one(x), one(vector(1.5, 0.5, 0, 0.5, 2.5))},
		{"Sign", "Sign", nil, one(x), one(vector(-1, -1, 0, 1, 1))},
		{"Floor", "Floor", nil, one(x), one(vector(-2, -1, 0, 0, 2))},
		{"Ceil", "Ceil", nil, one(x), one(vector(-1, 0, 0, 1, 3))},
		{"Round, ties to even", "Round", nil, one(x), one(vector(-2, 0, 0, 0, 2))},
		{"Exp", "Exp", nil, one(vector(0, 1)), one(vector(1, math.E))},
		{"Log", "Log", nil, one(vector(1, math.E)), one(vector(0, 1))},
		{"Sqrt", "Sqrt", nil, one(vector(0, 4)), one(vector(0, 2))},
		{"Reciprocal", "Reciprocal", nil, one(vector(4, -0.5)), one(vector(0.25, -2))},
		{"Erf", "Erf", nil, one(vector(0, 1, -1)), one(vector(0, 0.8427008, -0.8427008))}, // Abramowitz, Stegun, table 7.1
		{"Not", "Not", nil, one(bools([]int{2}, true, false)), one(bools([]int{2}, false, true))},
		{"Identity", "Identity", nil, one(x), one(x)},
		{"Dropout", "Dropout", nil, one(vector(1, 2)), []*graph.Tensor{vector(1, 2), bools([]int{2}, true, true)}},
		{"Cast truncates toward zero", "Cast", to(graph.Int64), one(x), one(graph.Ints(-1, 0, 0, 0, 2))},
		{"Cast to bool", "Cast", to(graph.Bool), one(x), one(bools([]int{5}, true, true, false, true, true))},
		{"Cast of bool", "Cast", to(graph.Float32), one(bools([]int{2}, true, false)), one(vector(1, 0))},
	})
}

func TestUnaryShape(t *testing.T) {
	checkInfers(t, []inferCase{
		{"Relu", "Relu", nil, values(fed("N,3")), "[N,3]", nil},
		{"no input", "Relu", nil, values(nil), "", op.ErrMalformed},
		{"Identity passes elements on", "Identity", nil, values(extents("N,3")), "[2]=[N,3]", nil},
		{"Cast between integers does", "Cast", graph.Attrs{"to": int64(graph.Int32)}, values(extents("N,3")), "[2]=[N,3]",
			nil},
		{"Cast to a type that is not modelled", "Cast", graph.Attrs{"to": int64(17)}, values(fed("N,3")), "[N,3]", nil},
		{"Cast to no type", "Cast", nil, values(fed("3")), "", op.ErrMalformed},
		{"Dropout", "Dropout", nil, values(fed("N,3")), "[N,3] [N,3]", nil},
	})
}

func TestDropoutUpgrade(t *testing.T) {
	x, ratio := vector(1, 2), f32(nil, 0.5)
	training := func(on bool) []*graph.Tensor { return one(x, ratio, bools(nil, on)) }
	checkUpgrades(t, []upgradeCase{
		{"is_test", 6, "Dropout", graph.Attrs{"is_test": int64(1), "ratio": float32(0.5)}, one(x), one(x)},
		{"mask of the input's dtype", 7, "Dropout", graph.Attrs{"ratio": float32(0.5)}, one(x),
			[]*graph.Tensor{x, vector(1, 1)}},
		{"mask of bools", 10, "Dropout", nil, one(x), []*graph.Tensor{x, bools([]int{2}, true, true)}},
		{"ratio as an input", 13, "Dropout", graph.Attrs{"seed": int64(1)}, one(x, ratio), one(x)},
		{"not training", 13, "Dropout", nil, training(false), one(x)},
		{"training", 13, "Dropout", nil, training(true), nil},
	})
}

// A training_mode that a Constant node gives is a constant too.
func TestDropoutTrainingModeFromConstantNode(t *testing.T) {
	for _, training := range []bool{false, true} {
		b := op.NewBuilder(graph.New("dropout"))
		mode := b.Op("Constant", graph.Attrs{"value": bools(nil, training)})
		n := &graph.Node{Op: "Dropout", Inputs: values(b.Input("x", graph.Float32, dims("N")), nil, mode),
			Outputs: values(&graph.Value{})}
		if op.Of(n).Upgrade(b, n, 13); (b.Err() != nil) != training {
			t.Errorf("training_mode %v: %v", training, b.Err())
		}
	}
}

func TestNumbersOnly(t *testing.T) {
	words := &graph.Tensor{DType: graph.String, Dims: []int{2}, Data: []string{"a", "b"}}
	for _, c := range []struct {
		op   string
		in   []*graph.Tensor
		want bool
	}{
		{"Add", one(words, words), false}, {"Equal", one(words, words), false}, {"Relu", one(words), false},
		{"Concat", one(words, words), true}, {"Reshape", one(words, graph.Ints(1, 2)), true},
		{"Where", one(bools([]int{1}, true), words, words), true},
	} {
		n := &graph.Node{Op: c.op, Attrs: graph.Attrs{"axis": int64(0)}, Outputs: values(&graph.Value{})}
		for _, x := range c.in {
			n.Inputs = append(n.Inputs, fixed(x))
		}
		if _, err := op.Of(n).Eval(n, c.in); (err == nil) != c.want {
			t.Errorf("%s of strings: %v", c.op, err)
		}
	}
}

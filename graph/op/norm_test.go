package op_test

import (
	"math"
	"slices"
	"testing"

	"github.com/ildc/ildc/graph"
	"github.com/ildc/ildc/graph/op"
)

func TestNormEval(t *testing.T) {
	eps := graph.Attrs{"epsilon": float32(0)}
	two := func(a, b float64) *graph.Tensor { return f32([]int{2}, a, b) }
	checkEvals(t, []evalCase{
		{
			"BatchNormalization", "BatchNormalization", eps,
			[]*graph.Tensor{counting(1, 1, 2, 2), two(1, 2), two(10, 20), two(1, 3), two(4, 0.25)},
			[]*graph.Tensor{f32([]int{1, 2, 2}, 10, 10.5, 20, 24)},
		},
		{
			"BatchNormalization without spatial axes", "BatchNormalization", eps,
			[]*graph.Tensor{counting(1, 2, 2), two(1, 2), two(10, 20), two(1, 3), two(4, 0.25)},
			[]*graph.Tensor{f32([]int{2, 2}, 10, 16, 11, 24)},
		},
		{ // batch statistics: means 2 and 20, population variances 1 and 100
			"BatchNormTrain", "ildc.BatchNormTrain", graph.Attrs{"epsilon": float32(0), "momentum": float32(0.75)},
			[]*graph.Tensor{f32([]int{2, 2, 1}, 1, 10, 3, 30), two(1, 2), two(0, 5), two(10, 0), two(1, 0)},
			[]*graph.Tensor{f32([]int{2, 2, 1}, -1, 3, 1, 7), two(8, 5), two(1, 25), two(2, 20), two(1, 0.1)},
		},
		{
			"LayerNormalization", "LayerNormalization", eps,
			[]*graph.Tensor{f32([]int{2, 2}, 1, 3, 10, 30), two(1, 2), two(0, 5)},
			[]*graph.Tensor{f32([]int{2, 2}, -1, 7, -1, 7), f32([]int{2, 1}, 2, 20), f32([]int{2, 1}, 1, 0.1)},
		},
		{
			"LayerNormalization over two axes", "LayerNormalization", graph.Attrs{"axis": int64(1), "epsilon": float32(0)},
			[]*graph.Tensor{f32([]int{1, 2, 2}, 1, 3, 1, 3), filled(2, 2, 2)},
			[]*graph.Tensor{f32([]int{1, 2, 2}, -2, 2, -2, 2)},
		},
	})
}

func TestNormShape(t *testing.T) {
	n := graph.Sym("batch")
	x, c := graph.Shape{n, graph.D(2), graph.D(3)}, graph.Dims(2)
	checkShapes(t, []shapeCase{
		{"BatchNormalization", "BatchNormalization", nil, []graph.Shape{x, c, c, c, c}, x, nil},
		{"a parameter too long", "BatchNormalization", nil, []graph.Shape{x, c, c, graph.Dims(3), c}, nil, op.ErrMalformed},
		{"rank 1", "BatchNormalization", nil, []graph.Shape{c, c, c, c, c}, nil, op.ErrMalformed},
		{"statistics per position", "BatchNormalization", graph.Attrs{"spatial": int64(0)}, []graph.Shape{x, c, c, c, c},
			nil, op.ErrUnsupported},
		{"LayerNormalization", "LayerNormalization", nil, []graph.Shape{x, graph.Dims(3)}, x, nil},
		{"axis", "LayerNormalization", graph.Attrs{"axis": int64(3)}, []graph.Shape{x, graph.Dims(3)}, nil, op.ErrMalformed},
		{"a scale over other axes", "LayerNormalization", nil, []graph.Shape{x, graph.Dims(2, 3)}, nil, op.ErrMalformed},
	})
}

func TestNormGrad(t *testing.T) {
	params := func(x *graph.Tensor) []*graph.Tensor {
		c := x.Dims[1]
		return []*graph.Tensor{x, random(2, c), random(3, c), random(4, c), positive(5, c)}
	}
	checkGrads(t, []gradCase{
		{name: "BatchNormalization", op: "BatchNormalization", in: params(random(1, 2, 2, 2, 3))},
		{name: "BatchNormalization [N,C]", op: "BatchNormalization", attrs: graph.Attrs{"epsilon": float32(0.5)},
			in: params(random(1, 3, 2))},
		{name: "BatchNormTrain", op: "ildc.BatchNormTrain", in: params(random(1, 2, 2, 2, 3)), outputs: 5, counted: 1,
			fixed: 2},
		{name: "BatchNormTrain [N,C]", op: "ildc.BatchNormTrain", attrs: graph.Attrs{"epsilon": float32(0.5)},
			in: params(random(1, 4, 2)), outputs: 5, counted: 1, fixed: 2},
		{name: "LayerNormalization", op: "LayerNormalization", in: []*graph.Tensor{random(1, 2, 2, 4), random(2, 4),
			random(3, 4)}},
		{name: "LayerNormalization over two axes", op: "LayerNormalization", attrs: graph.Attrs{"axis": int64(-2),
			"epsilon": float32(0.1)}, in: []*graph.Tensor{random(1, 2, 3, 2), random(2, 2), random(3, 3, 1)}},
	})
}

// In float32 with means a thousand times the deviation, E[x²] − E[x]² is off by about 1000²·2⁻²⁴, 6 % of the variance;
// from centred values the error is that of the mean, 2⁻²⁴·1000 of a deviation, squared in the variance and as it is in
// Y.
func TestBatchNormTrainLargeMeans(t *testing.T) {
	x := random(1, 8, 2, 4, 4).Values()
	for i := range x {
		x[i] += 1000
	}
	in := []*graph.Tensor{f32([]int{8, 2, 4, 4}, x...), filled(1, 2), filled(0, 2), filled(0, 2), filled(1, 2)}
	b := op.NewBuilder(graph.New("exact"))
	n := b.Ops("ildc.BatchNormTrain", 5, nil, b.Const("x", in[0]), b.Const("s", in[1]), b.Const("b", in[2]),
		b.Const("m", in[3]), b.Const("v", in[4]))[0].Producer
	want, err := op.Of(n).Eval(n, in)
	if err != nil {
		t.Fatal(err)
	}
	checkLowered(t, "ildc.BatchNormTrain", nil, in, want, 1e-3)
}

// What is exported in training form is taken as inference, with the statistics as they are.
func TestBatchNormUpgrade(t *testing.T) {
	for _, c := range []struct {
		name    string
		attrs   graph.Attrs
		outputs int
		keep    bool
	}{
		{"today's", graph.Attrs{"epsilon": float32(1e-3)}, 1, true},
		{"opset 6", graph.Attrs{"is_test": int64(0), "consumed_inputs": []int64{0, 0, 0, 1, 1}, "spatial": int64(1)}, 1,
			false},
		{"opset 7 with statistics", graph.Attrs{"momentum": float32(0.8)}, 5, false},
		{"training_mode", graph.Attrs{"training_mode": int64(1)}, 3, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := op.NewBuilder(graph.New(c.name))
			in := []*graph.Value{b.Input("x", graph.Float32, graph.Dims(2, 3, 4))}
			for range 4 {
				in = append(in, b.Const("p", filled(1, 3)))
			}
			n := b.Ops("BatchNormalization", c.outputs, c.attrs, in...)[0].Producer
			up := op.Of(n).Upgrade(b, n, 9)
			if b.Err() != nil {
				t.Fatal(b.Err())
			}
			if c.keep {
				if up != nil {
					t.Errorf("upgraded to %v, although it has today's form", up)
				}
				return
			}
			if len(up) != c.outputs {
				t.Fatalf("%d outputs, want %d", len(up), c.outputs)
			}
			m := up[0].Producer
			for _, gone := range []string{"is_test", "consumed_inputs", "spatial", "training_mode"} {
				if m.Has(gone) {
					t.Errorf("%s is still there", gone)
				}
			}
			if m.Op != "BatchNormalization" || len(m.Outputs) != 1 || m.Has("momentum") != n.Has("momentum") {
				t.Errorf("upgraded to %s %v", m.Op, m.Attrs)
			}
			if c.outputs > 2 && (up[1] != in[3] || up[2] != in[4]) {
				t.Error("the statistics are not those that were given")
			}
		})
	}
}

func TestBatchNormTrainingForm(t *testing.T) {
	b := op.NewBuilder(graph.New("train"))
	in := []*graph.Value{b.Input("x", graph.Float32, graph.Dims(2, 3))}
	for range 4 {
		in = append(in, b.Const("p", filled(1, 3)))
	}
	n := b.Op("BatchNormalization", graph.Attrs{"epsilon": float32(math.Exp2(-10)), "momentum": float32(0.5)},
		in...).Producer
	out, next := op.Of(n).Train(b, n)
	if b.Err() != nil || len(out) != 1 || len(next) != 2 {
		t.Fatalf("outputs %v, next %v, error %v", out, next, b.Err())
	}
	m := out[0].Producer
	if m.OpName() != "ildc.BatchNormTrain" || m.Float("epsilon", 0) != math.Exp2(-10) || m.Float("momentum", 0) != 0.5 {
		t.Errorf("%s %v", m.OpName(), m.Attrs)
	}
	if i, j := slices.Index(m.Outputs, next[3]), slices.Index(m.Outputs, next[4]); i != 1 || j != 2 {
		t.Errorf("running mean and variance are followed by outputs %d and %d, want 1 and 2", i, j)
	}
}

package op_test

import (
	"testing"

	"github.com/ildc/ildc/graph"
	"github.com/ildc/ildc/graph/op"
)

func TestLinearEval(t *testing.T) {
	checkEvals(t, []evalCase{
		{"matrices", "MatMul", nil, []*graph.Tensor{counting(1, 2, 2), f32([]int{2, 3}, 1, 0, 2, 0, 1, 3)},
			[]*graph.Tensor{f32([]int{2, 3}, 1, 2, 8, 3, 4, 18)}},
		{"vectors", "MatMul", nil, []*graph.Tensor{counting(1, 3), counting(1, 3)}, []*graph.Tensor{f32([]int{}, 14)}},
		{"row", "MatMul", nil, []*graph.Tensor{counting(1, 2), counting(1, 2, 2)}, []*graph.Tensor{f32([]int{2}, 7, 10)}},
		{"column", "MatMul", nil, []*graph.Tensor{counting(1, 2, 2), counting(1, 2)}, []*graph.Tensor{f32([]int{2}, 5, 11)}},
		{
			"batches broadcast", "MatMul", nil, []*graph.Tensor{counting(1, 2, 1, 1, 2), counting(1, 3, 2, 1)},
			[]*graph.Tensor{f32([]int{2, 3, 1, 1}, 5, 11, 17, 11, 25, 39)},
		},
		{
			"Gemm", "Gemm", graph.Attrs{"alpha": float32(2), "beta": float32(0.5), "transB": int64(1)},
			[]*graph.Tensor{counting(1, 1, 2), counting(1, 3, 2), f32([]int{3}, 10, 20, 30)},
			[]*graph.Tensor{f32([]int{1, 3}, 15, 32, 49)},
		},
		{
			"Gemm transposed, C a column", "Gemm", graph.Attrs{"transA": int64(1)},
			[]*graph.Tensor{counting(1, 1, 2), counting(1, 1, 2), f32([]int{2, 1}, 10, 20)},
			[]*graph.Tensor{f32([]int{2, 2}, 11, 12, 22, 24)},
		},
	})
}

func TestLinearShape(t *testing.T) {
	n := graph.Sym("batch")
	checkShapes(t, []shapeCase{
		{"symbolic rows", "MatMul", nil, []graph.Shape{{n, graph.D(3)}, graph.Dims(3, 2)}, graph.Shape{n, graph.D(2)}, nil},
		{"symbolic batch", "MatMul", nil, []graph.Shape{{n, graph.D(5), graph.D(3)}, graph.Dims(3, 2)},
			graph.Shape{n, graph.D(5), graph.D(2)}, nil},
		{"inner extents", "MatMul", nil, []graph.Shape{graph.Dims(1, 3), graph.Dims(2, 3)}, nil, op.ErrMalformed},
		{"scalar", "MatMul", nil, []graph.Shape{graph.Dims(1, 3), {}}, nil, op.ErrMalformed},
		{"batches", "MatMul", nil, []graph.Shape{graph.Dims(2, 1, 3), graph.Dims(3, 3, 1)}, nil, op.ErrMalformed},
		{"Gemm", "Gemm", nil, []graph.Shape{{n, graph.D(3)}, graph.Dims(3, 2), graph.Dims(2)}, graph.Shape{n, graph.D(2)},
			nil},
		{"Gemm of unknown rank", "Gemm", nil, []graph.Shape{nil, graph.Dims(3, 2)}, graph.Shape{graph.Unknown, graph.D(2)},
			nil},
		{"Gemm of rank 3", "Gemm", nil, []graph.Shape{graph.Dims(1, 1, 3), graph.Dims(3, 2)}, nil, op.ErrMalformed},
		{"Gemm with a wide C", "Gemm", nil, []graph.Shape{graph.Dims(1, 3), graph.Dims(3, 2), graph.Dims(3)}, nil,
			op.ErrMalformed},
	})
}

func TestLinearGrad(t *testing.T) {
	cases := []gradCase{
		{name: "matrices", op: "MatMul", in: []*graph.Tensor{random(1, 2, 3), random(2, 3, 4)}},
		{name: "vectors", op: "MatMul", in: []*graph.Tensor{random(1, 3), random(2, 3)}},
		{name: "row", op: "MatMul", in: []*graph.Tensor{random(1, 3), random(2, 3, 2)}},
		{name: "row by matrices", op: "MatMul", in: []*graph.Tensor{random(1, 3), random(2, 2, 3, 2)}},
		{name: "column", op: "MatMul", in: []*graph.Tensor{random(1, 2, 2, 3), random(2, 3)}},
		{name: "shared matrix", op: "MatMul", in: []*graph.Tensor{random(1, 2, 2, 3), random(2, 3, 2)}},
		{name: "batches", op: "MatMul", in: []*graph.Tensor{random(1, 2, 2, 3), random(2, 2, 3, 2)}},
		{name: "batches broadcast", op: "MatMul", in: []*graph.Tensor{random(1, 2, 1, 2, 3), random(2, 4, 3, 2)}},
		{name: "matrix by batch", op: "MatMul", in: []*graph.Tensor{random(1, 2, 3), random(2, 2, 3, 2)}},
	}
	for _, trans := range [][2]int64{{0, 0}, {0, 1}, {1, 0}, {1, 1}} {
		a, b := []int{2, 3}, []int{3, 4}
		if trans[0] == 1 {
			a = []int{3, 2}
		}
		if trans[1] == 1 {
			b = []int{4, 3}
		}
		attrs := graph.Attrs{"transA": trans[0], "transB": trans[1], "alpha": float32(0.5), "beta": float32(2)}
		cases = append(cases,
			gradCase{name: "Gemm", op: "Gemm", attrs: attrs, in: []*graph.Tensor{random(1, a...), random(2, b...),
				random(3, 4)}},
			gradCase{name: "Gemm without C", op: "Gemm", attrs: attrs, in: []*graph.Tensor{random(1, a...), random(2, b...)}})
	}
	checkGrads(t, append(cases,
		gradCase{name: "C a column", op: "Gemm", in: []*graph.Tensor{random(1, 2, 3), random(2, 3, 4), random(3, 2, 1)}},
		gradCase{name: "C a scalar", op: "Gemm", in: []*graph.Tensor{random(1, 2, 3), random(2, 3, 4), random(3)}}))
}

func TestGemmUpgradeDropsBroadcast(t *testing.T) {
	b := op.NewBuilder(graph.New("opset 6"))
	x, w, c := b.Input("x", graph.Float32, graph.Dims(2, 3)), b.Const("w", filled(1, 3, 4)), b.Const("c", filled(1, 4))
	n := b.Op("Gemm", graph.Attrs{"broadcast": int64(1), "alpha": float32(2)}, x, w, c).Producer
	up := op.Of(n).Upgrade(b, n, 6)
	if b.Err() != nil || len(up) != 1 {
		t.Fatalf("upgraded to %v, %v", up, b.Err())
	}
	if m := up[0].Producer; m.Has("broadcast") || m.Float("alpha", 1) != 2 || m.Input(2) != c {
		t.Errorf("upgraded to %v", m.Attrs)
	}
	if again := op.Of(n).Upgrade(b, up[0].Producer, 7); again != nil {
		t.Errorf("today's form is upgraded to %v", again)
	}
}

// A weight that is computed from constants is a source of channels; one that is computed from an input is not.
func TestMatMulSource(t *testing.T) {
	for _, constant := range []bool{true, false} {
		b := op.NewBuilder(graph.New("source"))
		x, w := b.Input("x", graph.Float32, graph.Dims(2, 3)), b.Input("w", graph.Float32, graph.Dims(4, 3))
		if constant {
			w = b.Const("v", filled(1, 4, 3))
		}
		w = b.Op("Transpose", graph.Attrs{"perm": []int64{1, 0}}, w)
		y := b.Op("MatMul", nil, x, w)
		if b.Err() != nil {
			t.Fatal(b.Err())
		}
		c := op.NewCoupling()
		c.Apply(w.Producer)
		c.Apply(y.Producer)
		if removable, why := c.Removable(c.Class(op.AxisRef{Value: y, Axis: 1}, 0)); removable != constant {
			t.Errorf("constant %v: a column may be removed: %v (%s)", constant, removable, why)
		}
	}
}

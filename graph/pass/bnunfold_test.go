package pass_test

import (
	"math/rand/v2"
	"testing"

	"github.com/ildc/ildc/graph"
	"github.com/ildc/ildc/graph/op"
	"github.com/ildc/ildc/graph/pass"
)

// Unfolding leaves the function as it was, and folding again gives the same graph with the same names.
func TestUnfoldBatchNorm(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 1))
	weights := func(dims ...int) *graph.Tensor {
		data := make([]float32, graph.Product(dims))
		for i := range data {
			data[i] = float32(random.NormFloat64())
		}
		return graph.FromFloat32(dims, data)
	}
	g := graph.New("conv")
	g.Opsets[""] = 13
	b := op.NewBuilder(g)
	x := b.Input("x", graph.Float32, graph.Dims(2, 3, 5, 5))
	y := b.Op("Conv", graph.Attrs{"kernel_shape": []int64{3, 3}}, x, b.Const("w1", weights(4, 3, 3, 3)),
		b.Const("b1", weights(4)))
	y = b.Op("Conv", graph.Attrs{"kernel_shape": []int64{3, 3}}, b.Op("Mul", nil, y, y),
		b.Const("w2", weights(4, 4, 3, 3)))
	b.Output(b.Op("Mul", nil, y, y))
	if err := b.Err(); err != nil {
		t.Fatal(err)
	}
	in := map[string]*graph.Tensor{"x": weights(2, 3, 5, 5)}
	original, _ := g.Clone()
	before := g.ByName()

	moments := map[*graph.Value]pass.Moments{}
	for _, v := range pass.Unfoldable(g) {
		m := pass.Moments{}
		for range 4 {
			m.Mean = append(m.Mean, random.NormFloat64())
			m.Variance = append(m.Variance, random.Float64())
		}
		moments[v] = m
	}
	if len(moments) != 2 {
		t.Fatalf("%d outputs can be unfolded: want 2", len(moments))
	}
	pass.UnfoldBatchNorm(g, moments)
	check := func() {
		t.Helper()
		if err := g.Check(); err != nil {
			t.Fatal(err)
		}
		if err := same(g, original, in, 1e-4); err != nil { // float32 weights, divided and multiplied by deviations
			t.Error(err)
		}
	}
	check()
	if len(pass.Unfoldable(g)) != 0 {
		t.Error("a normalised output would be unfolded again")
	}
	if n := pass.FoldBatchNorm(g); n != 2 {
		t.Errorf("%d were folded: want 2", n)
	}
	check()
	for _, name := range []string{"w1", "b1", "w2", g.Nodes[0].Outputs[0].Name} {
		if g.ByName()[name] == nil || before[name] == nil {
			t.Errorf("%q is gone", name)
		}
	}
}

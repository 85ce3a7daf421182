package pass_test

import (
	"math"
	"testing"

	"github.com/ildc/ildc/graph"
	"github.com/ildc/ildc/graph/op"
	"github.com/ildc/ildc/graph/pass"
)

// pieces is layer normalisation as exporters spell it out; spoil changes it before the scale is applied.
func pieces(t *testing.T, again, product bool,
	spoil func(b *graph.Builder, centred *graph.Value) *graph.Value) *graph.Graph {
	t.Helper()
	g := graph.New("pieces")
	g.Opsets[""] = op.Opset
	b := op.NewBuilder(g)
	x := b.Op("Relu", nil, b.Input("x", graph.Float32, graph.Dims(2, 3, 4)))
	centre := func() *graph.Value { return b.Op("Sub", nil, x, b.Op("ReduceMean", nil, x, b.Ints(-1))) }
	d := centre()
	e := d
	if again {
		e = centre()
	}
	if spoil != nil {
		e = spoil(b, e)
	}
	square := b.Op("Pow", nil, e, b.Scalar(graph.Float32, 2))
	if product {
		square = b.Op("Mul", nil, e, e)
	}
	variance := b.Op("ReduceMean", nil, square, b.Ints(2))
	std := b.Op("Sqrt", nil, b.Op("Add", nil, variance,
		b.Op("Constant", graph.Attrs{"value": graph.Scalar(graph.Float32, 1e-3)})))
	y := b.Op("Mul", nil, b.Const("scale", graph.FromFloat32([]int{4}, []float32{1, 2, 3, 4})), b.Op("Div", nil, d, std))
	b.Output(b.Op("Add", nil, y, b.Const("bias", graph.FromFloat32([]int{4}, []float32{4, 3, 2, 1}))))
	if err := b.Err(); err != nil {
		t.Fatal(err)
	}
	return g
}

func TestFuseLayerNorm(t *testing.T) {
	x := graph.NewTensor(graph.Float32, 2, 3, 4)
	for i := range x.Float32s() {
		x.Float32s()[i] = float32(math.Sin(float64(3 * i)))
	}
	for _, c := range []struct {
		name           string
		again, product bool
		spoil          func(b *graph.Builder, centred *graph.Value) *graph.Value
		fused          bool
	}{
		{"a power", false, false, nil, true},
		{"a product, centred again", true, true, nil, true},
		{"something else squared", false, false, func(b *graph.Builder, v *graph.Value) *graph.Value {
			return b.Op("Relu", nil, v)
		}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			g := pieces(t, c.again, c.product, c.spoil)
			n, err := pass.Normalise(g)
			if err != nil {
				t.Fatal(err)
			}
			if fused := len(n.Nodes) == 2; fused != c.fused {
				t.Errorf("%d nodes are left", len(n.Nodes))
			}
			// some roundings of float32 between the pieces
			if err := same(n, g, map[string]*graph.Tensor{"x": x}, 1e-5); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestFuseGelu(t *testing.T) {
	for _, c := range []struct {
		name  string
		build func(b *graph.Builder, x *graph.Value, c func(v float64) *graph.Value) *graph.Value
		fused bool
	}{
		{"the half last", func(b *graph.Builder, x *graph.Value, c func(v float64) *graph.Value) *graph.Value {
			gate := b.Op("Add", nil, b.Op("Erf", nil, b.Op("Div", nil, x, c(1.4142135))), c(1))
			return b.Op("Mul", nil, b.Op("Mul", nil, x, gate), c(0.5))
		}, true},
		{"the half first", func(b *graph.Builder, x *graph.Value, c func(v float64) *graph.Value) *graph.Value {
			gate := b.Op("Add", nil, c(1), b.Op("Erf", nil, b.Op("Mul", nil, c(0.70710677), x)))
			return b.Op("Mul", nil, gate, b.Op("Mul", nil, c(0.5), x))
		}, true},
		{"another scale", func(b *graph.Builder, x *graph.Value, c func(v float64) *graph.Value) *graph.Value {
			gate := b.Op("Add", nil, b.Op("Erf", nil, b.Op("Div", nil, x, c(2))), c(1))
			return b.Op("Mul", nil, b.Op("Mul", nil, x, gate), c(0.5))
		}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			g := graph.New(c.name)
			g.Opsets[""] = op.Opset
			b := op.NewBuilder(g)
			x := b.Op("Neg", nil, b.Input("x", graph.Float32, graph.Dims(3)))
			b.Output(c.build(b, x, func(v float64) *graph.Value { return b.Scalar(graph.Float32, v) }))
			if err := b.Err(); err != nil {
				t.Fatal(err)
			}
			n, err := pass.Normalise(g)
			if err != nil {
				t.Fatal(err)
			}
			if fused := len(n.Nodes) == 2; fused != c.fused {
				t.Errorf("%d nodes are left", len(n.Nodes))
			}
			in := map[string]*graph.Tensor{"x": graph.FromFloat32([]int{3}, []float32{-1, 0.5, 2})}
			if err := same(n, g, in, 1e-6); err != nil {
				t.Error(err)
			}
		})
	}
}

package pass_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/ildc/ildc/graph"
	"github.com/ildc/ildc/graph/op"
	"github.com/ildc/ildc/graph/pass"
)

func TestFoldBatchNorm(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	tensor := func(dims ...int) *graph.Tensor {
		data := make([]float64, graph.Product(dims))
		for i := range data {
			data[i] = random.NormFloat64()
		}
		return graph.FromValues(graph.Float32, dims, data)
	}
	positive := func(dims ...int) *graph.Tensor {
		data := tensor(dims...).Values()
		for i := range data {
			data[i] = 0.1 + math.Abs(data[i])
		}
		return graph.FromValues(graph.Float32, dims, data)
	}
	norm := func(b *graph.Builder, x *graph.Value, channels int) *graph.Value {
		return b.Op("BatchNormalization", graph.Attrs{"epsilon": float32(1e-3)}, x, b.Const("scale", tensor(channels)),
			b.Const("B", tensor(channels)), b.Const("mean", tensor(channels)), b.Const("var", positive(channels)))
	}
	pads := graph.Attrs{"pads": []int64{1, 1, 1, 1}}
	grouped := graph.Attrs{"group": int64(2)}
	image, row := []int{2, 4, 5, 5}, []int{3, 4}
	tests := []struct {
		name   string
		input  []int
		build  func(b *graph.Builder, x *graph.Value) *graph.Value
		folded int
		nodes  int // after folding
		consts int
	}{
		{"conv without bias", image, func(b *graph.Builder, x *graph.Value) *graph.Value {
			return norm(b, b.Op("Conv", pads, x, b.Const("w", tensor(6, 4, 3, 3))), 6)
		}, 1, 1, 2},
		{"grouped conv with bias", image, func(b *graph.Builder, x *graph.Value) *graph.Value {
			return norm(b, b.Op("Conv", grouped, x, b.Const("w", tensor(6, 2, 3, 3)), b.Const("b", tensor(6))), 6)
		}, 1, 1, 2},
		{"transposed conv in groups", image, func(b *graph.Builder, x *graph.Value) *graph.Value {
			return norm(b, b.Op("ConvTranspose", grouped, x, b.Const("w", tensor(4, 3, 2, 2))), 6)
		}, 1, 1, 2},
		{"gemm", row, func(b *graph.Builder, x *graph.Value) *graph.Value {
			return norm(b, b.Op("Gemm", graph.Attrs{"alpha": float32(0.5), "beta": float32(2)}, x, b.Const("w", tensor(4, 6)),
				b.Const("c", tensor(6))), 6)
		}, 1, 1, 2},
		{"gemm, transposed, with a single number for bias", row, func(b *graph.Builder, x *graph.Value) *graph.Value {
			return norm(b, b.Op("Gemm", graph.Attrs{"transB": int64(1)}, x, b.Const("w", tensor(6, 4)),
				b.Const("c", tensor(1, 1))), 6)
		}, 1, 1, 2},
		{"matrix product", row, func(b *graph.Builder, x *graph.Value) *graph.Value {
			return norm(b, b.Op("MatMul", nil, x, b.Const("w", tensor(4, 6))), 6)
		}, 1, 1, 2},
		{"two in a row", image, func(b *graph.Builder, x *graph.Value) *graph.Value {
			return norm(b, norm(b, b.Op("Conv", pads, x, b.Const("w", tensor(6, 4, 3, 3))), 6), 6)
		}, 2, 1, 2},
		{"tied weight", image, func(b *graph.Builder, x *graph.Value) *graph.Value {
			w := b.Const("w", tensor(4, 4, 3, 3))
			return norm(b, b.Op("Conv", pads, norm(b, b.Op("Conv", pads, x, w), 4), w), 4)
		}, 2, 2, 4},
		{"weight that is not folded is untouched", image, func(b *graph.Builder, x *graph.Value) *graph.Value {
			w := b.Const("w", tensor(4, 4, 3, 3))
			return b.Op("Conv", pads, norm(b, b.Op("Conv", pads, x, w), 4), w)
		}, 1, 2, 3},
		{"product of stacked matrices", []int{2, 4, 4}, func(b *graph.Builder, x *graph.Value) *graph.Value {
			return norm(b, b.Op("MatMul", nil, x, b.Const("w", tensor(4, 4))), 4)
		}, 0, 2, 5},
		{"another reader", image, func(b *graph.Builder, x *graph.Value) *graph.Value {
			c := b.Op("Conv", pads, x, b.Const("w", tensor(4, 4, 3, 3)))
			return b.Op("Add", nil, norm(b, c, 4), c)
		}, 0, 3, 5},
		{"nothing linear before it", image, func(b *graph.Builder, x *graph.Value) *graph.Value {
			return norm(b, b.Op("Add", nil, x, x), 4)
		}, 0, 2, 4},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			g := graph.New("test")
			g.Opsets[""] = op.Opset
			b := op.NewBuilder(g)
			y := test.build(b, b.Input("x", graph.Float32, graph.Dims(test.input...)))
			b.Output(y)
			if err := b.Err(); err != nil {
				t.Fatal(err)
			}
			original, _ := g.Clone()
			if n := pass.FoldBatchNorm(g); n != test.folded || len(g.Nodes) != test.nodes || len(g.Initializers) != test.consts {
				t.Errorf("folded %d, left %d nodes and %d constants; want %d, %d and %d", n, len(g.Nodes), len(g.Initializers),
					test.folded, test.nodes, test.consts)
			}
			if err := g.Check(); err != nil {
				t.Fatal(err)
			}
			if g.Outputs[0] != y {
				t.Errorf("the output is %q now, it was %q", g.Outputs[0].Name, y.Name)
			}
			// Folded weights and values in between are rounded to float32 at other places: some 2⁻²⁴ of the largest term each.
			if err := same(g, original, map[string]*graph.Tensor{"x": tensor(test.input...)}, 1e-5); err != nil {
				t.Error(err)
			}
		})
	}
}

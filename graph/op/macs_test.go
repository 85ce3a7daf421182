package op_test

import (
	"testing"

	"github.com/ildc/ildc/graph"
	"github.com/ildc/ildc/graph/op"
)

func TestMACs(t *testing.T) {
	same := graph.Attrs{"pads": []int64{1, 1, 1, 1}}
	with := func(shape ...int64) graph.Attrs {
		return graph.Attrs{"pads": []int64{1, 1, 1, 1}, "shape": shape}
	}
	const conv = 2 * 16 * 8 * 8 * 3 * 9 // N·O·H·W·C·k²
	for _, c := range []struct {
		name  string
		op    string
		attrs graph.Attrs
		a, b  []int
		want  int64
	}{
		{"Conv", "Conv", same, []int{2, 3, 8, 8}, []int{16, 3, 3, 3}, conv},
		{"depthwise", "Conv", graph.Attrs{"group": int64(4)}, []int{1, 4, 5, 5}, []int{8, 1, 3, 3}, 8 * 3 * 3 * 9},
		{"ConvTranspose", "ConvTranspose", graph.Attrs{"strides": []int64{2, 2}}, []int{1, 4, 5, 5}, []int{4, 3, 2, 2},
			4 * 25 * 3 * 4},
		{"input gradient", "ildc.ConvGradInput", with(2, 3, 8, 8), []int{2, 16, 8, 8}, []int{16, 3, 3, 3}, conv},
		{"weight gradient", "ildc.ConvGradWeight", with(16, 3, 3, 3), []int{2, 16, 8, 8}, []int{2, 3, 8, 8}, conv},
		{"MatMul", "MatMul", nil, []int{2, 5, 3}, []int{3, 4}, 2 * 5 * 3 * 4},
		{"inner product", "MatMul", nil, []int{3}, []int{3}, 3},
		{"Gemm", "Gemm", graph.Attrs{"transA": int64(1)}, []int{3, 2}, []int{3, 4}, 2 * 3 * 4},
	} {
		b := op.NewBuilder(graph.New(c.name))
		y := b.Op(c.op, c.attrs, b.Input("a", graph.Float32, graph.Dims(c.a...)),
			b.Input("b", graph.Float32, graph.Dims(c.b...)))
		if err := b.Err(); err != nil {
			t.Fatal(err)
		}
		if got := op.Of(y.Producer).MACs(y.Producer); got != c.want {
			t.Errorf("%s: %d MACs, want %d", c.name, got, c.want)
		}
	}
}

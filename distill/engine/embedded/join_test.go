package embedded

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/ildc/ildc/graph"
	"github.com/ildc/ildc/graph/op"
	"github.com/ildc/ildc/graph/pass"
)

// joinCase is a graph of a map x [2,3,4,4], and the ops that it is made of when it is joined.
type joinCase struct {
	name  string
	build func(b *graph.Builder, x *graph.Value) []*graph.Value // outputs
	want  []string
}

func joinCases() []joinCase {
	conv := func(b *graph.Builder, x *graph.Value) *graph.Value {
		return b.Op("Conv", graph.Attrs{"pads": []int64{1, 1, 1, 1}}, x, b.Const("w", normal(3, 3, 3, 3)))
	}
	norm := func(b *graph.Builder, x *graph.Value) []*graph.Value {
		params := []*graph.Value{x}
		for range 3 {
			params = append(params, b.Const("p", normal(3)))
		}
		variance := b.Const("v", graph.FromFloat32([]int{3}, []float32{1, 2, 3}))
		return b.Ops("ildc.BatchNormTrain", 5, nil, append(params, variance)...)
	}
	zero := func(b *graph.Builder) *graph.Value { return b.Scalar(graph.Float32, 0) }
	return []joinCase{
		{"convolution, sum, activation", func(b *graph.Builder, x *graph.Value) []*graph.Value {
			return []*graph.Value{b.Op("Relu", nil, b.Op("Add", nil, x, conv(b, x)))}
		}, []string{"ildc.FusedConv"}},
		{"convolution and bounds", func(b *graph.Builder, x *graph.Value) []*graph.Value {
			return []*graph.Value{b.Op("Clip", nil, conv(b, x), zero(b), b.Scalar(graph.Float32, 1))}
		}, []string{"ildc.FusedConv"}},
		{"two convolutions and their sum", func(b *graph.Builder, x *graph.Value) []*graph.Value {
			return []*graph.Value{b.Op("Relu", nil, b.Op("Add", nil, conv(b, x), conv(b, x)))}
		}, []string{"Conv", "ildc.FusedConv"}},
		{"two sums", func(b *graph.Builder, x *graph.Value) []*graph.Value {
			return []*graph.Value{b.Op("Add", nil, x, b.Op("Add", nil, conv(b, x), x))}
		}, []string{"ildc.FusedConv", "Add"}},
		{"what is read twice", func(b *graph.Builder, x *graph.Value) []*graph.Value {
			v := conv(b, x)
			return []*graph.Value{b.Op("Relu", nil, v), b.Op("Neg", nil, v)}
		}, []string{"Conv", "Relu", "Neg"}},
		{"what is an output", func(b *graph.Builder, x *graph.Value) []*graph.Value {
			v := conv(b, x)
			return []*graph.Value{b.Op("Relu", nil, v), v}
		}, []string{"Conv", "Relu"}},
		{"a sum that spreads", func(b *graph.Builder, x *graph.Value) []*graph.Value {
			return []*graph.Value{b.Op("Add", nil, conv(b, x), b.Op("ReduceMax", nil, x, b.Ints(2, 3)))}
		}, []string{"Conv", "ReduceMax", "Add"}},
		{"bounds that are computed", func(b *graph.Builder, x *graph.Value) []*graph.Value {
			return []*graph.Value{b.Op("Clip", nil, conv(b, x), b.Op("ReduceMin", graph.Attrs{"keepdims": int64(0)}, x))}
		}, []string{"Conv", "ReduceMin", "Clip"}},
		{"a step", func(b *graph.Builder, x *graph.Value) []*graph.Value {
			n := norm(b, conv(b, x))
			y := b.Op("Relu", nil, b.Op("Add", nil, n[0], x))
			dy := b.Op("Mul", nil, y, y)
			dz := b.Op("ildc.MaskGrad", nil, dy, b.Op("Greater", nil, y, zero(b)))
			g := b.Ops("ildc.BatchNormGrad", 3, nil, dz, n[0].Producer.Inputs[0], n[0].Producer.Inputs[1], n[3], n[4])
			return append(g, b.Op("Add", nil, dz, g[0]), n[1], n[2])
		}, []string{"Conv", "ildc.FusedBatchNormTrain", "Mul", "ildc.FusedBatchNormGrad", "Add"}},
		{"the gradients of two branches", func(b *graph.Builder, x *graph.Value) []*graph.Value {
			attrs := graph.Attrs{"pads": []int64{1, 1, 1, 1}, "shape": []int64{2, 3, 4, 4}}
			return []*graph.Value{b.Op("Add", nil, x, b.Op("ildc.ConvGradInput", attrs, x, b.Const("w", normal(3, 3, 3, 3))))}
		}, []string{"ildc.FusedConvGradInput"}},
		{"a gradient between bounds", func(b *graph.Builder, x *graph.Value) []*graph.Value {
			y := b.Op("Tanh", nil, x)
			inside := b.Op("And", nil, b.Op("Greater", nil, y, b.Scalar(graph.Float32, -0.5)),
				b.Op("Less", nil, y, b.Scalar(graph.Float32, 0.5)))
			return []*graph.Value{b.Op("ildc.MaskGrad", nil, x, inside)}
		}, []string{"Tanh", "ildc.ClampGrad"}},
		{"a mask of two values", func(b *graph.Builder, x *graph.Value) []*graph.Value {
			inside := b.Op("And", nil, b.Op("Greater", nil, x, zero(b)), b.Op("Less", nil, b.Op("Tanh", nil, x), zero(b)))
			return []*graph.Value{b.Op("ildc.MaskGrad", nil, x, inside)}
		}, []string{"Greater", "Tanh", "Less", "And", "ildc.MaskGrad"}},
		{"statistics that are read before the sum", func(b *graph.Builder, x *graph.Value) []*graph.Value {
			n := norm(b, x)
			return []*graph.Value{b.Op("Add", nil, n[0], b.Op("Mul", nil, x, b.Op("Reshape", nil, n[3], b.Ints(3, 1, 1))))}
		}, []string{"ildc.BatchNormTrain", "Reshape", "Mul", "Add"}},
	}
}

// TestJoin compares what graphs give before and after, and the ops that they are then made of.
func TestJoin(t *testing.T) {
	for _, c := range joinCases() {
		t.Run(c.name, func(t *testing.T) {
			b := op.NewBuilder(graph.New(c.name))
			b.Graph().Opsets[""], b.Graph().Opsets[op.Macro] = op.Opset, 1
			x := b.Input("x", graph.Float32, graph.Dims(2, 3, 4, 4))
			b.Output(c.build(b, x)...)
			if err := b.Err(); err != nil {
				t.Fatal(err)
			}
			feeds := map[string]*graph.Tensor{"x": normal(2, 3, 4, 4)}
			want, err := pass.Eval(b.Graph(), feeds)
			if err != nil {
				t.Fatal(err)
			}
			g, _ := b.Graph().Clone()
			if err := join(g); err != nil {
				t.Fatal(err)
			}
			var ops []string
			for _, n := range g.Nodes {
				ops = append(ops, n.OpName())
			}
			if !slices.Equal(ops, c.want) {
				t.Errorf("%q, want %q", ops, c.want)
			}
			got, err := pass.Eval(g, feeds)
			if err != nil {
				t.Fatal(err)
			}
			for name, w := range want {
				values := got[name].Values()
				for i, v := range w.Values() {
					if math.Abs(values[i]-v) > 1e-6*max(1, math.Abs(v)) { // one rounding to float32 less
						t.Fatalf("%s: element %d is %v, want %v", name, i, values[i], v)
					}
				}
			}
		})
	}
}

func normal(dims ...int) *graph.Tensor {
	r := rand.New(rand.NewPCG(1, uint64(len(dims))))
	v := make([]float32, graph.Product(dims))
	for i := range v {
		v[i] = float32(r.NormFloat64())
	}
	return graph.FromFloat32(dims, v)
}

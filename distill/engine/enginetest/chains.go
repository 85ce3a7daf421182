package enginetest

import (
	"testing"

	"github.com/ildc/ildc/distill/engine"
	"github.com/ildc/ildc/graph"
	"github.com/ildc/ildc/graph/op"
	"github.com/ildc/ildc/graph/pass"
)

// chains compares, with the reference, ops that stand between two convolutions of many channels, which an engine may run in a layout of its own; what
// an op gives is an output of the graph, too.
func chains(t *testing.T, e engine.Engine) {
	const n, channels, size = 16, 26, 4
	keep := func(axes ...int64) func(b *graph.Builder, v *graph.Value) *graph.Value {
		return func(b *graph.Builder, v *graph.Value) *graph.Value {
			return b.Op("Mul", nil, v, b.Op("ReduceSumSquare", nil, v, b.Ints(axes...)))
		}
	}
	unary := func(op string) func(b *graph.Builder, v *graph.Value) *graph.Value {
		return func(b *graph.Builder, v *graph.Value) *graph.Value { return b.Op(op, nil, v) }
	}
	binary := func(op string, other *graph.Tensor) func(b *graph.Builder, v *graph.Value) *graph.Value {
		return func(b *graph.Builder, v *graph.Value) *graph.Value { return b.Op(op, nil, v, b.Const("other", other)) }
	}
	for name, f := range map[string]func(b *graph.Builder, v *graph.Value) *graph.Value{
		"Relu": unary("Relu"), "LeakyRelu": unary("LeakyRelu"), "Tanh": unary("Tanh"), "Neg": unary("Neg"), "Identity": unary("Identity"), "Sigmoid": unary("Sigmoid"),
		"squares by sample": keep(1, 2, 3), "squares by position": keep(1), "squares by channel": keep(0, 2, 3),
		"a map more": binary("Add", normal(n, channels, size, size)), "a map less": binary("Sub", normal(n, channels, size, size)),
		"times a map": binary("Mul", normal(n, channels, size, size)), "times a number": binary("Mul", scalar(3)), "plus a number": binary("Add", scalar(3)),
		"by channel": binary("Mul", normal(channels, 1, 1)), "by sample": binary("Mul", normal(n, 1, 1, 1)), "by position": binary("Mul", normal(n, 1, size, size)),
		"by row": binary("Mul", normal(n, 1, size, 1)),
		"sum by channel": func(b *graph.Builder, v *graph.Value) *graph.Value {
			return b.Op("Mul", nil, v, b.Op("ReduceSum", nil, v, b.Ints(0, 2, 3)))
		},
		"Relu of a sum": func(b *graph.Builder, v *graph.Value) *graph.Value {
			return b.Op("Relu", nil, b.Op("Add", nil, v, b.Op("Tanh", nil, v)))
		},
		"masked": func(b *graph.Builder, v *graph.Value) *graph.Value {
			return b.Op("ildc.MaskGrad", nil, v, b.Op("Greater", nil, b.Op("Tanh", nil, v), b.Scalar(graph.Float32, 0.25)))
		},
		"masked by an interval": func(b *graph.Builder, v *graph.Value) *graph.Value {
			inside := b.Op("And", nil, b.Op("Greater", nil, v, b.Scalar(graph.Float32, -1)), b.Op("Less", nil, v, b.Scalar(graph.Float32, 2)))
			return b.Op("ildc.MaskGrad", nil, v, inside)
		},
	} {
		t.Run(name, func(t *testing.T) {
			g := graph.New(name)
			g.Opsets[""], g.Opsets[op.Macro] = op.Opset, 1
			b := op.NewBuilder(g)
			feeds := map[string]*graph.Tensor{"x": normal(n, channels, size, size), "w": normal(channels, channels, 3, 3), "u": normal(16, channels, 1, 1)}
			x := b.Input("x", graph.Float32, graph.Dims(n, channels, size, size))
			w, u := b.Input("w", graph.Float32, graph.Dims(channels, channels, 3, 3)), b.Input("u", graph.Float32, graph.Dims(16, channels, 1, 1))
			v := b.Op("Conv", graph.Attrs{"pads": ints(1, 1, 1, 1)}, x, w)
			v = f(b, b.Op("Mul", nil, v, b.Scalar(graph.Float32, 0.1)))
			b.Output(v, b.Op("Conv", nil, v, u))
			if err := b.Err(); err != nil {
				t.Fatal(err)
			}
			want, err := pass.Eval(g, feeds)
			if err != nil {
				t.Fatal(err)
			}
			low, err := pass.Lower(g, e.Native())
			if err != nil {
				t.Fatal(err)
			}
			got := runOnce(t, e, &engine.Step{Graph: low}, feeds)
			for i, out := range g.Outputs {
				near(t, out.Name, got[low.Outputs[i].Name], want[out.Name], 1e-4) // sums of 234, 416 and 26 products, each rounded to 1e-7
			}
		})
	}
}

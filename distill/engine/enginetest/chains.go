package enginetest

import (
	"testing"

	"github.com/ildc/ildc/distill/engine"
	"github.com/ildc/ildc/graph"
	"github.com/ildc/ildc/graph/pass"
)

// chain is an op, or several, on a feature map [N,C,H,W] between two convolutions of many channels, which an engine may
// run in a layout of its own; what the op gives is an output of the graph, too.
type chain struct {
	name string
	op   func(b *graph.Builder, v *graph.Value) *graph.Value
}

// The extents of chains: samples, channels, and rows as columns.
const (
	chainBatch    = 16
	chainChannels = 26
	chainSize     = 4
)

func chains() []chain {
	const n, channels, size = chainBatch, chainChannels, chainSize
	unary := func(op string) chain {
		return chain{op, func(b *graph.Builder, v *graph.Value) *graph.Value { return b.Op(op, nil, v) }}
	}
	binary := func(name, op string, other *graph.Tensor) chain {
		return chain{name, func(b *graph.Builder, v *graph.Value) *graph.Value {
			return b.Op(op, nil, v, b.Const("other", other))
		}}
	}
	times := func(name, op string, axes ...int64) chain { // the map times what the op gives for axes of it
		return chain{name, func(b *graph.Builder, v *graph.Value) *graph.Value {
			return b.Op("Mul", nil, v, b.Op(op, nil, v, b.Ints(axes...)))
		}}
	}
	return []chain{
		unary("Relu"), unary("LeakyRelu"), unary("Tanh"), unary("Neg"), unary("Identity"), unary("Sigmoid"),
		times("squares by sample", "ReduceSumSquare", 1, 2, 3),
		times("squares by position", "ReduceSumSquare", 1),
		times("squares by channel", "ReduceSumSquare", 0, 2, 3),
		times("sum by channel", "ReduceSum", 0, 2, 3),
		binary("a map more", "Add", normal(n, channels, size, size)),
		binary("a map less", "Sub", normal(n, channels, size, size)),
		binary("times a map", "Mul", normal(n, channels, size, size)),
		binary("times a number", "Mul", scalar(3)),
		binary("plus a number", "Add", scalar(3)),
		binary("by channel", "Mul", normal(channels, 1, 1)),
		binary("by sample", "Mul", normal(n, 1, 1, 1)),
		binary("by position", "Mul", normal(n, 1, size, size)),
		binary("by row", "Mul", normal(n, 1, size, 1)),
		{"Relu of a sum", func(b *graph.Builder, v *graph.Value) *graph.Value {
			return b.Op("Relu", nil, b.Op("Add", nil, v, b.Op("Tanh", nil, v)))
		}},
		{"masked", func(b *graph.Builder, v *graph.Value) *graph.Value {
			return b.Op("ildc.MaskGrad", nil, v, b.Op("Greater", nil, b.Op("Tanh", nil, v), b.Scalar(graph.Float32, 0.25)))
		}},
		{"masked by an interval", func(b *graph.Builder, v *graph.Value) *graph.Value {
			above := b.Op("Greater", nil, v, b.Scalar(graph.Float32, -1))
			below := b.Op("Less", nil, v, b.Scalar(graph.Float32, 2))
			return b.Op("ildc.MaskGrad", nil, v, b.Op("And", nil, above, below))
		}},
	}
}

// compare compares the chain with the reference evaluation.
func (c chain) compare(t testing.TB, e engine.Engine) {
	const n, channels, size = chainBatch, chainChannels, chainSize
	g, b := newGraph(c.name)
	feeds := map[string]*graph.Tensor{}
	input := func(name string, dims ...int) *graph.Value {
		feeds[name] = normal(dims...)
		return b.Input(name, graph.Float32, graph.Dims(dims...))
	}
	x, w := input("x", n, channels, size, size), input("w", channels, channels, 3, 3)
	v := b.Op("Conv", graph.Attrs{"pads": ints(1, 1, 1, 1)}, x, w)
	v = c.op(b, b.Op("Mul", nil, v, b.Scalar(graph.Float32, 0.1)))
	b.Output(v, b.Op("Conv", nil, v, input("u", 16, channels, 1, 1)))
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
	got := runOnce(t, e, low, feeds)
	for i, out := range g.Outputs {
		// sums of 234, 416 and 26 products, each rounded to 1e-7
		near(t, out.Name, got[low.Outputs[i].Name], want[out.Name], 1e-4)
	}
}

package pass_test

import (
	"math"
	"testing"

	"github.com/ildc/ildc/graph"
	"github.com/ildc/ildc/graph/op"
	"github.com/ildc/ildc/graph/pass"
)

// Softmax in pieces, as JAX and older exporters spell it out, is one op again, and gives what it gave.
func TestFuseSoftmax(t *testing.T) {
	type value = *graph.Value
	spread := func(b *graph.Builder, v value) value {
		return b.Op("Expand", nil, b.Op("Reshape", nil, v, b.Ints(2, 3, 1)), b.Ints(2, 3, 4))
	}
	keep, drop := graph.Attrs{"keepdims": int64(1)}, graph.Attrs{"keepdims": int64(0)}
	for _, c := range []struct {
		name  string
		build func(b *graph.Builder, x value) value
		of    string // what the softmax reads; "" where there is none
	}{
		{"rows that are kept", func(b *graph.Builder, x value) value {
			e := b.Op("Exp", nil, b.Op("Sub", nil, x, b.Op("ReduceMax", keep, x, b.Ints(-1))))
			return b.Op("Div", nil, e, b.Op("ReduceSum", keep, e, b.Ints(2)))
		}, "Relu"},
		{"rows that are spread again", func(b *graph.Builder, x value) value {
			low := b.Scalar(graph.Float32, math.Inf(-1))
			e := b.Op("Exp", nil, b.Op("Sub", nil, x, spread(b, b.Op("Max", nil, low, b.Op("ReduceMax", drop, x, b.Ints(2))))))
			return b.Op("Div", nil, e, spread(b, b.Op("ReduceSum", drop, e, b.Ints(2))))
		}, "Relu"},
		{"nothing subtracted", func(b *graph.Builder, x value) value {
			e := b.Op("Exp", nil, x)
			return b.Op("Div", nil, e, b.Op("ReduceSum", keep, e, b.Ints(2)))
		}, "Relu"},
		{"a mean subtracted", func(b *graph.Builder, x value) value {
			e := b.Op("Exp", nil, b.Op("Sub", nil, x, b.Op("ReduceMean", keep, x, b.Ints(-1))))
			return b.Op("Div", nil, e, b.Op("ReduceSum", keep, e, b.Ints(2)))
		}, "Sub"},
		{"another axis", func(b *graph.Builder, x value) value {
			e := b.Op("Exp", nil, x)
			return b.Op("Div", nil, e, b.Op("ReduceSum", keep, e, b.Ints(1)))
		}, ""},
		{"a sum of something else", func(b *graph.Builder, x value) value {
			return b.Op("Div", nil, b.Op("Exp", nil, x), b.Op("ReduceSum", keep, b.Op("Exp", nil, b.Op("Neg", nil, x)),
				b.Ints(2)))
		}, ""},
		{"rows in another order", func(b *graph.Builder, x value) value {
			e := b.Op("Exp", nil, x)
			sum := b.Op("Reshape", nil, b.Op("ReduceSum", drop, e, b.Ints(2)), b.Ints(3, 2, 1))
			return b.Op("Div", nil, e, b.Op("Transpose", graph.Attrs{"perm": []int64{1, 0, 2}}, sum))
		}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			g := graph.New("softmax")
			g.Opsets[""] = op.Opset
			b := op.NewBuilder(g)
			b.Output(c.build(b, b.Op("Relu", nil, b.Input("x", graph.Float32, graph.Dims(2, 3, 4)))))
			if err := b.Err(); err != nil {
				t.Fatal(err)
			}
			n, err := pass.Normalise(g)
			if err != nil {
				t.Fatal(err)
			}
			of := ""
			if last := n.Outputs[0].Producer; last.Op == "Softmax" {
				of = last.Inputs[0].Producer.Op
			}
			if of != c.of {
				t.Errorf("a softmax of %q, want %q", of, c.of)
			}
			x := graph.NewTensor(graph.Float32, 2, 3, 4)
			for i := range x.Float32s() {
				x.Float32s()[i] = float32(3 * math.Sin(float64(7*i)))
			}
			if err := same(n, g, map[string]*graph.Tensor{"x": x}, 1e-6); err != nil { // some roundings of float32
				t.Error(err)
			}
		})
	}
}

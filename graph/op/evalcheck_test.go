package op_test

import (
	"errors"
	"testing"

	"github.com/ildc/ildc/graph"
	"github.com/ildc/ildc/graph/op"
)

// evalCase applies one op to constants and states the results.
type evalCase struct {
	name  string
	op    string // as for Builder.Op
	attrs graph.Attrs
	in    []*graph.Tensor
	want  []*graph.Tensor
}

// checkEvals compares shapes as inferred and results as evaluated with what is wanted, which is written down to 1e-6.
func checkEvals(t *testing.T, cases []evalCase) {
	t.Helper()
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			b := op.NewBuilder(graph.New(c.name))
			in := make([]*graph.Value, len(c.in))
			for i, x := range c.in {
				if x != nil {
					in[i] = b.Const("x", x)
				}
			}
			out := b.Ops(c.op, len(c.want), c.attrs, in...)
			if err := b.Err(); err != nil {
				t.Fatal(err)
			}
			n := out[0].Producer
			got, err := op.Of(n).Eval(n, c.in)
			if err != nil {
				t.Fatal(err)
			}
			if len(got) != len(c.want) {
				t.Fatalf("%d outputs, want %d", len(got), len(c.want))
			}
			for i, w := range c.want {
				if !out[i].Shape.Equal(w.Shape()) || out[i].DType != w.DType {
					t.Errorf("output %d is inferred as %v%v, want %v", i, out[i].DType, out[i].Shape, w)
				}
				if !got[i].Shape().Equal(w.Shape()) || got[i].DType != w.DType {
					t.Fatalf("output %d is %v, want %v", i, got[i], w)
				}
				compare(t, "output", got[i].Values(), w.Values(), 1e-6)
			}
		})
	}
}

// shapeCase infers one op's first output. A case without want is refused with kind.
type shapeCase struct {
	name  string
	op    string
	attrs graph.Attrs
	in    []graph.Shape
	want  graph.Shape
	kind  error
}

func checkShapes(t *testing.T, cases []shapeCase) {
	t.Helper()
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			b := op.NewBuilder(graph.New(c.name))
			in := make([]*graph.Value, len(c.in))
			for i, s := range c.in {
				in[i] = b.Input("x", graph.Float32, s)
			}
			y := b.Op(c.op, c.attrs, in...)
			if !errors.Is(b.Err(), c.kind) {
				t.Fatalf("error %v, want %v", b.Err(), c.kind)
			}
			if c.kind == nil && y.Shape.String() != c.want.String() {
				t.Errorf("shape %v, want %v", y.Shape, c.want)
			}
		})
	}
}

// f32 is a float32 tensor.
func f32(dims []int, v ...float64) *graph.Tensor { return graph.FromValues(graph.Float32, dims, v) }

// counting holds first, first+1, ….
func counting(first float64, dims ...int) *graph.Tensor {
	v := make([]float64, graph.Product(dims))
	for i := range v {
		v[i] = first + float64(i)
	}
	return f32(dims, v...)
}

// filled holds v everywhere.
func filled(v float64, dims ...int) *graph.Tensor {
	values := make([]float64, graph.Product(dims))
	for i := range values {
		values[i] = v
	}
	return f32(dims, values...)
}

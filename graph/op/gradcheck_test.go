package op_test

import (
	"fmt"
	"math"
	"math/rand"
	"strings"
	"testing"

	"github.com/ildc/ildc/graph"
	"github.com/ildc/ildc/graph/op"
	"github.com/ildc/ildc/graph/pass"
)

// gradCase applies one op. Its float64 operands are differentiated; operands of other types are constants, nil ones
// absent.
type gradCase struct {
	name    string
	op      string // as for Builder.Op
	attrs   graph.Attrs
	in      []*graph.Tensor
	outputs int // how many outputs the node has, 1 if 0
	counted int // how many of them count in the loss, all that are float64 if 0
	fixed   int // how many trailing operands are constants, although they are float64
}

// Central differences in float64 at h = 1e-6 err by h²·f‴/6, about 1e-12, and by rounding 1e-16·Σ|y|/h, about 1e-9 for
// the tens of elements of these cases; 1e-7 of the largest gradient is well above both and far below what a wrong term
// makes.
const (
	gradStep      = 1e-6
	gradTolerance = 1e-7
)

// Macro ops and their decompositions compute the same in float64, in another order.
const lowerTolerance = 1e-11

// checkGrads compares the gradient of Σ y·r, r fixed and random, with central differences. Macro ops that it emits, and
// the op itself where it is one, are evaluated both as they are and lowered.
func checkGrads(t *testing.T, cases []gradCase) {
	t.Helper()
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) { checkGrad(t, c) })
	}
}

func checkGrad(t *testing.T, c gradCase) {
	g := graph.New(c.name)
	g.Opsets[""] = op.Opset
	b := op.NewBuilder(g)
	in := make([]*graph.Value, len(c.in))
	feeds := map[string]*graph.Tensor{}
	var wrt []*graph.Value
	var at []int // operand of each of wrt
	for i, x := range c.in {
		switch {
		case x == nil:
		case x.DType == graph.Float64 && i < len(c.in)-c.fixed:
			in[i] = b.Input(fmt.Sprintf("x%d", i), x.DType, x.Shape())
			feeds[in[i].Name] = x
			wrt, at = append(wrt, in[i]), append(at, i)
		default:
			in[i] = b.Const(fmt.Sprintf("x%d", i), x)
		}
	}
	var loss *graph.Value
	for k, y := range apply(b, c, in) {
		if b.Err() != nil || !y.DType.IsFloat() || c.counted > 0 && k >= c.counted {
			continue
		}
		r := b.Const("r", random(int64(k+1), y.Shape.Sizes()...))
		part := b.Op("ReduceSum", graph.Attrs{"keepdims": int64(0)}, b.Op("Mul", nil, y, r))
		if loss == nil {
			loss = part
		} else {
			loss = b.Op("Add", nil, loss, part)
		}
	}
	if err := b.Err(); err != nil {
		t.Fatal(err)
	}
	b.Output(loss)
	value, _ := g.Clone()
	grads, err := pass.Gradient(b, loss, wrt)
	if err != nil {
		t.Fatal(err)
	}
	for i, d := range grads {
		if d == nil {
			t.Fatalf("operand %d has no gradient", at[i])
		}
		if !d.Shape.Equal(wrt[i].Shape) || d.DType != wrt[i].DType {
			t.Fatalf("operand %d: gradient %v%v, want %v%v", at[i], d.DType, d.Shape, wrt[i].DType, wrt[i].Shape)
		}
	}
	b.Output(grads...)
	if err := g.Check(); err != nil {
		t.Fatal(err)
	}
	got := evaluate(t, g, feeds)
	for i, d := range grads {
		want := centralDifferences(t, value, feeds, wrt[i].Name)
		compare(t, fmt.Sprintf("gradient of operand %d", at[i]), got[d.Name].Values(), want, gradTolerance)
	}
	lowered, err := pass.Lower(g, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range lowered.Nodes {
		if n.Domain == op.Macro {
			t.Errorf("node %q (%s) is still there after lowering", n.Name, n.OpName())
		}
	}
	low := evaluate(t, lowered, feeds)
	for i, v := range g.Outputs {
		compare(t, "lowered "+v.Name, low[lowered.Outputs[i].Name].Values(), got[v.Name].Values(), lowerTolerance)
	}
}

// apply appends the op, or what it is made of.
func apply(b *graph.Builder, c gradCase, in []*graph.Value) []*graph.Value {
	domain, name := "", c.op
	if i := strings.LastIndexByte(name, '.'); i >= 0 {
		domain, name = name[:i], name[i+1:]
	}
	s := op.Lookup(domain, name)
	if s == nil || !s.Composite {
		return b.Ops(c.op, max(1, c.outputs), c.attrs, in...)
	}
	n := &graph.Node{Op: name, Domain: domain, Attrs: c.attrs, Inputs: in,
		Outputs: make([]*graph.Value, max(1, c.outputs))}
	return s.Upgrade(b, n, op.Opset)
}

// centralDifferences gives the derivative of the graph's one output with respect to each element of an input.
func centralDifferences(t *testing.T, g *graph.Graph, feeds map[string]*graph.Tensor, input string) []float64 {
	x := feeds[input]
	defer func() { feeds[input] = x }()
	out := make([]float64, x.Len())
	for i := range out {
		at := func(h float64) float64 {
			v := x.Values()
			v[i] += h
			feeds[input] = graph.FromFloat64(x.Dims, v)
			return evaluate(t, g, feeds)[g.Outputs[0].Name].Values()[0]
		}
		out[i] = (at(gradStep) - at(-gradStep)) / (2 * gradStep)
	}
	return out
}

func evaluate(t *testing.T, g *graph.Graph, feeds map[string]*graph.Tensor) map[string]*graph.Tensor {
	t.Helper()
	out, err := pass.Eval(g, feeds)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// compare fails where got and want differ by more than the tolerance times the largest magnitude of want (at least 1).
func compare(t *testing.T, what string, got, want []float64, tolerance float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d elements, want %d", what, len(got), len(want))
	}
	scale := 1.0
	for _, w := range want {
		scale = max(scale, math.Abs(w))
	}
	for i := range got {
		if !(math.Abs(got[i]-want[i]) <= tolerance*scale) {
			t.Fatalf("%s: element %d is %v, want %v; all: %v, want %v", what, i, got[i], want[i], got, want)
		}
	}
}

// random is a float64 tensor with normally distributed elements.
func random(seed int64, dims ...int) *graph.Tensor {
	r := rand.New(rand.NewSource(seed))
	v := make([]float64, graph.Product(dims))
	for i := range v {
		v[i] = r.NormFloat64()
	}
	return graph.FromFloat64(dims, v)
}

// positive is a float64 tensor with elements in [0.5, 1.5).
func positive(seed int64, dims ...int) *graph.Tensor {
	r := rand.New(rand.NewSource(seed))
	v := make([]float64, graph.Product(dims))
	for i := range v {
		v[i] = 0.5 + r.Float64()
	}
	return graph.FromFloat64(dims, v)
}

// checkLowered evaluates a macro op's decomposition.
func checkLowered(t *testing.T, name string, attrs graph.Attrs, in, want []*graph.Tensor, tolerance float64) {
	t.Helper()
	g := graph.New("lowered")
	b := op.NewBuilder(g)
	args := make([]*graph.Value, len(in))
	for i, x := range in {
		args[i] = b.Const("x", x)
	}
	b.Output(b.Ops(name, len(want), attrs, args...)...)
	if err := b.Err(); err != nil {
		t.Fatal(err)
	}
	lowered, err := pass.Lower(g, nil)
	if err != nil {
		t.Fatal(err)
	}
	got := evaluate(t, lowered, nil)
	for i, v := range lowered.Outputs {
		compare(t, "lowered "+v.Name, got[v.Name].Values(), want[i].Values(), tolerance)
	}
}

// checkGradValues compares the gradient of the sum of one op's first output with what is wanted of each operand, for
// points where central differences do not tell: kinks and ties.
func checkGradValues(t *testing.T, name, opName string, attrs graph.Attrs, in []*graph.Tensor, want [][]float64) {
	t.Helper()
	t.Run(name, func(t *testing.T) {
		g := graph.New(name)
		b := op.NewBuilder(g)
		args, feeds := make([]*graph.Value, len(in)), map[string]*graph.Tensor{}
		for i, x := range in {
			if !x.DType.IsFloat() {
				args[i] = b.Const("x", x)
				continue
			}
			args[i] = b.Input("x", x.DType, x.Shape())
			feeds[args[i].Name] = x
		}
		grads, err := pass.Gradient(b, b.Op(opName, attrs, args...), args[:len(want)])
		if err != nil {
			t.Fatal(err)
		}
		b.Output(grads...)
		got := evaluate(t, g, feeds)
		for i, d := range grads {
			compare(t, fmt.Sprintf("gradient of operand %d", i), got[d.Name].Values(), want[i], 1e-6)
		}
	})
}

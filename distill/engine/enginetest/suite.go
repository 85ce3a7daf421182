package enginetest

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/ildc/ildc/distill/engine"
	"github.com/ildc/ildc/graph"
	"github.com/ildc/ildc/graph/op"
	"github.com/ildc/ildc/graph/pass"
)

// Run puts an engine through the suite.
func Run(t *testing.T, newEngine func() engine.Engine) {
	t.Run("every op has a case", everyOpHasACase)
	for name, f := range map[string]func(*testing.T, engine.Engine){
		"ops": ops, "chains": chains, "training step": trainingStep, "state": state, "inputs": inputs, "cancel": cancel, "deterministic": deterministic,
		"threads": threads, "concurrent programs": concurrent, "unsupported": unsupported, "tensors are the caller's": owned,
		"memory is not shared too early": sharing, "swapped state": swapped, "close": closing,
	} {
		t.Run(name, func(t *testing.T) { f(t, newEngine()) })
	}
}

// everyOpHasACase keeps the suite as wide as the op table.
func everyOpHasACase(t *testing.T) {
	has := map[string]bool{}
	for _, c := range cases() {
		has[c.op] = true
	}
	for _, s := range op.All() {
		if name := (&graph.Node{Op: s.Type, Domain: s.Domain}).OpName(); !has[name] && !s.Composite {
			t.Errorf("%s has no case", name)
		}
	}
}

// ops compares every op with the reference evaluation, macro ops as they are, where the engine runs them, and lowered.
func ops(t *testing.T, e engine.Engine) {
	for _, c := range cases() {
		t.Run(c.name, func(t *testing.T) {
			g, feeds, spec := c.graph(t)
			want, err := pass.Eval(g, feeds)
			if err != nil {
				t.Fatal(err)
			}
			forms := map[string][]string{"": e.Native()}
			if spec.Domain == op.Macro {
				forms = map[string][]string{"lowered ": nil}
				if slices.Contains(e.Native(), spec.Type) {
					forms["native "] = e.Native()
				}
			}
			for form, native := range forms {
				low, err := pass.Lower(g, native)
				if err != nil {
					t.Fatal(err)
				}
				got := runOnce(t, e, &engine.Step{Graph: low}, feeds)
				for i, v := range g.Outputs {
					near(t, fmt.Sprintf("%soutput %d", form, i), got[low.Outputs[i].Name], want[v.Name], spec.Tolerance)
				}
			}
		})
	}
}

// graph is the case as a graph, with what to feed it.
func (c opCase) graph(t *testing.T) (*graph.Graph, map[string]*graph.Tensor, *op.Spec) {
	t.Helper()
	g := graph.New(c.name)
	g.Opsets[""], g.Opsets[op.Macro] = op.Opset, 1
	b := op.NewBuilder(g)
	in, feeds := make([]*graph.Value, len(c.in)), map[string]*graph.Tensor{}
	for i, x := range c.in {
		switch {
		case x == nil:
		case x.DType.IsInt():
			in[i] = b.Const(fmt.Sprintf("x%d", i), x)
		default:
			in[i] = b.Input(fmt.Sprintf("x%d", i), x.DType, x.Shape())
			feeds[in[i].Name] = x
		}
	}
	out := b.Ops(c.op, max(1, c.outputs), c.attrs, in...)
	b.Output(out...)
	if err := b.Err(); err != nil {
		t.Fatal(err)
	}
	return g, feeds, op.Of(out[0].Producer)
}

func compile(t *testing.T, e engine.Engine, s *engine.Step, o engine.Options) engine.Program {
	t.Helper()
	p, err := e.Compile(context.Background(), s, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	return p
}

func run(t *testing.T, p engine.Program, in map[string]*graph.Tensor) map[string]*graph.Tensor {
	t.Helper()
	out, err := p.Run(context.Background(), in)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func runOnce(t *testing.T, e engine.Engine, s *engine.Step, in map[string]*graph.Tensor) map[string]*graph.Tensor {
	t.Helper()
	return run(t, compile(t, e, s, engine.Options{}), in)
}

// near fails where a result is farther from the reference than tolerance times its largest magnitude, or, for tolerance 0, than
// one rounding.
func near(t *testing.T, what string, got, want *graph.Tensor, tolerance float64) {
	t.Helper()
	if got == nil || got.DType != want.DType || !slices.Equal(got.Dims, want.Dims) {
		t.Fatalf("%s is %v, want %v", what, got, want)
	}
	g, w := got.Values(), want.Values()
	scale := 0.0
	for _, v := range w {
		if !math.IsInf(v, 0) && !math.IsNaN(v) {
			scale = max(scale, math.Abs(v))
		}
	}
	for i := range w {
		allowed := tolerance * scale
		if tolerance == 0 {
			allowed = math.Abs(w[i]) * 0x1p-23
		}
		if g[i] != w[i] && !(math.Abs(g[i]-w[i]) <= allowed) && !(math.IsNaN(g[i]) && math.IsNaN(w[i])) {
			t.Fatalf("%s: element %d is %v, want %v (within %g)", what, i, g[i], w[i], allowed)
		}
	}
}

// same fails where the bits of two results differ.
func same(t *testing.T, what string, got, want map[string]*graph.Tensor) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d tensors, want %d", what, len(got), len(want))
	}
	for name, w := range want {
		if got[name] == nil || !bytes.Equal(encode(got[name]), encode(w)) {
			t.Fatalf("%s: %q differs", what, name)
		}
	}
}

func encode(t *graph.Tensor) []byte {
	var b bytes.Buffer
	if err := binary.Write(&b, binary.LittleEndian, t.Data); err != nil {
		panic(err) // a dtype of variable size, which no step has
	}
	return b.Bytes()
}

package enginetest

import (
	"fmt"
	"slices"
	"testing"

	"github.com/ildc/ildc/distill/engine"
	"github.com/ildc/ildc/graph"
	"github.com/ildc/ildc/graph/op"
	"github.com/ildc/ildc/graph/pass"
)

// opCase applies one op. Operands of float32 and bool are inputs of the graph, integers are initializers: axes and
// shapes. nil is an absent operand.
type opCase struct {
	name    string
	op      string // as for graph.Builder.Op
	attrs   graph.Attrs
	in      []*graph.Tensor
	outputs int // 1 if 0
}

// compare compares the op with the reference evaluation, a macro op as it is, where the engine runs it, and lowered.
func (c opCase) compare(t testing.TB, e engine.Engine) {
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
		got := runOnce(t, e, low, feeds)
		for i, v := range g.Outputs {
			near(t, fmt.Sprintf("%soutput %d", form, i), got[low.Outputs[i].Name], want[v.Name], spec.Tolerance)
		}
	}
}

// graph is the case as a graph, with what to feed it.
func (c opCase) graph(t testing.TB) (*graph.Graph, map[string]*graph.Tensor, *op.Spec) {
	t.Helper()
	g, b := newGraph(c.name)
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

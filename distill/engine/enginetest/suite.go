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
)

// check is one thing that is asked of an engine.
type check struct {
	name string
	run  func(t testing.TB, e engine.Engine)
}

// checks is the suite.
func checks() []check {
	all := []check{
		{"state", state},
		{"swapped state", swapped},
		{"inputs", inputs},
		{"tensors are the caller's", owned},
		{"memory is not shared too early", sharing},
		{"cancel", cancel},
		{"deterministic", deterministic},
		{"threads", threads},
		{"concurrent programs", concurrent},
		{"unsupported", unsupported},
		{"close", closing},
	}
	for _, c := range steps {
		all = append(all, check{fmt.Sprintf("training step/batch %d, %d channels", c.n, c.width), c.compare})
	}
	for _, c := range cases() {
		all = append(all, check{"ops/" + c.name, c.compare})
	}
	for _, c := range chains() {
		all = append(all, check{"chains/" + c.name, c.compare})
	}
	return all
}

// Run puts an engine through the suite.
func Run(t *testing.T, newEngine func() engine.Engine) {
	t.Run("every op has a case", func(t *testing.T) {
		for _, name := range missing(cases()) {
			t.Errorf("%s has no case", name)
		}
	})
	for _, c := range checks() {
		t.Run(c.name, func(t *testing.T) { c.run(t, newEngine()) })
	}
}

// missing lists the ops of the op table that have no case, so that the suite stays as wide as the table.
func missing(all []opCase) []string {
	has := map[string]bool{}
	for _, c := range all {
		has[c.op] = true
	}
	var names []string
	for _, s := range op.All() {
		if name := (&graph.Node{Op: s.Type, Domain: s.Domain}).OpName(); !has[name] && !s.Composite {
			names = append(names, name)
		}
	}
	return names
}

// newGraph is an empty graph of the standard's ops and macro ops, with what builds it.
func newGraph(name string) (*graph.Graph, *graph.Builder) {
	g := graph.New(name)
	g.Opsets[""], g.Opsets[op.Macro] = op.Opset, 1
	return g, op.NewBuilder(g)
}

func compile(t testing.TB, e engine.Engine, s *engine.Step, o engine.Options) engine.Program {
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

func run(t testing.TB, p engine.Program, in map[string]*graph.Tensor) map[string]*graph.Tensor {
	t.Helper()
	out, err := p.Run(context.Background(), in)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func runOnce(t testing.TB, e engine.Engine, g *graph.Graph, in map[string]*graph.Tensor) map[string]*graph.Tensor {
	t.Helper()
	return run(t, compile(t, e, &engine.Step{Graph: g}, engine.Options{}), in)
}

func mustState(t testing.TB, p engine.Program) map[string]*graph.Tensor {
	t.Helper()
	s, err := p.State()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// near fails where a result is farther from the reference than tolerance times its largest magnitude, or, for
// tolerance 0, than one rounding.
func near(t testing.TB, what string, got, want *graph.Tensor, tolerance float64) {
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
func same(t testing.TB, what string, got, want map[string]*graph.Tensor) {
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

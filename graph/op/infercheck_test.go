package op_test

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/ildc/ildc/graph"
	"github.com/ildc/ildc/graph/op"
	"github.com/ildc/ildc/graph/pass"
)

// inferCase infers one node. want lists the outputs' shapes, with known elements behind them: "[2]=[N,3]". A case
// without want is refused with kind.
type inferCase struct {
	name  string
	op    string
	attrs graph.Attrs
	in    []*graph.Value
	want  string
	kind  error
}

func checkInfers(t *testing.T, cases []inferCase) {
	t.Helper()
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			n := &graph.Node{Op: c.op, Attrs: c.attrs, Inputs: c.in}
			for range max(1, len(strings.Fields(c.want))) {
				n.Outputs = append(n.Outputs, &graph.Value{Producer: n})
			}
			if err := op.Infer(n); !errors.Is(err, c.kind) {
				t.Fatalf("error %v, want %v", err, c.kind)
			}
			if c.kind != nil {
				return
			}
			var got []string
			for _, y := range n.Outputs {
				s := y.Shape.String()
				if y.Elems != nil {
					s += "=" + y.Elems.String()
				}
				got = append(got, s)
			}
			if s := strings.Join(got, " "); s != c.want {
				t.Errorf("got %s, want %s", s, c.want)
			}
		})
	}
}

// dims reads "N,3,?" as a shape.
func dims(s string) graph.Shape {
	shape := graph.Shape{}
	for _, d := range strings.FieldsFunc(s, func(r rune) bool { return r == ',' }) {
		if n, err := strconv.Atoi(d); err == nil {
			shape = append(shape, graph.D(n))
		} else {
			shape = append(shape, graph.Sym(d))
		}
	}
	return shape
}

// fed is a float32 input of that shape; ranked says nothing of its shape.
func fed(shape string) *graph.Value { return &graph.Value{DType: graph.Float32, Shape: dims(shape)} }

var (
	unranked    = &graph.Value{DType: graph.Float32}
	unknownInts = &graph.Value{DType: graph.Int64}
)

// extents is an int64 vector whose elements are known as far as they are written.
func extents(s string) *graph.Value {
	e := dims(s)
	return &graph.Value{DType: graph.Int64, Shape: graph.Dims(len(e)), Elems: e}
}

func fixed(t *graph.Tensor) *graph.Value {
	return &graph.Value{DType: t.DType, Shape: t.Shape(), Const: t}
}

func fixedInts(v ...int64) *graph.Value { return fixed(graph.Ints(v...)) }

func values(v ...*graph.Value) []*graph.Value { return v }

// upgradeCase evaluates a node in the form of an older opset, on inputs whose shapes are known and elements are not,
// but for the integers.
type upgradeCase struct {
	name  string
	opset int64
	op    string
	attrs graph.Attrs
	in    []*graph.Tensor
	want  []*graph.Tensor // nil: refused as unsupported
}

func checkUpgrades(t *testing.T, cases []upgradeCase) {
	t.Helper()
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			g := graph.New(c.name)
			g.Opsets[""] = c.opset
			n := &graph.Node{Name: "node", Op: c.op, Attrs: c.attrs}
			feeds := map[string]*graph.Tensor{}
			for i, x := range c.in {
				if x == nil {
					n.Inputs = append(n.Inputs, nil)
					continue
				}
				v := &graph.Value{Name: fmt.Sprint("x", i), DType: x.DType, Shape: x.Shape()}
				if n.Inputs = append(n.Inputs, v); x.DType.IsFloat() {
					g.Inputs, feeds[v.Name] = append(g.Inputs, v), x
				} else {
					v.Const, g.Initializers = x, append(g.Initializers, v)
				}
			}
			for i := range max(1, len(c.want)) {
				n.Outputs = append(n.Outputs, &graph.Value{Name: fmt.Sprint("y", i), Producer: n})
			}
			g.Nodes, g.Outputs = []*graph.Node{n}, n.Outputs
			today, err := pass.Normalise(g)
			if c.want == nil {
				if !errors.Is(err, op.ErrUnsupported) {
					t.Fatalf("error %v, want %v", err, op.ErrUnsupported)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			got := evaluate(t, today, feeds)
			for i, w := range c.want {
				y := got[fmt.Sprint("y", i)]
				if y.DType != w.DType || !y.Shape().Equal(w.Shape()) {
					t.Fatalf("output %d is %v, want %v", i, y, w)
				}
				compare(t, fmt.Sprint("output ", i), y.Values(), w.Values(), 1e-6)
			}
		})
	}
}

// bools is a bool tensor.
func bools(dims []int, v ...bool) *graph.Tensor { return graph.FromBool(dims, v) }

// vector is a float32 vector.
func vector(v ...float64) *graph.Tensor { return f32([]int{len(v)}, v...) }

package onnxgo

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/owulveryck/onnx-go"

	"github.com/ildc/ildc/graph"
)

// Report is the outcome of a cross-check.
type Report struct {
	Skipped     string   // why onnx-go could not read the model, "" where it could
	Nodes       int      // that were compared, with their ops and attributes
	Edges       int      // that were compared: one for each input of a node
	Weights     int      // initializers that were compared, bit for bit
	Differences []string // what onnx-go read otherwise
}

// Agrees says whether onnx-go could read the model, and read the same.
func (r Report) Agrees() bool { return r.Skipped == "" && len(r.Differences) == 0 }

// mostDeclared bounds the memory, in bytes, that onnx-go takes for values whose shapes a model declares.
const mostDeclared = 1 << 30

// CrossCheck compares g, which package importer read in data, with what onnx-go reads there. Whatever onnx-go cannot
// read, or must not be given, is told in the report and is no difference. An error says that g has not come from data.
func CrossCheck(data []byte, g *graph.Graph) (Report, error) {
	if g.Origin == nil {
		return Report{}, fmt.Errorf("onnxgo: graph %q was not imported", g.Name)
	}
	if declared := declaredBytes(g); declared > mostDeclared {
		return Report{Skipped: fmt.Sprintf("onnx-go would take %g bytes for the declared shapes", declared)}, nil
	}
	var r Report
	other, wrong, err := decode(data)
	if err != nil {
		r.Skipped = err.Error()
		return r, nil
	}
	if wrong != nil {
		r.differs("%v", wrong)
	}
	r.compare(other, g)
	return r, nil
}

// declaredBytes is what the declared values of a graph take, with symbolic dims left out as onnx-go does.
func declaredBytes(g *graph.Graph) float64 {
	total := 0.
	for _, v := range g.Values() {
		n := 8. // bytes of the largest element
		for _, d := range v.Shape {
			if d.Known() {
				n *= float64(d.Size)
			}
		}
		total += n
	}
	return total
}

// decode reads a model through onnx-go, which panics on some; wrong is what makes it no graph.
func decode(data []byte) (g *graph.Graph, wrong, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("onnx-go panics: %v", p)
		}
	}()
	b := NewBackend()
	m := onnx.NewModel(b)
	err = m.UnmarshalBinary(data)
	var missing *onnx.ErrNotImplemented
	if errors.As(err, &missing) { // whose text holds the whole attribute
		err = fmt.Errorf("attribute %q: %s", missing.AttributeName, missing.Message)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("onnx-go: %w", err)
	}
	g, wrong = b.build(m.Input, m.Output)
	return g, wrong, nil
}

func (r *Report) differs(format string, args ...any) {
	r.Differences = append(r.Differences, fmt.Sprintf(format, args...))
}

func (r *Report) compare(got, want *graph.Graph) {
	r.compareNames("inputs", graph.Names(got.Inputs), graph.Names(want.Inputs))
	r.compareNames("outputs", graph.Names(got.Outputs), graph.Names(want.Outputs))
	weights := map[string]*graph.Tensor{}
	for _, v := range got.Initializers {
		weights[v.Name] = v.Const
	}
	for _, v := range want.Initializers {
		r.Weights++
		if t := weights[v.Name]; t == nil || !t.Same(v.Const) {
			r.differs("initializer %q: %v, want %v, or other elements", v.Name, t, v.Const)
		}
		delete(weights, v.Name)
	}
	for _, name := range slices.Sorted(maps.Keys(weights)) {
		r.differs("initializer %q: %v, want none", name, weights[name])
	}
	if len(got.Nodes) != len(want.Nodes) {
		r.differs("%d nodes, want %d", len(got.Nodes), len(want.Nodes))
	}
	of := map[string]*graph.Node{}
	for _, n := range got.Nodes {
		for _, name := range graph.Names(n.Outputs) {
			of[name] = n
		}
	}
	for _, n := range want.Nodes {
		r.Nodes++
		r.Edges += len(n.Inputs)
		r.compareNode(of, n)
	}
}

func (r *Report) compareNode(of map[string]*graph.Node, want *graph.Node) {
	outputs := graph.Names(want.Outputs)
	what := fmt.Sprintf("node %q (%s) giving %q", want.Name, want.OpName(), outputs)
	var got *graph.Node
	for _, name := range outputs {
		if name != "" {
			got = of[name]
			break
		}
	}
	if got == nil {
		r.differs("%s is not there", what)
		return
	}
	if got.Op != want.Op {
		r.differs("%s: op %s", what, got.Op)
	}
	r.compareNames(what+": outputs", graph.Names(got.Outputs), outputs)
	r.compareNames(what+": inputs", graph.Names(got.Inputs), graph.Names(want.Inputs))
	for _, name := range slices.Sorted(maps.Keys(want.Attrs)) {
		a, b := got.Attrs[name], want.Attrs[name]
		if _, unread := a.(graph.Opaque); !unread && !graph.Same(a, b) {
			r.differs("%s: attribute %q: %v, want %v", what, name, a, b)
		}
	}
	if len(got.Attrs) != len(want.Attrs) {
		r.differs("%s: %d attributes, want %d", what, len(got.Attrs), len(want.Attrs))
	}
}

func (r *Report) compareNames(what string, got, want []string) {
	if !slices.Equal(got, want) {
		r.differs("%s %q, want %q", what, got, want)
	}
}

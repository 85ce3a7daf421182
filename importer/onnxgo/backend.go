package onnxgo

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/owulveryck/onnx-go"
	gonum "gonum.org/v1/gonum/graph"
	"gonum.org/v1/gonum/graph/iterator"
	"gorgonia.org/tensor"

	"github.com/ildc/ildc/graph"
)

// Backend receives a model from onnx-go. For onnx-go a graph's nodes are the values, and edges lead from an output to
// the inputs that it is computed from, weighted with the position of the input.
type Backend struct {
	values []*value // by ID
	edges  map[int64][]*edge
	ops    []operation
	recent []*edge // set since the last operation
}

var _ onnx.Backend = (*Backend)(nil)

// NewBackend is an empty backend, for one model.
func NewBackend() *Backend { return &Backend{edges: map[int64][]*edge{}} }

// value is what onnx-go calls a node.
type value struct {
	id   int64
	name string
	data tensor.Tensor // of an initializer; zeros of the declared type of any other value
}

func (v *value) ID() int64                { return v.id }
func (v *value) SetName(name string)      { v.name = name }
func (v *value) GetName() string          { return v.name }
func (v *value) GetTensor() tensor.Tensor { return v.data }
func (v *value) SetTensor(t tensor.Tensor) error {
	v.data = t
	return nil
}

type edge struct {
	from, to gonum.Node
	weight   float64
}

func (e *edge) From() gonum.Node         { return e.from }
func (e *edge) To() gonum.Node           { return e.to }
func (e *edge) Weight() float64          { return e.weight }
func (e *edge) ReversedEdge() gonum.Edge { return &edge{e.to, e.from, e.weight} }

// operation is what onnx-go says of a node in the sense of ONNX.
type operation struct {
	onnx.Operation
	inputs, outputs []string
}

// NewNode is a value that is not yet part of the graph.
func (b *Backend) NewNode() gonum.Node { return &value{id: int64(len(b.values))} }

// AddNode adds a value that NewNode gave.
func (b *Backend) AddNode(n gonum.Node) { b.values = append(b.values, n.(*value)) }

// NewWeightedEdge is an edge that is not yet part of the graph.
func (b *Backend) NewWeightedEdge(from, to gonum.Node, weight float64) gonum.WeightedEdge {
	return &edge{from, to, weight}
}

// SetWeightedEdge adds an edge. Two edges may join the same values: an op may read one value twice.
func (b *Backend) SetWeightedEdge(e gonum.WeightedEdge) {
	added := &edge{e.From(), e.To(), e.Weight()}
	b.edges[added.from.ID()] = append(b.edges[added.from.ID()], added)
	b.recent = append(b.recent, added)
}

// ApplyOperation says which op computes the outputs, from the values that edges set since the last call lead to.
func (b *Backend) ApplyOperation(o onnx.Operation, outputs ...gonum.Node) error {
	op := operation{Operation: o}
	for _, n := range outputs {
		op.outputs = append(op.outputs, n.(*value).name)
	}
	for _, e := range b.recent {
		if e.from == outputs[0] && int(e.weight) == len(op.inputs) {
			op.inputs = append(op.inputs, e.to.(*value).name)
		}
	}
	b.recent = nil
	b.ops = append(b.ops, op)
	return nil
}

// Graph is what onnx-go decoded. Inputs and outputs are those of its Model. The graph has no opsets, which onnx-go does
// not tell, and its values no shapes, since onnx-go leaves symbolic dims out of them.
func (b *Backend) Graph(inputs, outputs []int64) (*graph.Graph, error) {
	g, err := b.build(inputs, outputs)
	if err == nil {
		err = g.Check()
	}
	if err != nil {
		return nil, fmt.Errorf("onnxgo: %w", err)
	}
	return g, nil
}

// build is Graph, with nodes in the order of the file, whatever it is.
func (b *Backend) build(inputs, outputs []int64) (*graph.Graph, error) {
	m := &made{of: b, graph: graph.New(""), values: map[string]*graph.Value{}}
	for _, id := range inputs {
		v := &graph.Value{Name: b.values[id].name}
		if t := b.values[id].data; t != nil {
			v.DType, _ = dtypeOf(t)
		}
		m.graph.Inputs = append(m.graph.Inputs, m.define(v))
	}
	for _, op := range b.ops {
		m.addNode(op)
	}
	m.addInitializers()
	for i, op := range b.ops {
		m.addInputs(m.graph.Nodes[i], op)
	}
	for _, id := range outputs {
		v := m.values[b.values[id].name]
		if v == nil {
			m.bad("output %q is not given", b.values[id].name)
			continue
		}
		m.graph.Outputs = append(m.graph.Outputs, v)
	}
	return m.graph, errors.Join(m.errs...)
}

// made is a graph that is being made of what onnx-go gave.
type made struct {
	of     *Backend
	graph  *graph.Graph
	values map[string]*graph.Value
	errs   []error
}

func (m *made) bad(format string, args ...any) { m.errs = append(m.errs, fmt.Errorf(format, args...)) }

func (m *made) define(v *graph.Value) *graph.Value {
	if m.values[v.Name] != nil {
		m.bad("value %q is given twice", v.Name)
	}
	m.values[v.Name] = v
	return v
}

// addNode appends a node with its outputs and attributes.
func (m *made) addNode(op operation) {
	n := &graph.Node{Op: op.Name, Attrs: graph.Attrs{}}
	for _, name := range op.outputs {
		if name == "" {
			n.Outputs = append(n.Outputs, nil)
		} else {
			n.Outputs = append(n.Outputs, m.define(&graph.Value{Name: name, Producer: n}))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(op.Attributes)) {
		attr, err := attribute(op.Attributes[name])
		if err != nil {
			m.bad("%s: attribute %q: %w", op.Name, name, err)
			continue
		}
		n.Attrs[name] = attr
	}
	m.graph.Nodes = append(m.graph.Nodes, n)
}

// addInitializers appends the values that have data and that nothing gives.
func (m *made) addInitializers() {
	for _, v := range m.of.values {
		if m.values[v.name] != nil || v.name == "" || v.data == nil {
			continue
		}
		t, err := tensorOf(v.data)
		if err != nil {
			m.bad("initializer %q: %w", v.name, err)
			continue
		}
		w := m.define(&graph.Value{Name: v.name, DType: t.DType, Shape: t.Shape(), Const: t})
		m.graph.Initializers = append(m.graph.Initializers, w)
	}
}

// addInputs gives a node its inputs.
func (m *made) addInputs(n *graph.Node, op operation) {
	for _, name := range op.inputs {
		v := m.values[name]
		if v == nil && name != "" {
			if len(op.inputs) == 1 && m.of.madeUp(name) {
				break
			}
			m.bad("%s reads %q, which nothing gives", op.Name, name)
		}
		n.Inputs = append(n.Inputs, v)
	}
}

// madeUp says whether a name is that of the input, "<node>/input", that onnx-go makes up for an op without inputs: it
// has no type.
func (b *Backend) madeUp(name string) bool {
	return !slices.ContainsFunc(b.values, func(v *value) bool { return v.name == name && v.data != nil })
}

// The rest is what gonum asks of a directed graph.

// Node is the value with that ID, nil where there is none.
func (b *Backend) Node(id int64) gonum.Node {
	if id < 0 || id >= int64(len(b.values)) {
		return nil
	}
	return b.values[id]
}

// Nodes gives all values.
func (b *Backend) Nodes() gonum.Nodes {
	all := make([]gonum.Node, len(b.values))
	for i, v := range b.values {
		all[i] = v
	}
	return iterator.NewOrderedNodes(all)
}

// From gives the values that a value is computed from, each once.
func (b *Backend) From(id int64) gonum.Nodes {
	var to []gonum.Node
	for _, e := range b.edges[id] {
		if !slices.Contains(to, e.to) {
			to = append(to, e.to)
		}
	}
	return iterator.NewOrderedNodes(to)
}

// To gives the values that are computed from a value.
func (b *Backend) To(id int64) gonum.Nodes {
	var from []gonum.Node
	for _, v := range b.values {
		if b.HasEdgeFromTo(v.id, id) {
			from = append(from, v)
		}
	}
	return iterator.NewOrderedNodes(from)
}

// HasEdgeFromTo says whether the one value is computed from the other.
func (b *Backend) HasEdgeFromTo(from, to int64) bool { return b.Edge(from, to) != nil }

// HasEdgeBetween says whether either value is computed from the other.
func (b *Backend) HasEdgeBetween(x, y int64) bool {
	return b.HasEdgeFromTo(x, y) || b.HasEdgeFromTo(y, x)
}

// Edge is the first edge between two values, nil where there is none.
func (b *Backend) Edge(from, to int64) gonum.Edge {
	for _, e := range b.edges[from] {
		if e.to.ID() == to {
			return e
		}
	}
	return nil
}

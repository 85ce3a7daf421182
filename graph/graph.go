package graph

import (
	"maps"
	"slices"
)

// Graph is a dataflow graph of ONNX ops.
type Graph struct {
	Name         string
	Opsets       map[string]int64 // domain → version; "" is the ONNX domain
	Inputs       []*Value         // what a run must be given; an initializer that is also listed as an input is not here
	Outputs      []*Value         // what a run gives
	Initializers []*Value         // the values with Const
	Nodes        []*Node          // in topological order
	Functions    []*Function      // ops that the model defines itself; never changed in place
	Origin       any              // the model it was imported from
}

// Value is one tensor-valued edge: a graph input, an initializer, or a node's output.
type Value struct {
	Name  string
	DType DType
	Shape Shape // nil where the rank is unknown

	// Elems are the elements of a small tensor of integers, whatever their type, where shape inference found them; nil
	// where not.
	Elems Shape

	Const    *Tensor // the elements of an initializer; nil otherwise
	Producer *Node   // nil for inputs and initializers
	Origin   any     // the declaration it was imported from
}

// New is an empty graph.
func New(name string) *Graph {
	return &Graph{Name: name, Opsets: map[string]int64{}}
}

// Node applies an op.
type Node struct {
	Name     string
	Op       string
	Domain   string // "" is the ONNX domain
	Attrs    Attrs
	Inputs   []*Value // nil where an optional input is absent
	Outputs  []*Value // nil where an optional output is not asked for
	Captures []*Value // outer values that the node's subgraphs read
	Origin   any      // the message it was imported from
}

// Attrs are a node's attributes by name: int64, float32, string, *Tensor, []int64, []float32, []string, or [Opaque].
type Attrs map[string]any

// Opaque is an attribute that is kept as it was imported: a subgraph, or a type this package does not model.
type Opaque struct{ Origin any }

// Has says whether the attribute is there.
func (n *Node) Has(name string) bool { _, ok := n.Attrs[name]; return ok }

// Int is an integer attribute, or def where it is absent.
func (n *Node) Int(name string, def int64) int64 { return attr(n, name, def) }

// Float is a float attribute, or def where it is absent.
func (n *Node) Float(name string, def float64) float64 {
	if f, ok := n.Attrs[name].(float32); ok {
		return float64(f)
	}
	return def
}

// String is a string attribute, or def where it is absent.
func (n *Node) String(name, def string) string { return attr(n, name, def) }

// Ints is an attribute that lists integers, or def where it is absent.
func (n *Node) Ints(name string, def ...int64) []int64 { return attr(n, name, def) }

// Tensor is a tensor attribute, nil where it is absent.
func (n *Node) Tensor(name string) *Tensor { return attr(n, name, (*Tensor)(nil)) }

func attr[T any](n *Node, name string, def T) T {
	if v, ok := n.Attrs[name].(T); ok {
		return v
	}
	return def
}

// Input is the i-th input, nil where it is absent.
func (n *Node) Input(i int) *Value {
	if i < len(n.Inputs) {
		return n.Inputs[i]
	}
	return nil
}

// Output is the i-th output, nil where it is not asked for.
func (n *Node) Output(i int) *Value {
	if i < len(n.Outputs) {
		return n.Outputs[i]
	}
	return nil
}

// Reads lists the values that a run of the node needs: its inputs that are present, and its captures.
func (n *Node) Reads() []*Value {
	reads := make([]*Value, 0, len(n.Inputs)+len(n.Captures))
	for _, v := range n.Inputs {
		if v != nil {
			reads = append(reads, v)
		}
	}
	return append(reads, n.Captures...)
}

// OpName is the op with its domain, as in "com.microsoft.Gelu", and without one in the ONNX domain.
func (n *Node) OpName() string {
	if n.Domain == "" {
		return n.Op
	}
	return n.Domain + "." + n.Op
}

// Values lists every value once: inputs, initializers, then outputs of nodes in order.
func (g *Graph) Values() []*Value {
	all := slices.Concat(g.Inputs, g.Initializers)
	for _, n := range g.Nodes {
		for _, v := range n.Outputs {
			if v != nil {
				all = append(all, v)
			}
		}
	}
	return all
}

// Names lists the names of values, "" for an absent one.
func Names(vs []*Value) []string {
	names := make([]string, len(vs))
	for i, v := range vs {
		if v != nil {
			names[i] = v.Name
		}
	}
	return names
}

// ByName maps the names of all values.
func (g *Graph) ByName() map[string]*Value {
	all := g.Values()
	m := make(map[string]*Value, len(all))
	for _, v := range all {
		m[v.Name] = v
	}
	return m
}

// Consumers maps a value to the nodes that read it, in order, each once.
func (g *Graph) Consumers() map[*Value][]*Node {
	m := map[*Value][]*Node{}
	for _, n := range g.Nodes {
		for _, v := range n.Reads() {
			if c := m[v]; len(c) == 0 || c[len(c)-1] != n {
				m[v] = append(c, n)
			}
		}
	}
	return m
}

// Clone copies the graph. Tensors and origins are shared, since neither is ever changed in place.
// The map leads from each old value to its copy.
func (g *Graph) Clone() (*Graph, map[*Value]*Value) {
	to := map[*Value]*Value{}
	value := func(v *Value) *Value {
		if v == nil {
			return nil
		}
		c, ok := to[v]
		if !ok {
			c = &Value{Name: v.Name, DType: v.DType, Shape: v.Shape.Clone(), Elems: v.Elems.Clone(), Const: v.Const,
				Origin: v.Origin}
			to[v] = c
		}
		return c
	}
	list := func(vs []*Value) []*Value {
		if vs == nil {
			return nil
		}
		c := make([]*Value, len(vs))
		for i, v := range vs {
			c[i] = value(v)
		}
		return c
	}
	c := &Graph{Name: g.Name, Opsets: maps.Clone(g.Opsets), Inputs: list(g.Inputs), Initializers: list(g.Initializers),
		Functions: g.Functions, Origin: g.Origin}
	c.Nodes = make([]*Node, len(g.Nodes))
	for i, n := range g.Nodes {
		m := &Node{Name: n.Name, Op: n.Op, Domain: n.Domain, Attrs: maps.Clone(n.Attrs), Origin: n.Origin}
		m.Inputs, m.Captures, m.Outputs = list(n.Inputs), list(n.Captures), list(n.Outputs)
		for _, v := range m.Outputs {
			if v != nil {
				v.Producer = m
			}
		}
		c.Nodes[i] = m
	}
	c.Outputs = list(g.Outputs)
	return c, to
}

// Fix makes a value the constant t. A node that gave it, and it alone, is gone then.
func (g *Graph) Fix(v *Value, t *Tensor) {
	if n := v.Producer; n != nil {
		g.Nodes = slices.DeleteFunc(g.Nodes, func(m *Node) bool { return m == n })
		g.Initializers = append(g.Initializers, v)
		v.Producer, v.DType, v.Shape = nil, t.DType, t.Shape()
	}
	v.Const = t
}

// Replace makes every reader of old read new instead, graph outputs included.
func (g *Graph) Replace(old, new *Value) {
	swap := func(vs []*Value) {
		for i, v := range vs {
			if v == old {
				vs[i] = new
			}
		}
	}
	for _, n := range g.Nodes {
		swap(n.Inputs)
		swap(n.Captures)
	}
	swap(g.Outputs)
}

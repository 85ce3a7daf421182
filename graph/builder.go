package graph

import (
	"fmt"
	"strings"
)

// Builder appends to a graph. The first error sticks: later calls do nothing and return placeholders,
// so that a chain of ops needs one look at [Builder.Err] at its end.
type Builder struct {
	*builder
	scope string
}

type builder struct {
	graph *Graph
	infer func(*Node) error
	taken map[string]bool
	next  map[string]int
	err   error
}

// NewBuilder appends to g. infer fills in dtype and shape of a new node's outputs; package graph/op provides it.
func NewBuilder(g *Graph, infer func(*Node) error) *Builder {
	b := &builder{graph: g, infer: infer, taken: map[string]bool{}, next: map[string]int{}}
	for _, v := range g.Values() {
		b.taken[v.Name] = true
	}
	return &Builder{builder: b}
}

// Graph is the graph being built.
func (b *Builder) Graph() *Graph { return b.graph }

// Err is the first error.
func (b *Builder) Err() error { return b.err }

// Fail records an error, unless there is one already.
func (b *Builder) Fail(format string, args ...any) {
	if b.err == nil {
		b.err = fmt.Errorf(format, args...)
	}
}

// Guard is deferred by a function that appends and returns an error: it gives the first error as the function's. Code
// that goes on after an error works with placeholders of unknown rank; if that makes it panic, the first error is what
// there is to say.
func (b *Builder) Guard(err *error) {
	if b.err == nil {
		return
	}
	_ = recover()
	*err = b.err
}

// In is the same builder, naming what it appends "scope/…".
func (b *Builder) In(scope string) *Builder {
	return &Builder{builder: b.builder, scope: b.scope + scope + "/"}
}

// unique gives a name that no value has yet.
func (b *Builder) unique(name string) string {
	name = b.scope + name
	if !b.taken[name] {
		b.taken[name] = true
		return name
	}
	for {
		b.next[name]++
		if n := fmt.Sprintf("%s_%d", name, b.next[name]); !b.taken[n] {
			b.taken[n] = true
			return n
		}
	}
}

// Input appends a graph input.
func (b *Builder) Input(name string, dtype DType, shape Shape) *Value {
	v := &Value{Name: b.unique(name), DType: dtype, Shape: shape}
	b.graph.Inputs = append(b.graph.Inputs, v)
	return v
}

// Const appends an initializer.
func (b *Builder) Const(name string, t *Tensor) *Value {
	v := &Value{Name: b.unique(name), DType: t.DType, Shape: t.Shape(), Const: t}
	b.graph.Initializers = append(b.graph.Initializers, v)
	return v
}

// Scalar appends a rank-0 initializer.
func (b *Builder) Scalar(dtype DType, v float64) *Value {
	if b.err != nil {
		return &Value{}
	}
	return b.Const("scalar", Scalar(dtype, v))
}

// Ints appends a rank-1 int64 initializer.
func (b *Builder) Ints(v ...int64) *Value { return b.Const("ints", Ints(v...)) }

// Rename appends an Identity, so that a value can be read under a name of its own.
func (b *Builder) Rename(v *Value, name string) *Value {
	out := b.Op("Identity", nil, v)
	delete(b.taken, out.Name)
	out.Name = b.unique(name)
	return out
}

// Output declares graph outputs.
func (b *Builder) Output(vs ...*Value) { b.graph.Outputs = append(b.graph.Outputs, vs...) }

// Op appends a node with one output. The op may be led by its domain, as in "ildc.ConvGradInput".
// A nil input is an absent optional one.
func (b *Builder) Op(op string, attrs Attrs, in ...*Value) *Value {
	return b.Ops(op, 1, attrs, in...)[0]
}

// Ops appends a node with several outputs.
func (b *Builder) Ops(op string, outputs int, attrs Attrs, in ...*Value) []*Value {
	domain := ""
	if i := strings.LastIndexByte(op, '.'); i >= 0 {
		domain, op = op[:i], op[i+1:]
	}
	n := &Node{Op: op, Domain: domain, Attrs: attrs, Inputs: in}
	for i := range outputs {
		name := op
		if i > 0 {
			name = fmt.Sprintf("%s.%d", op, i)
		}
		n.Outputs = append(n.Outputs, &Value{Name: b.unique(name), Producer: n})
	}
	n.Name = n.Outputs[0].Name
	b.Append(n)
	return n.Outputs
}

// Adopt appends a copied node, giving it outputs that are named after those of the original (nil where one is not asked
// for).
func (b *Builder) Adopt(n *Node, original []*Value) {
	n.Outputs = make([]*Value, len(original))
	for i, v := range original {
		if v != nil {
			n.Outputs[i] = &Value{Name: b.unique(v.Name), DType: v.DType, Shape: v.Shape.Clone()}
		}
	}
	n.Name = b.scope + n.Name
	b.Append(n)
}

// Append appends a node that exists already, with its outputs, and infers their dtype and shape.
func (b *Builder) Append(n *Node) {
	if b.err != nil {
		return
	}
	for _, v := range n.Outputs {
		if v != nil {
			v.Producer = n
			b.taken[v.Name] = true
		}
	}
	if err := b.infer(n); err != nil {
		b.err = err
		return
	}
	b.graph.Nodes = append(b.graph.Nodes, n)
}

package embedded

import (
	"errors"
	"fmt"
	"hash"
	"hash/fnv"
	"sync"

	"github.com/chewxy/hm"
	_ "go4.org/unsafe/assume-no-moving-gc" // at a version that knows this Go; the one Gorgonia names refuses to start
	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/ildc/ildc/graph"
)

// instruction is a Gorgonia op that computes one IR node, in memory that it is bound to. To Gorgonia every value is a
// vector.
type instruction struct {
	number int
	salt   uint32
	node   *graph.Node
	run    func() error
	out    tensor.Tensor
	in     int // number of inputs
	types  []hm.Type
}

func (i *instruction) Arity() int           { return i.in }
func (i *instruction) Type() hm.Type        { return hm.NewFnType(i.types...) }
func (i *instruction) ReturnsPtr() bool     { return true }
func (i *instruction) CallsExtern() bool    { return false }
func (i *instruction) OverwritesInput() int { return -1 }
func (i *instruction) String() string       { return i.node.OpName() }

func (i *instruction) InferShape(...gorgonia.DimSizer) (tensor.Shape, error) {
	return i.out.Shape(), nil
}

// WriteHash tells every instruction from every other.
func (i *instruction) WriteHash(h hash.Hash) {
	fmt.Fprintf(h, "%d/%d %s", i.salt, i.number, i.node.OpName())
}

func (i *instruction) Hashcode() uint32 {
	h := fnv.New32a()
	i.WriteHash(h)
	return h.Sum32()
}

// Do computes the node. The inputs are the values that the instruction is bound to.
func (i *instruction) Do(...gorgonia.Value) (gorgonia.Value, error) {
	if err := i.run(); err != nil {
		return nil, err
	}
	return i.out, nil
}

// Gorgonia's graph construction is not safe for concurrent use, not even of separate graphs.
var construction sync.Mutex

// newMachine builds the expression graph of instructions, whose nodes read the values that at gives, and a tape
// machine for it.
func newMachine(instructions []*instruction, at map[*graph.Value]*graph.Tensor) (gorgonia.VM, error) {
	construction.Lock()
	defer construction.Unlock()
	// The machine takes nodes of equal 32-bit hash for one. Another salt gives other hashes.
	for salt := range uint32(8) {
		g, err := expressionGraph(instructions, at, salt)
		if err != nil {
			return nil, err
		}
		if hashesDiffer(g) {
			return gorgonia.NewTapeMachine(g), nil
		}
	}
	return nil, errors.New("hashes of nodes collide")
}

func hashesDiffer(g *gorgonia.ExprGraph) bool {
	seen := map[uint32]bool{}
	for _, n := range g.AllNodes() {
		if seen[n.Hashcode()] {
			return false
		}
		seen[n.Hashcode()] = true
	}
	return true
}

func expressionGraph(
	instructions []*instruction, at map[*graph.Value]*graph.Tensor, salt uint32,
) (*gorgonia.ExprGraph, error) {
	g := gorgonia.NewGraph()
	leaf := func(name string, v tensor.Tensor) *gorgonia.Node {
		return gorgonia.NewTensor(g, v.Dtype(), 1, gorgonia.WithShape(v.Shape()...), gorgonia.WithName(name),
			gorgonia.WithValue(v))
	}
	nodes := map[*graph.Value]*gorgonia.Node{}
	previous := leaf("start", tensor.New(tensor.WithShape(1), tensor.WithBacking([]float32{0})))
	for _, i := range instructions {
		// Instructions are chained, so that they run in the order that memory was planned for.
		in := []*gorgonia.Node{previous}
		for _, v := range i.node.Reads() {
			for v.Producer != nil && isView(v.Producer) {
				v = v.Producer.Inputs[0]
			}
			if nodes[v] == nil {
				nodes[v] = leaf(fmt.Sprintf("value %d %s", len(nodes), v.Name), vector(at[v]))
			}
			if n := nodes[v]; !gorgonia.Nodes(in).Contains(n) {
				in = append(in, n)
			}
		}
		i.salt, i.in, i.types = salt, len(in), nil
		for _, n := range in {
			i.types = append(i.types, n.Type())
		}
		i.types = append(i.types, gorgonia.TensorType{Dims: 1, Of: i.out.Dtype()})
		n, err := gorgonia.ApplyOp(i, in...)
		if err != nil {
			return nil, fmt.Errorf("node %q (%s): %w", i.node.Name, i.node.OpName(), err)
		}
		for _, v := range i.node.Outputs {
			if v != nil {
				nodes[v] = n
			}
		}
		previous = n
	}
	return g, nil
}

// vector is a tensor's memory as Gorgonia's value; a tensor without elements is stood for by a single one.
func vector(t *graph.Tensor) tensor.Tensor {
	if t.Len() == 0 {
		t = graph.NewTensor(t.DType, 1)
	}
	return tensor.New(tensor.WithShape(t.Len()), tensor.WithBacking(t.Data))
}

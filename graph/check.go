package graph

import (
	"errors"
	"fmt"
	"maps"
	"slices"
)

// Check reports every broken invariant:
//   - values have names, each given once; initializers hold tensors of their dtype and shape, others hold none
//   - producers and outputs agree; every value that is read is an input, an initializer, or the output of an earlier
//     node
//   - every output of the graph is there
//   - attributes are of the types that [Attrs] lists
func (g *Graph) Check() error {
	c := checker{defined: map[*Value]bool{}, names: map[string]bool{}}
	for _, v := range g.Inputs {
		c.define(v, "input")
		if v.Const != nil || v.Producer != nil {
			c.bad("input %q has a constant or a producer", v.Name)
		}
	}
	for _, v := range g.Initializers {
		c.define(v, "initializer")
		switch {
		case v.Const == nil:
			c.bad("initializer %q has no tensor", v.Name)
		case v.Producer != nil:
			c.bad("initializer %q has a producer", v.Name)
		case v.DType != v.Const.DType || !v.Shape.Equal(v.Const.Shape()):
			c.bad("initializer %q: declared %v%v, holds %v", v.Name, v.DType, v.Shape, v.Const)
		}
	}
	for _, n := range g.Nodes {
		c.checkNode(n)
	}
	for _, v := range g.Outputs {
		if !c.defined[v] {
			c.bad("output %q is not produced", v.Name)
		}
	}
	return errors.Join(c.errs...)
}

// checker walks a graph in order.
type checker struct {
	defined map[*Value]bool // so far
	names   map[string]bool
	errs    []error
}

func (c *checker) bad(format string, args ...any) {
	c.errs = append(c.errs, fmt.Errorf("graph: "+format, args...))
}

func (c *checker) define(v *Value, what string) {
	switch {
	case v.Name == "":
		c.bad("%s without a name", what)
	case c.names[v.Name]:
		c.bad("%s %q: the name is given twice", what, v.Name)
	}
	c.names[v.Name], c.defined[v] = true, true
}

func (c *checker) checkNode(n *Node) {
	if n.Op == "" {
		c.bad("node %q has no op", n.Name)
	}
	for i, v := range n.Reads() {
		if !c.defined[v] {
			c.bad("node %q (%s): reads %q (%d) before it is produced; the graph has a cycle or is out of order",
				n.Name, n.OpName(), v.Name, i)
		}
	}
	for _, v := range n.Outputs {
		if v == nil {
			continue
		}
		c.define(v, "output")
		if v.Producer != n {
			c.bad("value %q: its producer is not node %q", v.Name, n.Name)
		}
		if v.Const != nil {
			c.bad("value %q: produced by node %q and constant", v.Name, n.Name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(n.Attrs)) {
		switch a := n.Attrs[name].(type) {
		case int64, float32, string, *Tensor, []int64, []float32, []string, Opaque:
		default:
			c.bad("node %q (%s): attribute %q has type %T", n.Name, n.OpName(), name, a)
		}
	}
}

package graph

import (
	"errors"
	"fmt"
)

// Check reports every broken invariant:
//   - values have names, each given once; initializers hold tensors of their dtype and shape, others hold none
//   - producers and outputs agree; every value that is read is an input, an initializer, or the output of an earlier
//     node
//   - every output of the graph is there
//   - attributes are of the types that [Attrs] lists
func (g *Graph) Check() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf("graph: "+format, args...)) }
	defined := map[*Value]bool{}
	names := map[string]bool{}
	define := func(v *Value, what string) {
		switch {
		case v.Name == "":
			bad("%s without a name", what)
		case names[v.Name]:
			bad("%s %q: the name is given twice", what, v.Name)
		}
		names[v.Name], defined[v] = true, true
	}
	for _, v := range g.Inputs {
		define(v, "input")
		if v.Const != nil || v.Producer != nil {
			bad("input %q has a constant or a producer", v.Name)
		}
	}
	for _, v := range g.Initializers {
		define(v, "initializer")
		switch {
		case v.Const == nil:
			bad("initializer %q has no tensor", v.Name)
		case v.Producer != nil:
			bad("initializer %q has a producer", v.Name)
		case v.DType != v.Const.DType || !v.Shape.Equal(v.Const.Shape()):
			bad("initializer %q: declared %v%v, holds %v", v.Name, v.DType, v.Shape, v.Const)
		}
	}
	for _, n := range g.Nodes {
		if n.Op == "" {
			bad("node %q has no op", n.Name)
		}
		for i, v := range n.Reads() {
			if !defined[v] {
				bad("node %q (%s): reads %q (%d) before it is produced; the graph has a cycle or is out of order", n.Name,
					n.OpName(), v.Name, i)
			}
		}
		for _, v := range n.Outputs {
			if v == nil {
				continue
			}
			define(v, "output")
			if v.Producer != n {
				bad("value %q: its producer is not node %q", v.Name, n.Name)
			}
			if v.Const != nil {
				bad("value %q: produced by node %q and constant", v.Name, n.Name)
			}
		}
		for name, a := range n.Attrs {
			switch a.(type) {
			case int64, float32, string, *Tensor, []int64, []float32, []string, Opaque:
			default:
				bad("node %q (%s): attribute %q has type %T", n.Name, n.OpName(), name, a)
			}
		}
	}
	for _, v := range g.Outputs {
		if !defined[v] {
			bad("output %q is not produced", v.Name)
		}
	}
	return errors.Join(errs...)
}

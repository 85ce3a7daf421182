package pass

import (
	"github.com/ildc/ildc/graph"
)

// Memory is what a graph takes to hold and to run once, in bytes.
type Memory struct {
	Constants int64 // initializers, and tensors in attributes
	Inputs    int64 // what a run is given
	Live      int64 // the most that values which nodes give take at one time
}

// MemoryOf estimates the memory of a graph whose shapes are static, see [Specialise]. Nodes run one after another in
// the graph's order, and a value lives from the node that gives it to the last that reads it; an output lives to the
// end. Not counted is what an engine needs while it runs a node, and not taken off is what it saves by computing in
// place.
func MemoryOf(g *graph.Graph) Memory {
	m := Memory{Constants: ConstantBytes(g)}
	for _, v := range g.Inputs {
		m.Inputs += valueBytes(v)
	}
	readers := map[*graph.Value]int{} // that are still to come; an output has one more
	for _, v := range g.Outputs {
		readers[v]++
	}
	for _, n := range g.Nodes {
		for _, v := range n.Reads() {
			readers[v]++
		}
	}
	var live int64
	for _, n := range g.Nodes {
		for _, v := range n.Outputs {
			if v != nil {
				live += valueBytes(v)
			}
		}
		m.Live = max(m.Live, live)
		for _, v := range n.Reads() {
			if readers[v]--; readers[v] == 0 && v.Producer != nil {
				live -= valueBytes(v)
			}
		}
		for _, v := range n.Outputs {
			if v != nil && readers[v] == 0 {
				live -= valueBytes(v)
			}
		}
	}
	return m
}

// valueBytes is 0 where the shape is not static.
func valueBytes(v *graph.Value) int64 {
	if !v.Shape.Static() {
		return 0
	}
	return int64(v.Shape.Elements()) * int64(v.DType.Size())
}

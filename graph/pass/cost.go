package pass

import (
	"github.com/ildc/ildc/graph"
	"github.com/ildc/ildc/graph/op"
)

// Cost is what a graph costs to hold and to run once.
type Cost struct {
	MACs   int64 // multiply-adds (one multiply-add = 1 MAC)
	Params int64 // elements of the float initializers of rank 1 or more that nodes read

	Nodes []NodeCost

	// Uncounted are ops that are not in the table, or whose shapes are not known: their MACs are missing.
	Uncounted []*graph.Node
}

// NodeCost is the part of one node.
type NodeCost struct {
	Node *graph.Node
	MACs int64
}

// CostOf counts the cost of a graph whose shapes are inferred, see [Analyse] and [Specialise].
func CostOf(g *graph.Graph) Cost {
	var c Cost
	counted := map[*graph.Value]bool{}
	for _, n := range g.Nodes {
		s := op.Of(n)
		static := s != nil
		for _, v := range n.Reads() {
			if v.Const != nil && isFloat(v.DType) && len(v.Shape) > 0 && !counted[v] {
				counted[v] = true
				c.Params += int64(v.Shape.Elements())
			}
			static = static && v.Shape.Static()
		}
		nc := NodeCost{Node: n}
		for _, v := range n.Outputs {
			static = static && (v == nil || v.Shape.Static())
		}
		if !static {
			c.Uncounted = append(c.Uncounted, n)
		} else if s.MACs != nil {
			nc.MACs = s.MACs(n)
		}
		c.Nodes = append(c.Nodes, nc)
		c.MACs += nc.MACs
	}
	return c
}

func isFloat(t graph.DType) bool { return t.IsFloat() || t == graph.Float16 || t == graph.BFloat16 }

// ConstantBytes is the size of all tensors that a graph holds, in initializers and in attributes, in bytes.
func ConstantBytes(g *graph.Graph) int64 {
	var bytes int64
	for _, v := range g.Initializers {
		bytes += v.Const.Bytes()
	}
	for _, n := range g.Nodes {
		for _, a := range n.Attrs {
			if t, ok := a.(*graph.Tensor); ok {
				bytes += t.Bytes()
			}
		}
	}
	return bytes
}

// CostModel tells what a graph would cost with fewer channels, without slicing it.
type CostModel struct {
	groups *Groups
	graph  *graph.Graph // shapes follow the widths
	axes   [][]axisCost // by group
}

type axisCost struct {
	value *graph.Value // of graph
	axis  int
	per   int // positions of one channel
	whole int
}

// CostModel makes a cost model of the analysed copy.
func (gs *Groups) CostModel() *CostModel {
	g, to := gs.Graph.Clone()
	m := &CostModel{groups: gs, graph: g}
	for _, group := range gs.List {
		var axes []axisCost
		for _, a := range group.Axes {
			axes = append(axes, axisCost{to[a.Value], a.Axis, len(a.At[0]), a.Value.Shape[a.Axis].Size})
		}
		m.axes = append(m.axes, axes)
	}
	return m
}

// Cost is what the graph costs with that many channels left in each group.
func (m *CostModel) Cost(widths []int) Cost {
	for _, axes := range m.axes {
		for _, a := range axes {
			a.value.Shape[a.axis] = graph.D(a.whole)
		}
	}
	for i, axes := range m.axes {
		for _, a := range axes {
			a.value.Shape[a.axis].Size -= (m.groups.List[i].Channels - widths[i]) * a.per
		}
	}
	return CostOf(m.graph)
}

// Bytes is the size of the initializers of the analysed copy that the source has too, with as many channels left as in
// the last call of Cost.
func (m *CostModel) Bytes() int64 {
	var bytes int64
	own := m.groups.Source.ByName()
	for _, v := range m.graph.Initializers {
		if own[v.Name] != nil {
			bytes += int64(v.Shape.Elements()) * int64(v.DType.Size())
		}
	}
	return bytes
}

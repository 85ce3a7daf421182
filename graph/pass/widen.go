package pass

import (
	"maps"

	"github.com/ildc/ildc/graph"
)

func isHalf(t graph.DType) bool { return t == graph.Float16 || t == graph.BFloat16 }

// Widen copies a graph with float32 in the place of 16-bit floats, in which it can be trained: inputs, outputs,
// constants, and what casts give. It gives g itself where there are none.
func Widen(g *graph.Graph) *graph.Graph {
	wide, _ := g.Clone()
	changed := false
	wider := func(t *graph.Tensor) *graph.Tensor {
		changed = true
		return graph.FromValues(graph.Float32, t.Dims, t.Values())
	}
	for _, v := range wide.Values() {
		if v.Const != nil && isHalf(v.Const.DType) {
			v.Const = wider(v.Const)
		}
		if isHalf(v.DType) {
			v.DType, changed = graph.Float32, true
		}
	}
	for _, n := range wide.Nodes {
		for name, a := range n.Attrs {
			if t, ok := a.(*graph.Tensor); ok && isHalf(t.DType) {
				n.Attrs[name] = wider(t)
			}
		}
		if to := n.Int("to", 0); n.OpName() == "Cast" && isHalf(graph.DType(to)) {
			n.Attrs["to"], changed = int64(graph.Float32), true
		}
	}
	if !changed {
		return g
	}
	return wide
}

// Narrow copies a graph with the types that values and attributes of the same names have in like, where those are
// 16-bit floats: what Widen made wide, or what was made of that.
func Narrow(g, like *graph.Graph) *graph.Graph {
	narrow, _ := g.Clone()
	was := like.ByName()
	for _, v := range narrow.Values() {
		w := was[v.Name]
		if w == nil {
			continue
		}
		if n, m := v.Producer, w.Producer; n != nil && m != nil && n.OpName() == m.OpName() {
			n.Attrs = maps.Clone(n.Attrs)
			for name, a := range m.Attrs {
				now, ok := n.Attrs[name].(*graph.Tensor)
				if t, was := a.(*graph.Tensor); ok && was && isHalf(t.DType) {
					n.Attrs[name] = graph.FromValues(t.DType, now.Dims, now.Values())
				}
			}
			if to := m.Int("to", 0); m.OpName() == "Cast" && isHalf(graph.DType(to)) {
				n.Attrs["to"] = to
			}
		}
		if !isHalf(w.DType) {
			continue
		}
		if v.DType = w.DType; v.Const != nil {
			v.Const = graph.FromValues(w.DType, v.Const.Dims, v.Const.Values())
		}
	}
	return narrow
}

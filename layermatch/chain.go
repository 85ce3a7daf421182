package layermatch

import (
	"cmp"
	"slices"

	"github.com/ildc/ildc/graph"
	"github.com/ildc/ildc/graph/op"
)

// chain is an op with the activations, normalisations, additions of constants and changes of layout that directly
// follow it. Its last value stands for it.
type chain struct {
	Candidate
	value *graph.Value // at the end of what changes features
	end   *graph.Value // at the end of all; nil where several nodes go on
	step  int          // chains passed since the last compute node, on the longest path
	rank  int          // in the structural order
	aside bool         // of all stages
}

// findChains groups values into chains and keeps, in total order, those that carry features: computed by at least one
// compute node, read by at least one more, with a channel axis.
func (n *network) findChains() {
	n.chainOf = map[*graph.Value]*chain{}
	var all []*chain
	for _, node := range n.order {
		operands := n.operands(node)
		c := n.chainOf[operands[0]]
		if kind := n.starts(node, operands); kind != "" {
			c = n.begin(node, operands, kind)
			c.rank = len(all)
			all = append(all, c)
		} else if c != nil {
			n.extend(c, node, operands[0])
		}
		for _, v := range node.Outputs {
			if v != nil && c != nil {
				n.chainOf[v] = c
			}
		}
	}
	for _, c := range all {
		if n.describe(&c.Candidate, c.value) && c.Depth > 0 && n.left[c.value] > 0 &&
			!slices.Contains(n.graph.Outputs, c.value) {
			n.chains = append(n.chains, c)
		}
	}
	slices.SortStableFunc(n.chains, func(a, b *chain) int {
		return cmp.Or(cmp.Compare(a.Depth, b.Depth), cmp.Compare(a.step, b.step),
			cmp.Compare(graph.Product(b.Spatial()), graph.Product(a.Spatial())), cmp.Compare(a.rank, b.rank))
	})
}

// begin makes the chain that a node starts.
func (n *network) begin(node *graph.Node, operands []*graph.Value, kind Kind) *chain {
	y := node.Outputs[0]
	c := &chain{value: y, end: y}
	c.Kind, c.Op = kind, n.opName(node)
	if kind == Activation {
		c.PreActivation = operands[0].Name
	}
	for _, v := range operands {
		if before := n.chainOf[v]; before != nil && n.passed[v].nodes == n.passed[y].nodes {
			c.step = max(c.step, before.step+1)
		}
	}
	return c
}

// starts says of what kind a chain is that begins with the node; "" where none does.
func (n *network) starts(node *graph.Node, operands []*graph.Value) Kind {
	x, s := operands[0], op.Of(node)
	_, linear := computes(node)
	switch {
	case node.Outputs[0] == nil:
		return ""
	case linear:
		return Linear
	case len(operands) > 1:
		return Merge
	case s == nil || s.Role == "":
		return ""
	case s.Role == op.Pooling:
		return Pooling
	case n.goesOn(x) && n.sameFeatures(n.chainOf[x].value, node.Outputs[0]):
		return ""
	case s.Role == op.Normalisation:
		return Normalisation
	}
	return Activation
}

// goesOn says whether a value ends its chain and is read once, so that the reader may go on with the chain.
func (n *network) goesOn(v *graph.Value) bool {
	c := n.chainOf[v]
	return c != nil && c.end == v && len(n.readers[v]) == 1 && !slices.Contains(n.graph.Outputs, v)
}

// sameFeatures says whether two values have the same channels at the same positions, be the layout another.
func (n *network) sameFeatures(v, w *graph.Value) bool {
	a, okA := n.channel[v]
	b, okB := n.channel[w]
	return okA && okB && v.Shape[a] == w.Shape[b] && slices.Equal(spatial(v.Shape, a), spatial(w.Shape, b))
}

// extend lets a chain go on with a node that reads x, where nothing else reads it.
func (n *network) extend(c *chain, node *graph.Node, x *graph.Value) {
	if !n.goesOn(x) {
		return
	}
	if len(node.Outputs) > 1 {
		c.end = nil
		return
	}
	y := node.Outputs[0]
	c.end = y
	switch s := op.Of(node); {
	case s != nil && s.Role == op.Activation:
		c.value, c.PreActivation = y, x.Name
	case s != nil && s.Role != "", y.Shape.Equal(x.Shape) && addsConstant(node, x):
		c.value = y
	}
}

// addsConstant says whether a node computes from x and a constant that could be a bias or a scale.
func addsConstant(node *graph.Node, x *graph.Value) bool {
	return slices.ContainsFunc(node.Reads(), func(v *graph.Value) bool { return v != x && v.DType == x.DType })
}

// opName names an op and the extents of its kernel.
func (n *network) opName(node *graph.Node) string {
	for _, v := range node.Reads() {
		if _, linear := computes(node); linear && !n.fed[v] && len(v.Shape) > 2 {
			if kernel := v.Shape[2:].Sizes(); kernel != nil {
				return node.OpName() + " " + resolution(kernel)
			}
		}
	}
	return node.OpName()
}

// describe fills in what can be told of any value; ok is false where it has no shape or no channel axis.
func (n *network) describe(c *Candidate, v *graph.Value) (ok bool) {
	c.Name, c.Shape, c.Stage, c.Through = v.Name, v.Shape, -1, n.through[v]
	c.Channel, ok = n.channel[v]
	if n.longest.nodes > 0 {
		c.Depth = float64(n.passed[v].nodes) / float64(n.longest.nodes)
	}
	if c.MACs = c.Depth; n.longest.macs > 0 {
		c.MACs = float64(n.passed[v].macs) / float64(n.longest.macs)
	}
	return ok && isFeature(v.DType)
}

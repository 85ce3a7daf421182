package layermatch

import (
	"cmp"
	"slices"

	"github.com/ildc/ildc/graph"
	"github.com/ildc/ildc/graph/op"
)

// network is what the matcher knows of a graph. Nothing in it depends on names or on the order of nodes in the file,
// but for what is read in parallel and told apart by nothing else.
type network struct {
	graph   *graph.Graph
	fed     map[*graph.Value]bool // depends on an input of the graph
	passed  map[*graph.Value]path // on the way to a value, its own node included
	longest path                  // in the graph
	// most compute nodes from a value to an output; absent where no output depends on it
	left    map[*graph.Value]int
	order   []*graph.Node                  // in topological order, by structure
	readers map[*graph.Value][]*graph.Node // those in order that have the value for an operand
	through map[*graph.Value]bool          // every path from an input to an output leads through the value
	channel map[*graph.Value]int           // the channel axis, where there is one
	chainOf map[*graph.Value]*chain
	chains  []*chain // the candidates, in total order
	stages  []Stage

	attention []attending // in order

	byName map[string]*graph.Value
}

// path counts along a longest path.
type path struct {
	nodes int   // most compute nodes
	macs  int64 // most MACs
}

func analyse(g *graph.Graph) *network {
	n := &network{graph: g}
	n.measure()
	n.sort()
	n.findThrough()
	n.findChannels()
	n.findChains()
	n.findAttention()
	n.arrange()
	n.findStages()
	return n
}

// isFeature says whether elements of this type can be features; unknown ops leave the type undefined.
func isFeature(t graph.DType) bool {
	return t.IsFloat() || t == graph.Float16 || t == graph.BFloat16 || t == graph.Undefined
}

// operands lists the values that a node computes from and that carry features, each once. Where there are none, as
// where token numbers pick rows of a table, it lists the other ones that depend on an input.
func (n *network) operands(node *graph.Node) []*graph.Value {
	var features, others []*graph.Value
	for _, v := range node.Reads() {
		switch {
		case !n.fed[v] || slices.Contains(features, v) || slices.Contains(others, v):
		case isFeature(v.DType):
			features = append(features, v)
		default:
			others = append(others, v)
		}
	}
	if len(features) == 0 {
		return others
	}
	return features
}

// computes says whether a node counts for depth, and its MACs, 0 where a shape is not static.
func computes(node *graph.Node) (macs int64, ok bool) {
	s := op.Of(node)
	if s == nil || s.MACs == nil {
		return 0, false
	}
	for _, v := range slices.Concat(node.Reads(), node.Outputs) {
		if v != nil && !v.Shape.Static() {
			return 0, true
		}
	}
	return s.MACs(node), true
}

// measure finds what depends on inputs, and the longest paths from inputs and to outputs.
func (n *network) measure() {
	n.fed, n.passed, n.left = map[*graph.Value]bool{}, map[*graph.Value]path{}, map[*graph.Value]int{}
	for _, v := range n.graph.Inputs {
		n.fed[v] = true
	}
	for _, node := range n.graph.Nodes {
		operands := n.operands(node)
		if len(operands) == 0 {
			continue
		}
		var p path
		for _, v := range operands {
			p.nodes, p.macs = max(p.nodes, n.passed[v].nodes), max(p.macs, n.passed[v].macs)
		}
		if macs, ok := computes(node); ok {
			p.nodes++
			p.macs += macs
		}
		n.longest.nodes, n.longest.macs = max(n.longest.nodes, p.nodes), max(n.longest.macs, p.macs)
		for _, v := range node.Outputs {
			if v != nil {
				n.fed[v], n.passed[v] = true, p
			}
		}
	}
	for _, v := range n.graph.Outputs {
		n.left[v] = 0
	}
	for _, node := range slices.Backward(n.graph.Nodes) {
		most := -1
		for _, v := range node.Outputs {
			if left, ok := n.left[v]; ok {
				most = max(most, left)
			}
		}
		if most < 0 {
			continue
		}
		if _, ok := computes(node); ok {
			most++
		}
		for _, v := range n.operands(node) {
			n.left[v] = max(n.left[v], most)
		}
	}
}

// sort orders the nodes that outputs depend on: depth first from the outputs, of the operands of a node the deepest
// first, then by position. So the order follows from structure, whatever topological order the file has.
func (n *network) sort() {
	n.readers = map[*graph.Value][]*graph.Node{}
	seen := map[*graph.Node]bool{}
	var visit func(v *graph.Value)
	visit = func(v *graph.Value) {
		node := v.Producer
		if node == nil || seen[node] {
			return
		}
		seen[node] = true
		operands := n.operands(node)
		slices.SortStableFunc(operands, func(a, b *graph.Value) int {
			return cmp.Compare(n.passed[b].nodes, n.passed[a].nodes)
		})
		for _, w := range operands {
			visit(w)
			n.readers[w] = append(n.readers[w], node)
		}
		if len(operands) > 0 {
			n.order = append(n.order, node)
		}
	}
	for _, v := range n.graph.Outputs {
		visit(v)
	}
}

// findThrough walks the order and notes where only one value is still to be read: all later ones depend on it alone.
// The order visits a node only when something needs it, so that nothing that lies after such a value comes before it.
func (n *network) findThrough() {
	n.through = map[*graph.Value]bool{}
	unread := map[*graph.Value]int{}
	open := 0
	produce := func(v *graph.Value) {
		if unread[v] = len(n.readers[v]); unread[v] > 0 {
			open++
		}
	}
	for _, v := range n.graph.Inputs {
		produce(v)
	}
	for _, node := range n.order {
		for _, v := range n.operands(node) {
			if unread[v]--; unread[v] == 0 {
				open--
			}
		}
		for _, v := range node.Outputs {
			produce(v)
		}
		if v := node.Outputs[0]; open == 1 && unread[v] > 0 {
			n.through[v] = true
		}
	}
}

// findChannels finds the channel axis of each value: the one along which the outputs of a weight lie, which follows
// from what the ops couple, whatever the layout. Where weights give several, convolutional maps have it second, others
// last.
func (n *network) findChannels() {
	n.channel = map[*graph.Value]int{}
	coupling := op.NewCoupling()
	for _, node := range n.order {
		coupling.Apply(node)
	}
	for _, node := range n.order {
		for _, v := range node.Outputs {
			if v == nil {
				continue
			}
			var axes []int
			for axis := 1; axis < len(v.Shape); axis++ {
				if coupling.Sourced(op.AxisRef{Value: v, Axis: axis}) {
					axes = append(axes, axis)
				}
			}
			switch {
			case len(axes) > 1 && len(v.Shape) > 3 && axes[0] == 1:
				n.channel[v] = 1
			case len(axes) > 0:
				n.channel[v] = axes[len(axes)-1]
			default:
				for _, w := range n.operands(node) { // behind ops that the table does not have
					if axis, ok := n.channel[w]; ok && w.Shape.Equal(v.Shape) {
						n.channel[v] = axis
						break
					}
				}
			}
		}
	}
}

package ort

import (
	"container/heap"

	"github.com/ildc/ildc/graph"
)

// ONNX Runtime does not run nodes in the order of the file. It walks back from the outputs, depth first, and of a
// node's inputs it goes first to the one whose producer comes last in the file. A training step in its natural order
// would have all masks computed before the backward pass, and all weight gradients after it, so that most maps are
// held twice.

// runInOrder sorts nodes such that ONNX Runtime runs them about in the order that they have now: of the nodes whose
// readers are placed, the one that is now first is placed last.
func runInOrder(g *graph.Graph) {
	readers := map[*graph.Node]int{}
	each := func(n *graph.Node, f func(producer *graph.Node)) {
		for _, values := range [][]*graph.Value{n.Inputs, n.Captures} {
			for _, v := range values {
				if v != nil && v.Producer != nil {
					f(v.Producer)
				}
			}
		}
	}
	position := map[*graph.Node]int{}
	for i, n := range g.Nodes {
		position[n] = i
		if n.OpName() == "Reshape" && n.Inputs[0].Producer != nil {
			position[n] = position[n.Inputs[0].Producer] // a view, which is there as soon as what it shows
		}
		each(n, func(p *graph.Node) { readers[p]++ })
	}
	ready := &earliest{position: position}
	for _, n := range g.Nodes {
		if readers[n] == 0 {
			heap.Push(ready, n)
		}
	}
	sorted := make([]*graph.Node, len(g.Nodes))
	for i := len(sorted) - 1; i >= 0; i-- {
		sorted[i] = heap.Pop(ready).(*graph.Node)
		each(sorted[i], func(p *graph.Node) {
			if readers[p]--; readers[p] == 0 {
				heap.Push(ready, p)
			}
		})
	}
	g.Nodes = sorted
}

// earliest is a heap of nodes by their position.
type earliest struct {
	nodes    []*graph.Node
	position map[*graph.Node]int
}

func (e *earliest) Len() int           { return len(e.nodes) }
func (e *earliest) Less(i, j int) bool { return e.position[e.nodes[i]] < e.position[e.nodes[j]] }
func (e *earliest) Swap(i, j int)      { e.nodes[i], e.nodes[j] = e.nodes[j], e.nodes[i] }
func (e *earliest) Push(n any)         { e.nodes = append(e.nodes, n.(*graph.Node)) }
func (e *earliest) Pop() any {
	last := e.nodes[len(e.nodes)-1]
	e.nodes = e.nodes[:len(e.nodes)-1]
	return last
}

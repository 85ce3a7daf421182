// Package graph is the intermediate representation of ildc: what a graph is.
//
// A [Graph] holds [Node]s in topological order. Nodes read and produce [Value]s; a Value that holds a
// [Tensor] in Const is an initializer. The vocabulary is that of ONNX: ops, domains, opsets, attributes,
// initializers. The teacher, the student, every loss, the gradients and the optimiser update are graphs
// of this one kind; what an op means is told by package graph/op, and whole-graph reasoning by graph/pass.
//
// A [Shape] is a list of [Dim]s, each a known size or a symbol such as "batch".
//
// Nodes, values, tensors and graphs carry an Origin: the message that an importer read them from. Nothing in
// this package looks at it. An exporter starts from it, so that what this representation does not model
// (doc strings, unknown fields, training info) survives import and export.
//
// A graph is built with a [Builder]:
//
//	g := graph.New("affine")
//	b := op.NewBuilder(g) // a Builder that infers shapes
//	x := b.Input("x", graph.Float32, graph.Dims(1, 8))
//	w := b.Const("w", graph.FromFloat32([]int{8, 4}, weights))
//	b.Output(b.Op("Relu", nil, b.Op("MatMul", nil, x, w)))
//	if err := b.Err(); err != nil { … }
//
// [Graph.Check] states the invariants; [Graph.Dump] prints a graph as text.
package graph

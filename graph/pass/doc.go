// Package pass reasons over whole graphs: normalisation to one opset, shape inference, constant folding, dead code,
// specialisation to static shapes, rebatching, cost, channel groups and slicing, reverse-mode gradients, lowering of
// macro ops, and a reference interpreter.
//
// What an op means is asked of package graph/op; no pass knows an op by name.
//
// A training copy of an imported graph is made by
//
//	g, err := pass.Normalise(imported)          // opset-21 forms, shapes inferred, the same value names
//	g, err = pass.Specialise(g, pass.Binding{Batch: 32}) // static shapes, constants folded
//
// Passes that give a graph leave the one they are given as it was; passes that change a graph in place say so.
package pass

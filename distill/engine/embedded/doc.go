// Package embedded runs steps in pure Go, on Gorgonia: the engine that needs nothing installed.
//
//	program, err := embedded.New().Compile(ctx, step, engine.Options{Threads: 4})
//	…
//	defer program.Close()
//	losses, err := program.Run(ctx, batch)
//
// Compile turns a step into a Gorgonia expression graph with one node per IR node, which a tape machine runs. The ops
// of these nodes are instructions: [operations] says, per op, which kernel of internal/kernel computes it, and ops
// and uses without a kernel are computed by the op table's reference evaluation, which is slow and right.
//
// Before that, ops that are computed in one pass over memory are fused ([joins]), and batch normalisation of what never
// changes, the teacher, is folded into its weights.
//
// An instruction is bound to its memory when it is compiled. Values that live at different times share memory
// ([plan]), which is why instructions are chained: the machine runs them in the order that the plan was made for.
//
// Results depend neither on the number of threads nor on timing.
package embedded

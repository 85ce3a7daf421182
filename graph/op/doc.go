// Package op is what each op means: one [Spec] per op, in one table.
//
// A Spec says which shapes an op gives, what it costs, how a removed channel travels through it, how it is
// differentiated and evaluated, and how a macro op is lowered to standard ONNX ops. Nothing outside this table
// and an engine's own op table asks which op a node is.
//
// Specs describe one form of each op, that of opset [Opset]. [Spec.Upgrade] brings a node of an older opset to it, on
// the training copy of a graph; imported graphs stay as they came.
//
// Macro ops have the domain [Macro]. They stand for gradients and training forms that ONNX has no op for. An
// engine may run one natively; otherwise [Spec.Lower] replaces it by standard ops.
//
// Ties and edges are the same everywhere: MaxPool, Max and ReduceMax give the gradient to the first maximum;
// Clip, Relu and Abs have gradient 0 at the kink.
//
// A file holds a family of ops. To add an op, write its Spec in the file of its family and name it in that family's
// list:
//
//	func activations() []*Spec {
//		return []*Spec{
//			{Type: "Relu", Shape: sameAsFirst, Channels: elementwise, Grad: reluGrad, Eval: unary(relu)},
//			…
package op

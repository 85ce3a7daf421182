// Package ort runs steps in ONNX Runtime: the fast engine. A step becomes one ONNX model and one session.
//
//	e, err := ort.New("/usr/lib/libonnxruntime.so")
//	p, err := e.Compile(ctx, step, engine.Options{Threads: 2})
//	losses, err := p.Run(ctx, batch)
//
// The library is loaded when the program runs, and needs cgo; a build without cgo has a New that says so. Package
// distill/engine/ort/library finds and installs it.
//
// State stays in two sets of tensors that runs take in turn: a run reads one and writes the other, and only a run
// that succeeds exchanges them. So nothing is copied, and a run that is cancelled leaves the state as it was.
//
// ONNX Runtime is made for inference, and some ways to write a gradient are several times faster in it than others.
// Compile therefore rewrites the step before it is run: the table in rewrite.go lists every rewrite, and REWRITES.md
// what each was measured to give.
package ort

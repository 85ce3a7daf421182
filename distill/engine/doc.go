// Package engine says what it takes to run a training step: [Engine] and [Program].
//
// A [Step] is a graph and its carried state: outputs that become inputs of the next run (weights, moments, running
// statistics). An Engine compiles it to a Program, which keeps that state, so that a run takes only the batch and
// gives only the losses. A plain inference graph is a Step without state.
//
// Two engines implement it: distill/engine/embedded, in pure Go, and distill/engine/ort, on ONNX Runtime. Every
// engine passes the suite in distill/engine/enginetest.
package engine

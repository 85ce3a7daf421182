// Package kernel is the arithmetic of the embedded engine: multi-threaded float32 kernels on plain row-major slices.
//
// A kernel is described by a struct of extents, prepared once ([NewConv], [NewGemm], …) and run many times. Work is
// shared out by a [Team], which also keeps each worker's scratch memory between runs. How a kernel is cut into tasks
// depends on the extents alone and every sum has a fixed order, so that the number of threads does not change a bit
// of the result.
//
//	team := kernel.NewTeam(2)
//	conv := kernel.NewConv(kernel.ConvShape{N: 1, C: 3, H: 32, W: 32, O: 16, OH: 32, OW: 32, Groups: 1, KH: 3, KW: 3,
//		SH: 1, SW: 1, DH: 1, DW: 1, PT: 1, PL: 1})
//	conv.Forward(team, y, x, w, kernel.Epilogue{Bias: bias}) // x: [N,C,H,W], w: [O,C/Groups,KH,KW], y: [N,O,OH,OW]
//
// Products of matrices and convolutions stand on two micro-kernels: [tile], which multiplies rows of weights with runs
// of elements, and [dots], which multiplies runs with runs. They, and the passes over a channel of batch normalisation
// ([channel]), are in assembly for AVX-512 and for AVX2, which command generate writes; others take Go. Elementwise
// work uses github.com/viterin/vek, which has AVX2 and a fallback of its own.
//
// Slices must have the lengths that the extents say, and outputs must not overlap inputs unless a kernel says that
// they may.
package kernel

//go:generate go run -C generate .

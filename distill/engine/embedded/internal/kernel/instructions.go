package kernel

import "golang.org/x/sys/cpu"

// instructions are vector instructions of a processor, with the kernels that are written in them, and how large what
// those compute may be. Without kernels it is Go.
type instructions struct {
	name             string
	lanes            int // float32s of a vector
	rows, vectors    int // of a tile
	dotRows, dotTaps int

	tiles  [][]func(*tile) // [rows−1][vectors−1]
	dots   []func(*dots)   // [rows−1]
	passes []func(*channel)

	copyRows, copyEvenRows            func(*rowCopy)
	patches, results, gradientPatches func(*patchTransform)
}

// available are those that this processor has, the fastest first.
func available() []*instructions {
	var all []*instructions
	if hasAssembly && cpu.X86.HasAVX512F {
		all = append(all, &instructions{name: "AVX-512", lanes: 16, rows: 12, vectors: 2, dotRows: 4, dotTaps: 6,
			tiles: tilesAVX512, dots: dotsAVX512, passes: passesAVX512,
			patches: patchesAVX512, results: resultsAVX512, gradientPatches: gradientPatchesAVX512,
			copyRows: copyRowsAVX512, copyEvenRows: copyEvenRowsAVX512})
	}
	if hasAssembly && cpu.X86.HasAVX2 && cpu.X86.HasFMA {
		all = append(all, &instructions{name: "AVX2", lanes: 8, rows: 6, vectors: 2, dotRows: 3, dotTaps: 4,
			tiles: tilesAVX2, dots: dotsAVX2, passes: passesAVX2,
			patches: patchesAVX2, results: resultsAVX2, gradientPatches: gradientPatchesAVX2,
			copyRows: copyRowsAVX2, copyEvenRows: copyEvenRowsAVX2})
	}
	return append(all, &instructions{name: "Go", lanes: 8, rows: 4, vectors: 2, dotRows: 1, dotTaps: 4})
}

// fastest is what kernels are prepared for.
var fastest = available()[0]

// Instructions names the vector instructions that kernels use: "AVX-512", "AVX2", "Go".
func Instructions() string { return fastest.name }

// columns is how many columns a tile of these rows has at most.
func (by *instructions) columns(rows int) int {
	if rows <= 2 {
		return 2 * by.vectors * by.lanes // or its sums would wait for each other
	}
	return by.vectors * by.lanes
}

const maxLanes = 16

// lastOf gives how many vectors n elements fill, and which lanes of the last one are there.
func (by *instructions) lastOf(n int) (vectors int, lanes *int32) {
	vectors = ceilDiv(n, by.lanes)
	return vectors, lanesBetween(0, n-(vectors-1)*by.lanes)
}

//go:build !amd64

package kernel

const hasAssembly = false

var (
	tilesAVX512, tilesAVX2   [][]func(*tile)
	dotsAVX512, dotsAVX2     []func(*dots)
	passesAVX512, passesAVX2 []func(*channel)

	copyRowsAVX512, copyRowsAVX2         func(*rowCopy)
	copyEvenRowsAVX512, copyEvenRowsAVX2 func(*rowCopy)

	patchesAVX512, patchesAVX2                 func(*patchTransform)
	resultsAVX512, resultsAVX2                 func(*patchTransform)
	gradientPatchesAVX512, gradientPatchesAVX2 func(*patchTransform)
)

func selectAVX2(*float32, *bool, *float32, *float32, int, int, int) {}

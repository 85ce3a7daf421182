package kernel

const hasAssembly = true

// runAVX2 is tile.run for processors with AVX2 and FMA. It checks no bounds.
//
//go:noescape
func runAVX2(t *tile)

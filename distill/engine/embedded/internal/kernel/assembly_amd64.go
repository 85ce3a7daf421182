package kernel

const hasAssembly = true

// selectAVX2 takes blocks of 8 elements from a where cond holds, else from b, which move on by stepA and stepB
// elements a block.
//
//go:noescape
func selectAVX2(dst *float32, cond *bool, a, b *float32, stepA, stepB, blocks int)

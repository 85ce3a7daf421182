//go:build !amd64

package kernel

const hasAssembly = false

func runAVX2(*tile) {}

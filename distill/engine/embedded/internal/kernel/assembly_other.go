//go:build !amd64

package kernel

const hasAssembly = false

func runAVX2(*tile) {}

func selectAVX2(*float32, *bool, *float32, *float32, int, int, int) {}

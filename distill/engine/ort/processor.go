package ort

import (
	"runtime"

	"golang.org/x/sys/cpu"

	"github.com/ildc/ildc/distill/engine"
)

// onCPU says whether steps run on the processor.
func onCPU(o engine.Options) bool { return o.Device == "" || o.Device == "cpu" }

// block is the number of channels in a block of ONNX Runtime's blocked layout on this processor; 0 where it has none.
func block() int {
	switch {
	case cpu.X86.HasAVX512F:
		return 16
	case cpu.X86.HasAVX2:
		return 8
	}
	return 0
}

// instructions names the processor as far as results depend on it.
func instructions() string {
	switch block() {
	case 16:
		return runtime.GOARCH + " with AVX-512"
	case 8:
		return runtime.GOARCH + " with AVX2"
	}
	return runtime.GOARCH
}

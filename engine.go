package ildc

import (
	"github.com/ildc/ildc/distill/engine"
	"github.com/ildc/ildc/internal/engines"
)

// EngineChoice says which engine is wanted. The zero value takes the best that there is.
type EngineChoice struct {
	Name    string // "auto", "embedded" or "ort"; "" is auto: ONNX Runtime where there is one, else the embedded engine
	Library string // ONNX Runtime's shared library; "": see library.Find

	// What steps will run on, as in [engine.Options]. All but the CPU are ONNX Runtime's.
	Device        string
	DeviceOptions map[string]string
}

// OpenEngine gives an engine, and one line that explains the choice. Where ONNX Runtime cannot be had, "auto" takes the
// embedded engine and the line says why; where it was asked for, by its name or by a device that only it has, that is
// an error.
func OpenEngine(c EngineChoice) (engine.Engine, string, error) {
	return engines.Open(engines.Choice(c))
}

// Devices lists the kinds of device that steps can run on. Which of them an ONNX Runtime has is told by its Providers.
func Devices() []string { return engines.Devices() }

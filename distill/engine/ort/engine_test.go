package ort_test

import (
	"os"
	"testing"

	"github.com/ildc/ildc/distill/engine"
	"github.com/ildc/ildc/distill/engine/enginetest"
	"github.com/ildc/ildc/distill/engine/ort"
)

// open gives the engine, or skips the test where there is no ONNX Runtime.
func open(t testing.TB) *ort.Engine {
	t.Helper()
	e, err := ort.New(os.Getenv("ILDC_ORT_LIB"))
	if err != nil {
		t.Skip(err)
	}
	return e
}

func TestEngine(t *testing.T) {
	e := open(t)
	enginetest.Run(t, func() engine.Engine { return e })
}

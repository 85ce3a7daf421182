package ort_test

import (
	"testing"

	"github.com/ildc/ildc/distill/engine"
	"github.com/ildc/ildc/distill/engine/enginetest"
	"github.com/ildc/ildc/distill/engine/ort"
	"github.com/ildc/ildc/distill/engine/ort/library"
)

// open gives the engine, or skips the test where there is no ONNX Runtime.
func open(t testing.TB) *ort.Engine {
	t.Helper()
	found, err := library.Find("")
	if err != nil {
		t.Skip(err)
	}
	e, err := ort.New(found.Path)
	if err != nil {
		t.Skip(err)
	}
	return e
}

func TestEngine(t *testing.T) {
	e := open(t)
	enginetest.Run(t, func() engine.Engine { return e })
}

//go:build cgo

package ort

import (
	"testing"

	"github.com/ildc/ildc/distill/engine"
	"github.com/ildc/ildc/distill/engine/enginetest"
	"github.com/ildc/ildc/distill/engine/ort/library"
)

// open gives the engine, or skips the test where there is no ONNX Runtime.
func open(t *testing.T) *Engine {
	t.Helper()
	found, err := library.Find("")
	if err != nil {
		t.Skip(err)
	}
	e, err := New(found.Path)
	if err != nil {
		t.Skip(err)
	}
	return e
}

// TestLayouts runs the suite in every layout that rules are written for, not just the one that this machine's library
// has.
func TestLayouts(t *testing.T) {
	e := open(t)
	t.Logf("blocks of %d", e.layout.block)
	t.Run("ordinary", func(t *testing.T) {
		enginetest.Run(t, func() engine.Engine { return &Engine{release: e.release, layout: ordinary} })
	})
}

// TestFindLayoutRefuses checks that a block size that the library does not have is found out.
func TestFindLayoutRefuses(t *testing.T) {
	e := open(t)
	for _, block := range []int{4, 8, 16} {
		if block != e.layout.block && agrees(layout{block: block}, "Conv", 8) {
			t.Errorf("blocks of %d agree with the reference, but those of %d were found", block, e.layout.block)
		}
	}
}

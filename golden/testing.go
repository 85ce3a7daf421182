package golden

import (
	"context"

	"github.com/ildc/ildc/distill/engine"
)

// TB is the part of *testing.T and *testing.B that [Test] needs; package testing itself is not linked into programs
// that use golden.
type TB interface {
	Helper()
	Context() context.Context
	Logf(format string, args ...any)
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
}

// Test fails a test where a model does not give what is recorded in a folder, naming every output that differs. Notes
// are logged.
func Test(t TB, modelPath, dir string, e engine.Engine, o Options) {
	t.Helper()
	r, err := Check(t.Context(), modelPath, dir, e, o)
	if err != nil {
		t.Fatalf("%v", err)
		return
	}
	for _, n := range r.Notes {
		t.Logf("golden: note: %s", n)
	}
	for _, c := range r.Failed() {
		t.Errorf("golden: %v", c)
	}
}

package op_test

import (
	"testing"

	"github.com/ildc/ildc/graph/op"
)

// noGradient lists ONNX ops that have float outputs and no gradient though one exists, each with the reason.
var noGradient = map[string]string{}

// differentiatedMacro lists the macro ops that are differentiated; the others are gradients themselves, and gradients
// of gradients are not taken.
var differentiatedMacro = map[string]bool{"BatchNormTrain": true}

func TestTableIsComplete(t *testing.T) {
	for _, s := range op.All() {
		name := s.Type
		if s.Domain != "" {
			name = s.Domain + "." + name
		}
		t.Run(name, func(t *testing.T) {
			if s.Shape == nil {
				t.Error("no Shape")
			}
			if s.Eval == nil {
				t.Error("no Eval")
			}
			if s.Grad != nil && s.NoGrad {
				t.Error("both Grad and NoGrad")
			}
			if s.Domain == op.Macro {
				if s.Lower == nil {
					t.Error("a macro op without Lower")
				}
				if s.Upgrade != nil {
					t.Error("a macro op has one form only, and an Upgrade")
				}
				if (s.Grad != nil) != differentiatedMacro[s.Type] {
					t.Errorf("has Grad: %v", s.Grad != nil)
				}
				return
			}
			if s.Lower != nil {
				t.Error("a standard op with Lower")
			}
			if s.Composite {
				if s.Grad != nil || s.NoGrad || s.Channels != nil || s.MACs != nil {
					t.Error("a composite with what its body has")
				}
				return
			}
			if reason, listed := noGradient[s.Type]; listed == (s.Grad != nil || s.NoGrad) {
				t.Errorf("has Grad %v, NoGrad %v, listed without a gradient for the reason %q", s.Grad != nil, s.NoGrad, reason)
			}
		})
	}
}

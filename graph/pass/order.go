package pass

import (
	"slices"

	"github.com/ildc/ildc/graph"
)

// phase is what a caller asks for by one call. It runs some of the passes.
type phase int

const (
	analysis       phase = iota // [Analyse]
	normalisation               // [Normalise]
	specialisation              // [Specialise], of a normalised graph
	training                    // [TrainingForm], of a specialised one
	lowering                    // [Lower]
)

// work is a graph on its way through the passes of a phase.
type work struct {
	graph *graph.Graph

	bind    Binding                 // of analysis and specialisation
	known   map[string]*graph.Value // the values that the imported graph has, by name, of analysis
	rebatch bool                    // a batch that is fixed to 1 changes, of specialisation
	running map[string]string       // see [TrainingForm]
	native  []string                // see [Lower]
}

// passes lists what the phases run, in the order in which they do. A pass replaces the graph by another one, or changes
// a copy that a pass before it has made. See [rules] for why the order is this one.
var passes = []struct {
	name   string
	phases []phase
	run    func(*work) error
}{
	{"bind symbols", []phase{analysis}, bindSymbols},
	{"upgrade", []phase{analysis, normalisation}, upgrade},
	{"fuse", []phase{analysis, normalisation}, fuse},
	{"fold named", []phase{analysis}, foldNamed},
	{"infer declared", []phase{analysis}, inferAllDeclared},
	{"bind inputs", []phase{specialisation}, bindInputs},
	{"rebatch", []phase{specialisation}, rebatch},
	{"fold", []phase{specialisation}, func(w *work) error { return foldConstants(w.graph, w.bind.Keep) }},
	{"infer", []phase{specialisation}, func(w *work) error { return Infer(w.graph) }},
	{"require static", []phase{specialisation}, requireStatic},
	{"train", []phase{training}, train},
	{"lower", []phase{lowering}, lower},
}

// rules says which pass comes before which, and why. A test compares them with the order of [passes].
var rules = []struct{ before, after, why string }{
	{"bind symbols", "upgrade", "shapes are inferred on the way, and more of them are known where symbols are"},
	{"upgrade", "fuse", "patterns are spelt in the forms of today's opset, and lie in the bodies of functions, too"},
	{"upgrade", "fold named", "ops are evaluated in the forms of today's opset"},
	{"fuse", "fold named", "the pieces of what is fused are gone then, and need not be evaluated"},
	{"fold named", "infer declared", "shapes follow from constants"},
	{"upgrade", "rebatch", "a constant that hard-codes the batch is an operand in today's opset, and an attribute before"},
	{"bind inputs", "rebatch", "shapes are inferred on the way, from those of the inputs"},
	{"rebatch", "fold", "the 1 of a batch can't be told from others once it has gone into a computed constant"},
	{"fold", "infer", "shapes follow from constants"},
	{"infer", "require static", "it is the inferred shapes that must be static"},
	{"require static", "train", "batch statistics are means over a number of elements that is known"},
	{"train", "lower", "training forms are macro ops"},
}

// run takes the graph through the passes of a phase.
func (w *work) run(p phase) error {
	for _, pass := range passes {
		if slices.Contains(pass.phases, p) {
			if err := pass.run(w); err != nil {
				return err
			}
		}
	}
	return nil
}

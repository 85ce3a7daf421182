package pipeline

import (
	"errors"
	"fmt"
	"slices"

	"github.com/ildc/ildc/graph"
	"github.com/ildc/ildc/graph/op"
	"github.com/ildc/ildc/graph/pass"
	"github.com/ildc/ildc/internal/setting"
	"github.com/ildc/ildc/models"
)

// ErrDeclined says that a model cannot be compressed. The error's text names what is in the way, and why.
var ErrDeclined = errors.New("the model is declined")

// declinedError is [ErrDeclined] with every reason.
type declinedError struct {
	model   string
	reasons []models.Reason
}

// mostReasons is how many reasons an error's text lists.
const mostReasons = 12

func (e *declinedError) Error() string {
	s := fmt.Sprintf("%s: %v", e.model, ErrDeclined)
	for i, r := range e.reasons {
		if i == mostReasons {
			return s + fmt.Sprintf("\n  and %d more", len(e.reasons)-i)
		}
		s += fmt.Sprintf("\n  node %s (%s): %s", r.Node, r.Op, r.Why)
	}
	return s
}

// Is says that it is [ErrDeclined].
func (e *declinedError) Is(target error) bool { return target == ErrDeclined }

// decline refuses a model that cannot be compressed: nil where it can. Ops that the table does not have
// leave the shapes behind them unknown, so that only they are named where there are any; so are those that keep the
// model from being run where nothing that is left of it can be trained.
func (m *Model) decline() error {
	g := m.Analysed
	unknown, shapeless := uncounted(g)
	unbound := unboundInputs(g)
	switch {
	case unknown != nil:
		return &declinedError{m.Name, unknown}
	case shapeless != nil && unbound != nil:
		return setting.Mends(&declinedError{m.Name, unbound}, "Symbols")
	case shapeless != nil:
		return &declinedError{m.Name, shapeless}
	case slices.ContainsFunc(g.Outputs, func(v *graph.Value) bool { return pass.Decides(g, v) != nil }):
		return nil
	case m.Frozen != nil:
		return &declinedError{m.Name, m.Frozen}
	}
	var reasons []models.Reason
	for _, v := range g.Outputs {
		why := fmt.Sprintf("it is %v, and depends on no weight through anything that a gradient goes through", v.DType)
		reasons = append(reasons, models.Reason{Node: v.Name, Op: "output", Why: why})
	}
	return &declinedError{m.Name, reasons}
}

// uncounted tells of nodes whose cost is not known: those whose op the table does not have, and others whose shapes are
// not known.
func uncounted(g *graph.Graph) (unknown, shapeless []models.Reason) {
	for _, n := range pass.CostOf(g).Uncounted {
		r := models.Reason{Node: pass.NodeName(n), Op: n.OpName()}
		if op.Of(n) == nil {
			r.Why = op.Unknown(n)
			unknown = append(unknown, r)
		} else {
			r.Why = "its shapes are not known before the model runs"
			shapeless = append(shapeless, r)
		}
	}
	return unknown, shapeless
}

// unboundInputs tells of the extents of inputs that nothing gives a size.
func unboundInputs(g *graph.Graph) (unbound []models.Reason) {
	for _, v := range g.Inputs {
		for a, d := range v.Shape {
			if !d.Known() {
				why := fmt.Sprintf("extent %d of %v is symbolic: give %q a size", a, v.Shape, pass.SymbolOf(v, a))
				unbound = append(unbound, models.Reason{Node: v.Name, Op: "input", Why: why})
			}
		}
	}
	return unbound
}

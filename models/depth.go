package models

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/ildc/ildc/graph"
	"github.com/ildc/ildc/graph/pass"
)

// Shrink says what a student has less of than its teacher.
type Shrink string

// The ways to shrink. Depth and Both need [Options.Activations] and [Options.Divergence].
const (
	Width Shrink = "width" // channels; the default but for budgets with a latency
	Depth Shrink = "depth" // blocks and layers

	// Both leaves out as many blocks and layers as leave the student nearest to the teacher, and channels; the default
	// for a latency.
	Both Shrink = "both"
)

// Shrinks lists the ways to shrink.
func Shrinks() []Shrink { return []Shrink{Width, Depth, Both} }

// Cut is a part of a network that a student can do without: a block that adds to a value a correction of its shape,
// out = in + f(in), or a layer that gives what it reads another value of the same shape, whose work the next layer
// takes over.
type Cut struct {
	Node string `json:"node"`           // that adds, or the layer
	Into string `json:"into,omitempty"` // the layer that takes a layer's work over

	MACs int64 `json:"macs"` // that go with it

	// Disturbance is how much farther from the teacher the student is without the part, alone, see [Options.Divergence].
	Disturbance float64 `json:"disturbance"`

	in, out string // values: in comes in the place of out
	gives   string // the value that Into gives
}

// mostDepths is how many numbers of cuts are tried with fewer channels, at the most.
const mostDepths = 8

// shallower makes a student without the parts that disturb the least for what they cost, and, for Both, with fewer
// channels, too, if that leaves it nearer to the teacher. Each part is tried by itself, as Kim et al. 2024, Shortened
// LLaMA, section 2.2, try blocks.
func shallower(teacher *graph.Graph, budget Budget, o Options) (*Student, error) {
	cuts, err := rankedCuts(teacher, o)
	if err != nil {
		return nil, err
	}
	if o.Found != nil {
		return cutDown(teacher, cuts[:min(o.Found.Cuts, len(cuts))], budget, o)
	}
	s, err := fewestCuts(teacher, cuts, budget, o)
	if o.Shrink == Depth || err != nil && !errors.Is(err, ErrInfeasible) {
		return s, err
	}
	if s == nil { // cuts alone are not enough
		return narrowest(teacher, cuts, len(cuts)+1, nil, budget, o)
	}
	return narrowest(teacher, cuts, s.Found.Cuts, s, budget, o)
}

// fewestCuts makes the student with the fewest cuts that meets the budget with all channels.
func fewestCuts(teacher *graph.Graph, cuts []Cut, budget Budget, o Options) (s *Student, err error) {
	o.Shrink = Depth
	for n := range len(cuts) + 1 {
		if s, err = cutDown(teacher, cuts[:n], budget, o); !errors.Is(err, ErrInfeasible) {
			return s, err
		}
	}
	return nil, fmt.Errorf("%w; %d blocks and layers can be left out", err, len(cuts))
}

// narrowest makes students with fewer cuts than n, at even distances from [Options.LeastCuts] on, and as many channels
// as the budget leaves. It gives the one that is nearest to the teacher, before training, of them and deep, which may
// be nil.
func narrowest(teacher *graph.Graph, cuts []Cut, n int, deep *Student, budget Budget, o Options) (*Student, error) {
	best, least := deep, math.Inf(1)
	if deep != nil {
		var err error
		if least, err = o.Divergence(deep.Graph); err != nil {
			return nil, fmt.Errorf("models: divergence: %w", err)
		}
	}
	var infeasible error
	for k := o.LeastCuts; k < n; k += max(1, (n-o.LeastCuts+mostDepths-1)/mostDepths) {
		s, err := cutDown(teacher, cuts[:k], budget, o)
		if errors.Is(err, ErrInfeasible) {
			infeasible = err
			continue
		}
		if err != nil {
			return nil, err
		}
		d, err := o.Divergence(s.Graph)
		if err != nil {
			return nil, fmt.Errorf("models: divergence: %w", err)
		}
		if d < least {
			best, least = s, d
		}
	}
	if best == nil && infeasible == nil {
		return nil, fmt.Errorf("models: %w: %d blocks and layers are to go, and %d can", ErrInfeasible, o.LeastCuts,
			len(cuts))
	}
	if best == nil {
		return nil, fmt.Errorf("%w; %d blocks and layers can be left out", infeasible, len(cuts))
	}
	return best, nil
}

// cutDown makes a student without some parts of its teacher.
func cutDown(teacher *graph.Graph, cuts []Cut, budget Budget, o Options) (*Student, error) {
	base, stands, err := without(teacher, cuts, o)
	if err != nil {
		return nil, err
	}
	s, err := narrowed(teacher, base, budget, o)
	if err != nil {
		return nil, err
	}
	s.Found.Cuts = len(cuts)
	values := s.Graph.ByName()
	for _, c := range cuts {
		handedOn := slices.ContainsFunc(cuts, func(d Cut) bool { return d.Node == c.Into })
		if c.Into == "" || values[c.gives] != nil || handedOn { // else the layer is gone with a block
			s.Removed = append(s.Removed, c)
		}
	}
	for out, in := range stands {
		if l, ok := s.Lineage[in]; ok {
			l.Instead = append(l.Instead, out)
			slices.Sort(l.Instead)
			s.Lineage[in] = l
		}
	}
	return s, nil
}

// rankedCuts lists what can be left out, those first that disturb the least for each multiply-add that goes with them.
func rankedCuts(teacher *graph.Graph, o Options) ([]Cut, error) {
	g, err := pass.Analyse(teacher, o.Binding)
	if err != nil {
		return nil, fmt.Errorf("models: %w", err)
	}
	whole := pass.CostOf(g).MACs
	undisturbed, err := o.Divergence(teacher) // not 0, by batch norm of the batch
	if err != nil {
		return nil, fmt.Errorf("models: divergence: %w", err)
	}
	var cuts []Cut
	for _, c := range findCuts(g) {
		student, _, err := without(teacher, []Cut{c}, o)
		if errors.Is(err, errUnfit) {
			continue
		}
		if err != nil {
			return nil, err
		}
		cost, err := costOf(student, o)
		if err != nil {
			return nil, err
		}
		divergence, err := o.Divergence(student)
		if err != nil {
			return nil, fmt.Errorf("models: divergence: %w", err)
		}
		c.MACs, c.Disturbance = whole-cost.MACs, divergence-undisturbed
		cuts = append(cuts, c)
	}
	price := func(c Cut) float64 { return c.Disturbance / float64(max(1, c.MACs)) }
	slices.SortStableFunc(cuts, func(a, b Cut) int { return cmp.Compare(price(a), price(b)) })
	return cuts, nil
}

// without copies a teacher, leaves parts out, and lets the layers that take work over do so. It says which value stands
// in the place of each that is gone.
func without(teacher *graph.Graph, cuts []Cut, o Options) (_ *graph.Graph, stands map[string]string, err error) {
	g, _ := teacher.Clone()
	stands = map[string]string{}
	standsFor := func(name string) string {
		for stands[name] != "" {
			name = stands[name]
		}
		return name
	}
	values := g.ByName()
	for _, c := range cuts {
		stands[c.out] = standsFor(c.in)
	}
	for out := range stands {
		stands[out] = standsFor(out)
		g.Replace(values[out], values[stands[out]])
	}
	for _, n := range g.Nodes { // what an activation has cut off already
		in, y := n.Input(0), n.Outputs[0]
		if n.OpName() == "Relu" && in.Producer != nil && in.Producer.OpName() == "Relu" && !slices.Contains(g.Outputs, y) {
			g.Replace(y, in)
			stands[y.Name] = in.Name
		}
	}
	for out := range stands {
		stands[out] = standsFor(out)
	}
	pass.DeadCode(g)
	if o.Init == Random {
		return g, stands, nil
	}
	return g, stands, takeOver(g, cuts, o)
}

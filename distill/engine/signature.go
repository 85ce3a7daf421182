package engine

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/ildc/ildc/graph"
)

// Signature is what the runs of a step take, keep and give, for engines to check what they are handed.
type Signature struct {
	Feeds   []*graph.Value // inputs that are not state, in the graph's order
	Results []*graph.Value // outputs that are not state, in the graph's order
	state   map[string]*graph.Value
	order   []string // the state's names, as the step lists them
}

// NewSignature reads a step. The error names every part of the state that does not fit the graph.
func NewSignature(s *Step) (*Signature, error) {
	in, out := byName(s.Graph.Inputs), byName(s.Graph.Outputs)
	g := &Signature{state: map[string]*graph.Value{}}
	next := map[string]bool{}
	var errs []error
	for _, c := range s.State {
		v := in[c.In]
		switch {
		case v == nil:
			errs = append(errs, fmt.Errorf("state %q: the graph has no such input", c.In))
			continue
		case g.state[c.In] != nil:
			errs = append(errs, fmt.Errorf("state %q is carried twice", c.In))
		case c.Initial == nil:
			errs = append(errs, fmt.Errorf("state %q has no initial value", c.In))
		default:
			if err := fits(c.Initial, v); err != nil {
				errs = append(errs, fmt.Errorf("initial state: %w", err))
			}
		}
		g.state[c.In], g.order = v, append(g.order, c.In)
		if c.Out == "" {
			continue
		}
		next[c.Out] = true
		switch o := out[c.Out]; {
		case o == nil:
			errs = append(errs, fmt.Errorf("state %q: the graph has no output %q", c.In, c.Out))
		case o.DType != v.DType || !o.Shape.Equal(v.Shape):
			errs = append(errs, fmt.Errorf("state %q: %v%v, but its next value %q is %v%v",
				c.In, v.DType, v.Shape, c.Out, o.DType, o.Shape))
		}
	}
	g.Feeds = slices.DeleteFunc(slices.Clone(s.Graph.Inputs), func(v *graph.Value) bool { return g.state[v.Name] != nil })
	g.Results = slices.DeleteFunc(slices.Clone(s.Graph.Outputs), func(v *graph.Value) bool { return next[v.Name] })
	for _, v := range slices.Concat(g.Feeds, g.Results) {
		if !v.DType.Known() || !v.Shape.Static() {
			errs = append(errs, fmt.Errorf("%w: %q is %v%v: want a type that can be held, and a static shape",
				ErrUnsupported, v.Name, v.DType, v.Shape))
		}
	}
	return g, errors.Join(errs...)
}

// CheckInputs reports every feed that is missing, or of another dtype or shape.
func (g *Signature) CheckInputs(in map[string]*graph.Tensor) error {
	var errs []error
	for _, v := range g.Feeds {
		if t := in[v.Name]; t == nil {
			errs = append(errs, fmt.Errorf("input %q is missing", v.Name))
		} else if err := fits(t, v); err != nil {
			errs = append(errs, fmt.Errorf("input %w", err))
		}
	}
	return errors.Join(errs...)
}

// CheckState reports everything in a replacement of state that is unknown, nil, or of another dtype or shape.
func (g *Signature) CheckState(state map[string]*graph.Tensor) error {
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(state)) {
		if g.state[name] == nil {
			errs = append(errs, fmt.Errorf("there is no state %q", name))
		} else if state[name] == nil {
			errs = append(errs, fmt.Errorf("state %q is nil", name))
		} else if err := fits(state[name], g.state[name]); err != nil {
			errs = append(errs, fmt.Errorf("state %w", err))
		}
	}
	return errors.Join(errs...)
}

// StateNames gives the names of state that were asked for, all where none is; the error names those that are unknown.
func (g *Signature) StateNames(names []string) ([]string, error) {
	if len(names) == 0 {
		return g.order, nil
	}
	var errs []error
	for _, name := range names {
		if g.state[name] == nil {
			errs = append(errs, fmt.Errorf("there is no state %q", name))
		}
	}
	return names, errors.Join(errs...)
}

func byName(vs []*graph.Value) map[string]*graph.Value {
	m := map[string]*graph.Value{}
	for _, v := range vs {
		m[v.Name] = v
	}
	return m
}

// fits reports a tensor that has not the dtype and shape of v.
func fits(t *graph.Tensor, v *graph.Value) error {
	if t.DType != v.DType || !slices.Equal(t.Dims, v.Shape.Sizes()) {
		return fmt.Errorf("%q is %v%v, want %v%v", v.Name, t.DType, t.Dims, v.DType, v.Shape)
	}
	return nil
}

package models

import (
	"fmt"
	"slices"
	"strings"

	"github.com/ildc/ildc/graph"
	"github.com/ildc/ildc/graph/pass"
	"github.com/ildc/ildc/internal/setting"
)

// narrowing makes students with fewer channels of a base.
type narrowing struct {
	*Student
	options     Options
	groups      *pass.Groups
	readers     []reader
	activations map[string]*graph.Tensor // what the readers read; nil where there is no calibration
	rankings    []ranking                // of each group

	keep   [][]int // by group the channels of the student that was made last
	sliced *pass.Sliced
}

// narrowed removes channels, unless only depth is to shrink, of a base that is the teacher or what is left of it.
func narrowed(teacher, base *graph.Graph, budget Budget, o Options) (*Student, error) {
	n, err := newNarrowing(teacher, base, budget, o)
	if err != nil {
		return nil, err
	}
	if err := n.search(teacher); err != nil {
		return nil, err
	}
	n.Graph = n.sliced.Graph
	for i, group := range n.groups.List {
		n.Groups = append(n.Groups, Group{group.Name, group.Channels, len(n.keep[i])})
	}
	n.Lineage = lineage(n.groups, n.sliced)
	switch {
	case o.Init == Random:
		randomise(n.Graph, n.groups, o.Seed)
	case n.activations != nil:
		if err := compensate(n.groups, n.sliced, n.readers, n.activations); err != nil {
			return nil, err
		}
	}
	return n.Student, n.count(teacher, o)
}

// newNarrowing finds the channels that can go, and how much each matters.
func newNarrowing(teacher, base *graph.Graph, budget Budget, o Options) (*narrowing, error) {
	gs, err := pass.Channels(base, o.Binding)
	if err != nil {
		return nil, fmt.Errorf("models: %w", err)
	}
	s := &Student{Budget: budget}
	if s.Before, err = costOf(teacher, o); err != nil {
		return nil, err
	}
	s.gone = pass.ConstantBytes(teacher) - pass.ConstantBytes(base)
	for _, f := range gs.Fixed {
		s.Untouched = append(s.Untouched, Reason{gs.NameOf(f.Node), f.Node.OpName(), f.Why})
	}
	s.Untouched = slices.Compact(s.Untouched) // parts of one node
	if o.Shrink == Depth {
		gs.List = nil
	}
	s.exclude(gs, o.Keep)
	n := &narrowing{Student: s, options: o, groups: gs, readers: findReaders(gs)}
	if n.activations, err = n.calibrate(o.Activations); err != nil {
		return nil, fmt.Errorf("models: activations: %w", err)
	}
	var gradients map[string]*graph.Tensor
	if o.Importance == Taylor {
		if gradients, err = n.calibrate(o.Gradients); err != nil {
			return nil, fmt.Errorf("models: gradients: %w", err)
		}
	}
	if n.rankings, err = rank(gs, n.readers, o.Importance, n.activations, gradients); err != nil {
		return nil, err
	}
	if o.share() == BySensitivity {
		err = n.weighBySensitivity()
	}
	return n, err
}

// calibrate asks for what the readers read, or for gradients in it; nil where there is no calibration.
func (n *narrowing) calibrate(of func([]string) (map[string]*graph.Tensor, error)) (map[string]*graph.Tensor, error) {
	if of == nil {
		return nil, nil
	}
	var names []string
	for _, r := range n.readers {
		if !slices.Contains(names, r.x.Value.Name) {
			names = append(names, r.x.Value.Name)
		}
	}
	if names == nil {
		return nil, nil
	}
	return of(names)
}

// exclude drops the groups that reach the outputs of nodes that are to be kept.
func (s *Student) exclude(gs *pass.Groups, keep []string) {
	gs.List = slices.DeleteFunc(gs.List, func(group *pass.Group) bool {
		asked := slices.ContainsFunc(group.Axes, func(a pass.GroupAxis) bool {
			n := a.Value.Producer
			return n != nil && slices.ContainsFunc(keep, func(name string) bool { return isNamed(n, name) })
		})
		if asked {
			for _, n := range group.Producers {
				s.Untouched = append(s.Untouched, Reason{pass.NodeName(n), n.OpName(), "it was asked to be kept"})
			}
		}
		return asked
	})
}

// search makes the largest student that meets the budget. A latency is met by limiting multiply-adds.
func (n *narrowing) search(teacher *graph.Graph) error {
	capped := func(macs int64) (*graph.Graph, error) {
		if err := n.slice(append(n.Budget.counted(), Limit{Measure: MACs, Value: float64(macs)})); err != nil {
			return nil, err
		}
		return n.sliced.Graph, nil
	}
	limit, timed := n.Budget.latency()
	switch found := n.options.Found; {
	case !timed:
		return n.slice(n.Budget)
	case found != nil:
		n.Found.MACs = found.MACs
		_, err := capped(found.MACs)
		return err
	}
	return n.meetLatency(limit, teacher, capped, n.options.Latency)
}

// slice makes a student within limits that can be counted.
func (n *narrowing) slice(limits Budget) (err error) {
	widths, err := n.choose(limits)
	if err != nil {
		return err
	}
	n.keep = n.kept(widths)
	if n.sliced, err = n.groups.Slice(n.keep); err != nil {
		return fmt.Errorf("models: %w", err)
	}
	return nil
}

// kept gives by group the channels that a student of these widths keeps.
func (n *narrowing) kept(widths []int) [][]int {
	keep := make([][]int, len(widths))
	for i, width := range widths {
		keep[i] = n.rankings[i].kept(width)
	}
	return keep
}

// choose finds how many channels of each group stay within limits that can be counted.
func (n *narrowing) choose(limits Budget) ([]int, error) {
	groups := n.groups.List
	whole := make([]int, len(groups))
	for i, group := range groups {
		whole[i] = group.Channels
	}
	cost := n.costs(whole)
	fits := func(widths []int) bool { return limits.met(n.Before, cost(widths)) }
	if limits.met(n.Before, n.Before) || fits(whole) {
		return whole, nil
	}
	w := &widthSearch{groups: groups, rankings: n.rankings, share: n.options.share(), fits: fits}
	w.cost = func(widths []int) float64 { return float64(cost(widths).of(limits[0].Measure)) }
	loose := w.allow(n.options, false)
	widths, ok := w.run()
	if !ok && loose { // what changes the rest shrinks only where nothing else will do
		w.allow(n.options, true)
		widths, ok = w.run()
	}
	if !ok {
		return nil, n.infeasible(limits, cost(widths), len(groups))
	}
	return widths, nil
}

// costs gives the cost of students by their widths.
func (n *narrowing) costs(whole []int) func(widths []int) Cost {
	model := n.groups.CostModel()
	model.Cost(whole)
	rest := max(0, n.Before.Bytes-n.gone-model.Bytes()) // what of the file does not shrink
	if n.options.FileBytes > 0 {
		rest += metadataBytes
	}
	return func(widths []int) Cost {
		c := model.Cost(widths)
		return Cost{c.MACs, c.Params, model.Bytes() + rest, n.Before.Latency}
	}
}

// infeasible is the error for a budget below the smallest student.
func (s *Student) infeasible(limits Budget, smallest Cost, groups int) error {
	for _, l := range limits {
		if l.Ratio && s.Before.of(l.Measure) == 0 {
			err := fmt.Errorf("models: %w: %s asked, and the teacher has no %s that can be counted", ErrInfeasible, l, l.Measure)
			return setting.Mends(err, "Budget")
		}
	}
	err := fmt.Errorf("models: %w: %s asked, the smallest reachable is %s", ErrInfeasible, limits,
		limits.reached(s.Before, smallest))
	if groups > 0 {
		return setting.Mends(err, "Budget")
	}
	var left []string
	for _, u := range s.Untouched {
		left = append(left, fmt.Sprintf("\n  node %s (%s): %s", u.Node, u.Op, u.Why))
	}
	return fmt.Errorf("%w: %w%s", err, ErrWhole, strings.Join(left, ""))
}

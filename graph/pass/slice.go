package pass

import (
	"errors"
	"fmt"
	"slices"

	"github.com/ildc/ildc/graph"
	"github.com/ildc/ildc/graph/op"
)

// Sliced is a graph with channels removed. Kept gives, by the name of each value that shrank and per axis, the
// positions of the source's value that are left; nil for an axis that is whole.
type Sliced struct {
	Graph *graph.Graph
	Kept  map[string][][]int
}

// Slice copies the source without the channels that are not listed: keep[i] lists those of group i that stay, in rising
// order; nil keeps all. The copy is the source in everything else: opset, names, dtypes, symbolic extents, inputs,
// outputs, origins. Sliced weights that the source computes from constants become initializers of the same name.
// Integers that state a number of channels, in a constant or an attribute, follow it. Every shape is inferred again and
// compared with what it must be.
func (gs *Groups) Slice(keep [][]int) (*Sliced, error) {
	kept, err := gs.kept(keep)
	if err != nil {
		return nil, err
	}
	g, _ := gs.Source.Clone()
	s := &slicer{groups: gs, graph: g, kept: kept, values: g.ByName(), outputOf: map[string]*graph.Node{}}
	for _, n := range g.Nodes {
		for _, v := range n.Outputs {
			if v != nil {
				v.Elems = nil
				s.outputOf[v.Name] = n
			}
		}
	}
	s.materialise()
	s.shrink()
	if err := s.edit(); err != nil {
		return nil, err
	}
	s.restate()
	s.removeDead()
	return &Sliced{Graph: g, Kept: s.byName()}, s.verify()
}

// kept gives, for each axis that shrinks, the positions that stay.
func (gs *Groups) kept(keep [][]int) (map[op.AxisRef][]int, error) {
	if len(keep) != len(gs.List) {
		return nil, fmt.Errorf("pass: slice: %d lists of channels for %d groups", len(keep), len(gs.List))
	}
	gone := map[op.AxisRef]map[int]bool{}
	for i, group := range gs.List {
		if keep[i] == nil {
			continue
		}
		stays := make([]bool, group.Channels)
		last := -1
		for _, channel := range keep[i] {
			if channel <= last || channel >= group.Channels {
				return nil, fmt.Errorf("pass: slice: group %q of %d channels: keep %v: want rising numbers", group.Name,
					group.Channels, keep[i])
			}
			stays[channel], last = true, channel
		}
		if last < 0 {
			return nil, fmt.Errorf("pass: slice: group %q: no channel would be left", group.Name)
		}
		for _, a := range group.Axes {
			if gone[a.AxisRef] == nil {
				gone[a.AxisRef] = map[int]bool{}
			}
			for channel, at := range a.At {
				for _, p := range at {
					if !stays[channel] {
						gone[a.AxisRef][p] = true
					}
				}
			}
		}
	}
	kept := map[op.AxisRef][]int{}
	for a, g := range gone {
		if len(g) == 0 {
			continue
		}
		for p := range a.Value.Shape[a.Axis].Size {
			if !g[p] {
				kept[a] = append(kept[a], p)
			}
		}
	}
	return kept, nil
}

type slicer struct {
	groups   *Groups
	graph    *graph.Graph // the copy
	kept     map[op.AxisRef][]int
	values   map[string]*graph.Value // of the copy
	outputOf map[string]*graph.Node  // of the copy
}

// materialise makes an initializer of each constant that shrinks and that nodes compute, and of those that are computed
// from such a one.
func (s *slicer) materialise() {
	constants := map[string]*graph.Value{} // of the analysed copy
	dirty := map[*graph.Value]bool{}
	for _, v := range s.groups.Graph.Initializers {
		constants[v.Name] = v
		if w := s.values[v.Name]; w != nil && s.shrinks(v) {
			dirty[w] = true
			if w.Producer != nil {
				s.detach(w, v.Const)
			}
		}
	}
	runs := map[string]bool{} // what nodes of the analysed copy give
	for _, n := range s.groups.Graph.Nodes {
		for _, v := range n.Outputs {
			if v != nil {
				runs[v.Name] = true
			}
		}
	}
	for _, n := range s.graph.Nodes {
		if !slices.ContainsFunc(n.Reads(), func(v *graph.Value) bool { return dirty[v] }) {
			continue
		}
		for _, w := range slices.Clone(n.Outputs) {
			if w == nil || runs[w.Name] {
				continue
			}
			dirty[w] = true
			if v := constants[w.Name]; v != nil {
				s.detach(w, v.Const)
			}
		}
	}
}

func (s *slicer) shrinks(v *graph.Value) bool {
	for axis := range v.Shape {
		if s.kept[op.AxisRef{Value: v, Axis: axis}] != nil {
			return true
		}
	}
	return false
}

// detach makes an initializer of a node's output. The node goes on to give one that is not read.
func (s *slicer) detach(w *graph.Value, t *graph.Tensor) {
	n := w.Producer
	unread := &graph.Value{Name: s.unique(w.Name + "_unread"), DType: w.DType, Shape: w.Shape, Producer: n}
	n.Outputs[slices.Index(n.Outputs, w)] = unread
	s.values[unread.Name] = unread
	w.Producer, w.Origin = nil, nil
	w.DType, w.Shape, w.Const = t.DType, t.Shape(), t
	s.graph.Initializers = append(s.graph.Initializers, w)
}

func (s *slicer) unique(name string) string {
	free := name
	for i := 1; s.values[free] != nil; i++ {
		free = fmt.Sprintf("%s_%d", name, i)
	}
	return free
}

// shrink slices initializers, and the declared shapes of everything else.
func (s *slicer) shrink() {
	for _, v := range s.groups.Graph.Values() {
		w := s.values[v.Name]
		if w == nil || !s.shrinks(v) {
			continue
		}
		if w.Const != nil {
			w.Const = s.slice(v, w.Const)
			w.Shape = w.Const.Shape()
			continue
		}
		for axis := range w.Shape {
			if at := s.kept[op.AxisRef{Value: v, Axis: axis}]; at != nil && w.Shape[axis].Known() {
				w.Shape[axis] = graph.D(len(at))
			}
		}
	}
}

func (s *slicer) slice(v *graph.Value, t *graph.Tensor) *graph.Tensor {
	for axis := range v.Shape {
		if at := s.kept[op.AxisRef{Value: v, Axis: axis}]; at != nil {
			t = t.Take(axis, at)
		}
	}
	return t
}

// removeDead removes the nodes and initializers that nothing reads any more. What nothing read in the source stays.
func (s *slicer) removeDead() {
	live := func(g *graph.Graph) map[string]bool {
		c, _ := g.Clone()
		DeadCode(c)
		names := map[string]bool{}
		for _, v := range c.Values() {
			names[v.Name] = true
		}
		return names
	}
	before, after := live(s.groups.Source), live(s.graph)
	original := s.groups.Source.ByName()
	died := func(v *graph.Value) bool {
		return v != nil && (before[v.Name] || original[v.Name] == nil) && !after[v.Name]
	}
	s.graph.Nodes = slices.DeleteFunc(s.graph.Nodes, func(n *graph.Node) bool {
		return slices.ContainsFunc(n.Outputs, died) && !slices.ContainsFunc(n.Outputs, func(v *graph.Value) bool {
			return v != nil && !died(v)
		})
	})
	s.graph.Initializers = slices.DeleteFunc(s.graph.Initializers, died)
}

func (s *slicer) byName() map[string][][]int {
	kept := map[string][][]int{}
	for a, at := range s.kept {
		if s.values[a.Value.Name] == nil {
			continue
		}
		if kept[a.Value.Name] == nil {
			kept[a.Value.Name] = make([][]int, len(a.Value.Shape))
		}
		kept[a.Value.Name][a.Axis] = at
	}
	return kept
}

// verify infers the shapes of the copy and compares them with those of the source, less what was removed.
func (s *slicer) verify() error {
	if err := s.graph.Check(); err != nil {
		return fmt.Errorf("pass: slice: %w", err)
	}
	a, err := Analyse(s.graph, s.groups.bind)
	if err != nil {
		return fmt.Errorf("pass: slice: %w", err)
	}
	var errs []error
	got := a.ByName()
	for _, v := range s.groups.Graph.Values() {
		w := got[v.Name]
		if w == nil || s.groups.edited(v) {
			continue
		}
		want := v.Shape.Clone()
		for axis := range want {
			if at := s.kept[op.AxisRef{Value: v, Axis: axis}]; at != nil {
				want[axis] = graph.D(len(at))
			}
		}
		if w.Shape.String() != want.String() {
			errs = append(errs, fmt.Errorf("pass: slice: value %q is %v, want %v", v.Name, w.Shape, want))
		}
	}
	return errors.Join(errs...)
}

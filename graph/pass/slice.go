package pass

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/ildc/ildc/graph"
	"github.com/ildc/ildc/graph/op"
)

// Sliced is a graph with channels removed. Kept gives, by the name of each value that shrank and per axis, the positions of the source's
// value that are left; nil for an axis that is whole.
type Sliced struct {
	Graph *graph.Graph
	Kept  map[string][][]int
}

// Slice copies the source without the channels that are not listed: keep[i] lists those of group i that stay, in rising order; nil
// keeps all. The copy is the source in everything else: opset, names, dtypes, symbolic extents, inputs, outputs, origins. Sliced weights that
// the source computes from constants become initializers of the same name. Integers that state a number of channels, in a
// constant or an attribute, follow it. Every shape is inferred again and compared with what it must be.
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
				return nil, fmt.Errorf("pass: slice: group %q of %d channels: keep %v: want rising numbers", group.Name, group.Channels, keep[i])
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

// materialise makes an initializer of each constant that shrinks and that nodes compute, and of those that are computed from such a one.
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
		return slices.ContainsFunc(n.Outputs, died) && !slices.ContainsFunc(n.Outputs, func(v *graph.Value) bool { return v != nil && !died(v) })
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

// edited says whether a constant holds a number of channels.
func (gs *Groups) edited(v *graph.Value) bool {
	return v.Const != nil && slices.ContainsFunc(gs.edits, func(e edit) bool { return e.constant == v.Name })
}

// edit is an integer of the source that states a number of channels: an element of a constant that a node reads, or
// (constant is "") of its attribute.
type edit struct {
	node     string // the node, by the name of an output
	constant string
	attr     string
	index    int // within the constant or a list
	of       op.AxisRef
	per      int
}

// place finds where in the source each integer is written that the size of a group's axis determines. One that is not found, or that
// stands for two different sizes, is left: whether it follows by itself is for a trial to show.
func (gs *Groups) place(refs []op.SizeRef) {
	shrinks := map[op.AxisRef]bool{}
	for _, group := range gs.List {
		for _, a := range group.Axes {
			shrinks[a.AxisRef] = true
		}
	}
	values := gs.Source.ByName()
	for _, ref := range refs {
		if !shrinks[ref.Of] {
			continue
		}
		e := edit{index: ref.Index, of: ref.Of, per: max(1, ref.Per)}
		taken := func(f edit) bool { return e == f || e.place() == f.place() && !gs.together(e, f) }
		if e.find(ref, values) && !slices.ContainsFunc(gs.edits, taken) {
			gs.edits = append(gs.edits, e)
		}
	}
}

// place is where the integer is written.
func (e edit) place() edit {
	e.of, e.per = op.AxisRef{}, 0
	return e
}

// together says whether two integers are equal whatever is removed.
func (gs *Groups) together(e, f edit) bool {
	count := func(group *Group, of op.AxisRef) int {
		for _, a := range group.Axes {
			if a.AxisRef == of {
				return len(a.At[0])
			}
		}
		return 0
	}
	return !slices.ContainsFunc(gs.List, func(group *Group) bool { return count(group, e.of)*f.per != count(group, f.of)*e.per })
}

// find locates the integer in the source.
func (e *edit) find(ref op.SizeRef, values map[string]*graph.Value) bool {
	reader := ref.Node
	if ref.Const != nil {
		if reader = readerOf(ref.Const, ref.Node, 8); reader == nil || ref.Const.Const == nil {
			return false
		}
	}
	var n *graph.Node // of the source
	for _, v := range reader.Outputs {
		if v != nil && values[v.Name] != nil {
			n, e.node = values[v.Name].Producer, v.Name
			break
		}
	}
	if n == nil {
		return false
	}
	if ref.Const == nil {
		e.attr = ref.Attr
		return n.Op == reader.Op && n.Has(ref.Attr)
	}
	if v := values[ref.Const.Name]; v != nil && slices.Contains(n.Inputs, v) {
		e.constant = v.Name
		return true
	}
	list := ref.Const.Const.Int64s() // was an attribute in the source's opset
	for _, name := range slices.Sorted(maps.Keys(n.Attrs)) {
		if list != nil && slices.Equal(n.Ints(name), list) {
			if e.attr != "" {
				return false
			}
			e.attr = name
		}
	}
	return e.attr != ""
}

// readerOf finds the node that reads a constant on the way, through integers, to node n.
func readerOf(v *graph.Value, n *graph.Node, depth int) *graph.Node {
	if slices.Contains(n.Inputs, v) {
		return n
	}
	for _, in := range n.Inputs {
		if in != nil && in.Producer != nil && in.DType.IsInt() && depth > 0 {
			if r := readerOf(v, in.Producer, depth-1); r != nil {
				return r
			}
		}
	}
	return nil
}

// edit writes the new numbers. A constant whose readers want different ones gets copies.
func (s *slicer) edit() error {
	type use struct {
		node     *graph.Node
		constant *graph.Value
	}
	wanted := map[use][]int64{}
	var uses []use
	for _, e := range s.groups.edits {
		at := s.kept[e.of]
		if at == nil {
			continue
		}
		if len(at)%e.per != 0 {
			return fmt.Errorf("pass: slice: axis %d of %q: %d positions are not a multiple of %d", e.of.Axis, e.of.Value.Name, len(at), e.per)
		}
		before, after := int64(e.of.Value.Shape[e.of.Axis].Size/e.per), int64(len(at)/e.per)
		n := s.outputOf[e.node]
		if e.constant == "" {
			setAttr(n, e.attr, e.index, before, after)
			continue
		}
		u := use{n, s.values[e.constant]}
		if wanted[u] == nil {
			t := s.constant(e.constant)
			if t == nil || t.Int64s() == nil {
				return fmt.Errorf("pass: slice: node %q (%s): %q is not an integer constant", NodeName(n), n.OpName(), e.constant)
			}
			wanted[u] = slices.Clone(t.Int64s())
			uses = append(uses, u)
		}
		if e.index >= len(wanted[u]) {
			return fmt.Errorf("pass: slice: node %q (%s): %q has no element %d", NodeName(n), n.OpName(), e.constant, e.index)
		}
		if wanted[u][e.index] == before {
			wanted[u][e.index] = after
		}
	}
	consumers := s.graph.Consumers()
	for _, u := range uses {
		old := s.constant(u.constant.Name)
		t := graph.FromValues(old.DType, old.Dims, graph.Ints(wanted[u]...).Values())
		everyone := !slices.Contains(s.graph.Outputs, u.constant)
		for _, n := range consumers[u.constant] {
			everyone = everyone && slices.Equal(wanted[use{n, u.constant}], wanted[u])
		}
		if !everyone {
			c := &graph.Value{Name: s.unique(u.constant.Name + "_" + NodeName(u.node)), DType: t.DType, Shape: t.Shape(), Const: t}
			s.values[c.Name] = c
			s.graph.Initializers = append(s.graph.Initializers, c)
			for i, v := range u.node.Inputs {
				if v == u.constant {
					u.node.Inputs[i] = c
				}
			}
			continue
		}
		if u.constant.Producer != nil {
			s.detach(u.constant, t)
		}
		u.constant.Const, u.constant.Shape = t, t.Shape()
	}
	return nil
}

// setAttr replaces an integer attribute, or an element of a list, where it is what it was.
func setAttr(n *graph.Node, name string, index int, before, after int64) {
	switch a := n.Attrs[name].(type) {
	case int64:
		if a == before {
			n.Attrs[name] = after
		}
	case []int64:
		if index < len(a) && a[index] == before {
			a = slices.Clone(a)
			a[index] = after
			n.Attrs[name] = a
		}
	}
}

// constant is the tensor of a constant of the source, by name, before edits.
func (s *slicer) constant(name string) *graph.Tensor {
	for _, v := range s.groups.Graph.Initializers {
		if v.Name == name {
			return v.Const
		}
	}
	return nil
}

package pass

import (
	"fmt"
	"maps"
	"slices"

	"github.com/ildc/ildc/graph"
	"github.com/ildc/ildc/graph/op"
)

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

// place finds where in the source each integer is written that the size of a group's axis determines. One that is not
// found, or that stands for two different sizes, is left: whether it follows by itself is for a trial to show.
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
	return !slices.ContainsFunc(gs.List, func(group *Group) bool {
		return count(group, e.of)*f.per != count(group, f.of)*e.per
	})
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

// use is a constant as one node reads it.
type use struct {
	node     *graph.Node
	constant *graph.Value
}

// edit writes the new numbers. A constant whose readers want different ones gets copies.
func (s *slicer) edit() error {
	wanted := map[use][]int64{}
	var uses []use
	for _, e := range s.groups.edits {
		at := s.kept[e.of]
		if at == nil {
			continue
		}
		if len(at)%e.per != 0 {
			return fmt.Errorf("pass: slice: axis %d of %q: %d positions are not a multiple of %d",
				e.of.Axis, e.of.Value.Name, len(at), e.per)
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
				return fmt.Errorf("pass: slice: node %q (%s): %q is not an integer constant",
					NodeName(n), n.OpName(), e.constant)
			}
			wanted[u] = slices.Clone(t.Int64s())
			uses = append(uses, u)
		}
		if e.index >= len(wanted[u]) {
			return fmt.Errorf("pass: slice: node %q (%s): %q has no element %d",
				NodeName(n), n.OpName(), e.constant, e.index)
		}
		if wanted[u][e.index] == before {
			wanted[u][e.index] = after
		}
	}
	consumers := s.graph.Consumers()
	for _, u := range uses {
		s.replace(u, wanted, consumers[u.constant])
	}
	return nil
}

// replace gives a node the elements that it wants of a constant: in its place where all readers want the same, else in
// a copy.
func (s *slicer) replace(u use, wanted map[use][]int64, readers []*graph.Node) {
	old := s.constant(u.constant.Name)
	t := graph.FromValues(old.DType, old.Dims, graph.Ints(wanted[u]...).Values())
	everyone := !slices.Contains(s.graph.Outputs, u.constant)
	for _, n := range readers {
		everyone = everyone && slices.Equal(wanted[use{n, u.constant}], wanted[u])
	}
	if everyone {
		if u.constant.Producer != nil {
			s.detach(u.constant, t)
		}
		u.constant.Const, u.constant.Shape = t, t.Shape()
		return
	}
	name := s.unique(u.constant.Name + "_" + NodeName(u.node))
	c := &graph.Value{Name: name, DType: t.DType, Shape: t.Shape(), Const: t}
	s.values[c.Name] = c
	s.graph.Initializers = append(s.graph.Initializers, c)
	for i, v := range u.node.Inputs {
		if v == u.constant {
			u.node.Inputs[i] = c
		}
	}
}

// restate lets attributes that restate extents follow them.
func (s *slicer) restate() {
	for _, n := range s.graph.Nodes {
		if spec := op.Of(n); spec != nil && spec.Restated != nil {
			for name, extent := range spec.Restated(n) {
				if n.Has(name) {
					n.Attrs[name] = extent
				}
			}
		}
	}
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

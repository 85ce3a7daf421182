package pass

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/ildc/ildc/graph"
	"github.com/ildc/ildc/graph/op"
)

// Groups are the channel groups of a graph: which channels there are to remove, and what must shrink with each.
type Groups struct {
	Source *graph.Graph // as imported
	Graph  *graph.Graph // the copy that was analysed, see [Analyse]
	List   []*Group
	Fixed  []Fixed // nodes with weights whose output stays whole

	bind     Binding
	edits    []edit
	coupling *op.Coupling
	names    map[string]bool // of the source's nodes
}

// Group is a set of channels that any number may be removed of (but one must stay). All of them touch the same axes of
// the same values: those of a residual stage, of one operand of a Concat, the units of a grouped convolution.
type Group struct {
	Name      string        // that of its first producer
	Channels  int           // how many there are
	Axes      []GroupAxis   // what shrinks
	Producers []*graph.Node // the nodes whose weights the channels come from

	// Loose is why a graph without some of the channels computes something else than one with those zeroed; "" where it
	// does not.
	Loose string
}

// GroupAxis is an axis that shrinks with a group. At lists, for each channel, its positions on the axis; each channel
// has equally many.
type GroupAxis struct {
	op.AxisRef
	At     [][]int
	Source bool // channels come from here: it is the output axis of a weight
}

// Fixed says why the output of a node with weights stays whole.
type Fixed struct {
	Node *graph.Node
	Why  string
}

// Channels finds the channel groups of an imported graph. Model inputs and outputs stay whole, and so does what an op
// is not known to allow to shrink.
func Channels(g *graph.Graph, bind Binding) (*Groups, error) {
	a, err := Analyse(g, bind)
	if err != nil {
		return nil, err
	}
	c := op.NewCoupling()
	for next := c; next != nil; next = c.Retry() {
		c = next
		for _, v := range a.Inputs {
			c.FixAll(v, "it is model input "+v.Name)
		}
		for _, v := range a.Outputs {
			c.FixAll(v, "it is model output "+v.Name)
		}
		for _, n := range a.Nodes {
			c.Apply(n)
		}
	}
	gs := &Groups{Source: g, Graph: a, bind: bind, coupling: c}
	gs.gather()
	gs.place(c.Sizes())
	declined, err := gs.decline()
	if err != nil {
		return nil, err
	}
	gs.listFixed(declined)
	return gs, nil
}

// ChannelAxis is the first axis of a value of the analysed copy that channels lie along, −1 where there is none.
func (gs *Groups) ChannelAxis(v *graph.Value) int {
	for axis := range v.Shape {
		if gs.coupling.Sourced(op.AxisRef{Value: v, Axis: axis}) {
			return axis
		}
	}
	return -1
}

// SourceAxis is the axis of a weight that channels come from, −1 where there is none.
func (gs *Groups) SourceAxis(w *graph.Value) int {
	for _, a := range gs.coupling.Sources() {
		if a.Value == w {
			return a.Axis
		}
	}
	return -1
}

// place is a position of an axis, by number.
type place struct {
	axis, at int
}

// gather makes groups of the removable classes that touch the same axes, equally often.
func (gs *Groups) gather() {
	axes := gs.coupling.Axes()
	sources := map[op.AxisRef]bool{}
	for _, a := range gs.coupling.Sources() {
		sources[a] = true
	}
	classes, places := removable(gs.coupling)
	bySignature := map[string]*Group{}
	for _, class := range classes {
		var signature strings.Builder
		for _, p := range places[class] {
			fmt.Fprintf(&signature, "%d ", p.axis)
		}
		group := bySignature[signature.String()]
		if group == nil {
			group = &Group{Loose: gs.coupling.Loose(class)}
			for i, p := range places[class] {
				if i == 0 || p.axis != places[class][i-1].axis {
					group.Axes = append(group.Axes, GroupAxis{AxisRef: axes[p.axis], Source: sources[axes[p.axis]]})
				}
			}
			bySignature[signature.String()] = group
			gs.List = append(gs.List, group)
		}
		group.add(places[class])
	}
	gs.List = slices.DeleteFunc(gs.List, func(group *Group) bool { return group.Channels < 2 })
	gs.nameProducers()
}

// removable lists the classes that can be removed, in order, and the places of each.
func removable(c *op.Coupling) (classes []int, places map[int][]place) {
	axes := c.Axes()
	positions := 0
	for _, axis := range axes {
		positions += axis.Value.Shape[axis.Axis].Size
	}
	const unseen, goes, stays = 0, 1, 2
	state := make([]uint8, positions) // by class; most positions, such as those of a batch, stay
	places = map[int][]place{}
	for k, axis := range axes {
		for i := range axis.Value.Shape[axis.Axis].Size {
			class := c.Class(axis, i)
			if state[class] == unseen {
				state[class] = stays
				if ok, _ := c.Removable(class); ok {
					state[class] = goes
					classes = append(classes, class)
				}
			}
			if state[class] == goes {
				places[class] = append(places[class], place{k, i})
			}
		}
	}
	slices.Sort(classes)
	return classes, places
}

// add adds a channel that lies at these places, axis by axis.
func (group *Group) add(places []place) {
	group.Channels++
	k := -1
	for i, p := range places {
		if i == 0 || p.axis != places[i-1].axis {
			k++
			group.Axes[k].At = append(group.Axes[k].At, nil)
		}
		at := &group.Axes[k].At[group.Channels-1]
		*at = append(*at, p.at)
	}
}

// NameOf is the name of the node in the file that a node of the analysed copy stands for, or is a part of.
func (gs *Groups) NameOf(n *graph.Node) string {
	if gs.names == nil {
		gs.names = map[string]bool{}
		for _, m := range gs.Source.Nodes {
			gs.names[NodeName(m)] = true
		}
	}
	return partOf(gs.names, NodeName(n))
}

// partOf cuts a name, at slashes, to the longest beginning that is one of these; the name itself where none is.
func partOf(names map[string]bool, name string) string {
	for whole := name; ; {
		if names[whole] {
			return whole
		}
		i := strings.LastIndexByte(whole, '/')
		if i < 0 {
			return name
		}
		whole = whole[:i]
	}
}

// nameProducers finds the producers of each group, and names it after the first.
func (gs *Groups) nameProducers() {
	for _, group := range gs.List {
		shrinks := map[op.AxisRef]bool{}
		for _, a := range group.Axes {
			shrinks[a.AxisRef] = a.Source
		}
		for _, n := range gs.Graph.Nodes {
			if s := op.Of(n); s != nil && s.MACs != nil && slices.ContainsFunc(n.Reads(), func(v *graph.Value) bool {
				for axis := range v.Shape {
					if shrinks[op.AxisRef{Value: v, Axis: axis}] {
						return true
					}
				}
				return false
			}) {
				group.Producers = append(group.Producers, n)
			}
		}
		if len(group.Producers) > 0 {
			group.Name = gs.NameOf(group.Producers[0])
		}
	}
	order := map[*graph.Node]int{}
	for i, n := range gs.Graph.Nodes {
		order[n] = i
	}
	gs.List = slices.DeleteFunc(gs.List, func(group *Group) bool { return len(group.Producers) == 0 })
	slices.SortStableFunc(gs.List, func(a, b *Group) int {
		return cmp.Compare(order[a.Producers[0]], order[b.Producers[0]])
	})
}

// NodeName is what a node is called in messages and options: its name, or, where it has none, that of its first output.
func NodeName(n *graph.Node) string {
	if n.Name != "" {
		return n.Name
	}
	for _, v := range n.Outputs {
		if v != nil {
			return v.Name
		}
	}
	return ""
}

// decline drops the groups whose number of channels is written where it can't be changed, or computed in a way that
// does not follow: a trial removes one channel of each group and infers every shape again.
func (gs *Groups) decline() (declined []*Group, err error) {
	if gs.try(gs.List...) == nil {
		return nil, nil
	}
	var allowed []*Group
	for _, group := range gs.List {
		if gs.try(group) == nil {
			allowed = append(allowed, group)
		} else {
			declined = append(declined, group)
		}
	}
	gs.List = allowed
	return declined, gs.try(allowed...)
}

func (gs *Groups) try(groups ...*Group) error {
	keep := make([][]int, len(gs.List))
	for i, group := range gs.List {
		if slices.Contains(groups, group) {
			for channel := 1; channel < group.Channels; channel++ {
				keep[i] = append(keep[i], channel)
			}
		}
	}
	_, err := gs.Slice(keep)
	return err
}

// listFixed lists the nodes with weights none of whose outputs shrinks.
func (gs *Groups) listFixed(declined []*Group) {
	shrinks := map[op.AxisRef]bool{}
	for _, group := range gs.List {
		for _, a := range group.Axes {
			shrinks[a.AxisRef] = true
		}
	}
	refused := map[op.AxisRef]bool{}
	for _, group := range declined {
		for _, a := range group.Axes {
			refused[a.AxisRef] = true
		}
	}
	sources := map[*graph.Value][]op.AxisRef{}
	for _, a := range gs.coupling.Sources() {
		sources[a.Value] = append(sources[a.Value], a)
	}
	fed := map[*graph.Value]bool{} // what depends on an input, and is no weight
	for _, v := range gs.Graph.Inputs {
		fed[v] = true
	}
	for _, n := range gs.Graph.Nodes {
		if slices.ContainsFunc(n.Reads(), func(v *graph.Value) bool { return fed[v] }) {
			for _, v := range n.Outputs {
				fed[v] = true
			}
		}
		if s := op.Of(n); s == nil || s.MACs == nil {
			continue
		}
		var axes []op.AxisRef // those that channels would leave by
		var weights []op.AxisRef
		for _, v := range n.Reads() {
			if len(v.Shape) > 1 && !fed[v] {
				weights = append(weights, op.AxisRef{Value: v})
			}
			axes = append(axes, sources[v]...)
		}
		for _, v := range n.Outputs {
			if v != nil {
				for axis := range v.Shape {
					axes = append(axes, op.AxisRef{Value: v, Axis: axis})
				}
			}
		}
		if weights == nil || slices.ContainsFunc(axes, func(a op.AxisRef) bool { return shrinks[a] }) {
			continue
		}
		gs.Fixed = append(gs.Fixed, Fixed{n, gs.reason(axes, weights, refused)})
	}
}

// reason says why the channels along the first of these axes that has any stay; where none has, why the weights stay.
func (gs *Groups) reason(axes, weights []op.AxisRef, refused map[op.AxisRef]bool) string {
	for _, a := range axes {
		if !gs.coupling.Sourced(a) {
			continue
		}
		if why := gs.fixed(a); why != "" {
			return why
		}
		if refused[a] {
			return "a shape that the model computes does not follow their number"
		}
		if a.Value.Shape[a.Axis].Is(1) {
			return "it has one channel"
		}
	}
	for _, a := range weights {
		if why := gs.fixed(a); why != "" {
			return why
		}
	}
	return "its channels are all one, or come from no weight"
}

// fixed is why the first position of an axis that is fixed is so; "" where none is.
func (gs *Groups) fixed(a op.AxisRef) string {
	for i := range a.Value.Shape[a.Axis].Size {
		if _, why := gs.coupling.Removable(gs.coupling.Class(a, i)); why != "" {
			return why
		}
	}
	return ""
}

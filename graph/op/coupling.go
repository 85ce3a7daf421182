package op

import (
	"slices"

	"github.com/ildc/ildc/graph"
)

// Coupling collects which positions of which axes of a graph's values must be removed together.
//
// Every position i of every axis a of every value v is an element. tie and tieTo join elements into classes;
// a class is removed whole or kept whole. fix keeps classes for ever, loosen marks those whose removal changes what is
// left. MarkSource marks where channels come from: the output axis of a weight. A class with a source and nothing fixed
// is a channel that may be removed.
type Coupling struct {
	parent  []int32
	base    map[axisKey]int32 // first element of an axis
	fixed   []int32           // by root: the reason why it never shrinks, by number; 0 where it may
	reasons map[string]int32  // numbers from 1
	why     []string          // by number
	loose   []int32           // by root: why removing it changes more than zeroing it does, by number; 0 where it does not
	source  []bool            // by root
	touched map[axisKey]bool  // mentioned by the node at hand
	sizes   []SizeRef
	axes    []AxisRef
	sources []AxisRef
	splits  []split
	tries   map[string]int // of splits that were coupled in another way before, by the name of what they give
}

// AxisRef is one axis of one value.
type AxisRef struct {
	Value *graph.Value
	Axis  int
}

type axisKey = AxisRef

// SizeRef says that an integer written in the model equals the size of an axis, divided by Per, and must follow it.
// It is an element of a constant (Const, Index), or, with Const nil, the node's integer attribute Attr.
type SizeRef struct {
	Node  *graph.Node
	Const *graph.Value
	Index int
	Attr  string
	Of    AxisRef
	Per   int
}

// NewCoupling is an empty coupling.
func NewCoupling() *Coupling {
	return &Coupling{base: map[axisKey]int32{}, touched: map[axisKey]bool{}, reasons: map[string]int32{},
		why: []string{""}, tries: map[string]int{}}
}

// maxPositions bounds the axes whose positions are followed: longer ones are no channels, flattened or not.
const maxPositions = 1 << 22

// elements gives the first element of an axis and its size; ok is false where the size is not known, or beyond
// maxPositions.
func (c *Coupling) elements(v *graph.Value, axis int) (first int32, size int, ok bool) {
	if v == nil || axis < 0 || axis >= len(v.Shape) || !v.Shape[axis].Known() || v.Shape[axis].Size > maxPositions {
		return 0, 0, false
	}
	k := axisKey{v, axis}
	size = v.Shape[axis].Size
	first, seen := c.base[k]
	if !seen {
		first = int32(len(c.parent))
		for i := range size {
			c.parent = append(c.parent, first+int32(i))
			c.fixed, c.loose, c.source = append(c.fixed, 0), append(c.loose, 0), append(c.source, false)
		}
		c.base[k] = first
		c.axes = append(c.axes, k)
	}
	c.touched[k] = true
	return first, size, true
}

func (c *Coupling) find(e int32) int32 {
	for c.parent[e] != e {
		c.parent[e] = c.parent[c.parent[e]]
		e = c.parent[e]
	}
	return e
}

func (c *Coupling) join(a, b int32) {
	a, b = c.find(a), c.find(b)
	if a == b {
		return
	}
	if b < a {
		a, b = b, a
	}
	c.parent[b] = a
	if c.fixed[a] == 0 {
		c.fixed[a] = c.fixed[b]
	}
	if c.loose[a] == 0 {
		c.loose[a] = c.loose[b]
	}
	if c.source[b] {
		c.source[a] = true
	}
}

// tie joins position i of one axis with position i of the other. Axes of different or unknown size are fixed.
func (c *Coupling) tie(a *graph.Value, axisA int, b *graph.Value, axisB int) {
	if _, na, okA := c.elements(a, axisA); okA {
		if _, nb, okB := c.elements(b, axisB); okB && na != nb {
			c.fix(a, axisA, "it meets an axis of another extent")
			c.fix(b, axisB, "it meets an axis of another extent")
			return
		}
	}
	c.tieTo(a, axisA, b, axisB, func(i int) int { return i })
}

// tieTo joins position i of the first axis with position to(i) of the second; to gives -1 for a position that has no
// counterpart. A position of b that none maps to is left alone.
func (c *Coupling) tieTo(a *graph.Value, axisA int, b *graph.Value, axisB int, to func(i int) int) {
	ea, na, okA := c.elements(a, axisA)
	eb, nb, okB := c.elements(b, axisB)
	if !okA || !okB {
		c.fix(a, axisA, "its extent is symbolic or too large")
		c.fix(b, axisB, "its extent is symbolic or too large")
		return
	}
	for i := range na {
		if j := to(i); j >= 0 && j < nb {
			c.join(ea+int32(i), eb+int32(j))
		}
	}
}

// fix keeps every position of an axis for ever. The reason completes "left alone: …".
func (c *Coupling) fix(v *graph.Value, axis int, why string) {
	if first, size, ok := c.elements(v, axis); ok {
		for i := range size {
			c.fixClass(first+int32(i), why)
		}
	}
}

// fixAt keeps one position of an axis of known extent for ever.
func (c *Coupling) fixAt(v *graph.Value, axis, i int, why string) {
	first, size, ok := c.elements(v, axis)
	if !ok || i < 0 || i >= size {
		return
	}
	c.fixClass(first+int32(i), why)
}

func (c *Coupling) fixClass(e int32, why string) {
	r := c.find(e)
	if c.fixed[r] != 0 {
		return
	}
	c.fixed[r] = c.reason(why)
}

// reason numbers a reason.
func (c *Coupling) reason(why string) int32 {
	if c.reasons[why] == 0 {
		c.reasons[why] = int32(len(c.why))
		c.why = append(c.why, why)
	}
	return c.reasons[why]
}

// loosen says of every position of an axis that its removal changes more than zeroing it would: statistics over the
// axis are those of what is left. The reason completes "its removal changes the rest: …".
func (c *Coupling) loosen(v *graph.Value, axis int, why string) {
	first, size, ok := c.elements(v, axis)
	if !ok {
		return
	}
	for i := range size {
		if r := c.find(first + int32(i)); c.loose[r] == 0 {
			c.loose[r] = c.reason(why)
		}
	}
}

// Loose is why the removal of a class changes the rest; "" where it does not.
func (c *Coupling) Loose(class int) string { return c.why[c.loose[class]] }

// FixAll fixes every axis of a value.
func (c *Coupling) FixAll(v *graph.Value, why string) {
	if v != nil {
		for axis := range v.Shape {
			c.fix(v, axis, why)
		}
	}
}

// MarkSource marks an axis of a weight as one that channels come from.
func (c *Coupling) MarkSource(w *graph.Value, axis int) {
	first, size, ok := c.elements(w, axis)
	if !ok {
		return
	}
	for i := range size {
		c.source[c.find(first+int32(i))] = true
	}
	c.sources = append(c.sources, AxisRef{w, axis})
}

// follow records an integer that follows the size of an axis.
func (c *Coupling) follow(r SizeRef) { c.sizes = append(c.sizes, r) }

// Apply applies the rule of the node's op. What the rule does not mention is fixed.
func (c *Coupling) Apply(n *graph.Node) {
	clear(c.touched)
	why := "node " + n.Name + " (" + n.OpName() + ") is not known to allow it"
	if s := Of(n); s != nil && s.Channels != nil {
		s.Channels(c, n)
		why = "node " + n.Name + " (" + n.OpName() + ") needs it whole"
		if i := slices.IndexFunc(n.Reads(), func(v *graph.Value) bool { return v.Shape == nil }); i >= 0 {
			why = "node " + n.Name + " (" + n.OpName() + ") reads " + n.Reads()[i].Name + ", whose shape is not known"
		}
	}
	for _, v := range append(n.Reads(), n.Outputs...) {
		if v == nil {
			continue
		}
		for axis := range v.Shape {
			if !c.touched[axisKey{v, axis}] {
				c.fix(v, axis, why)
			}
		}
	}
}

// Axes lists every axis that took part, in the order of first mention.
func (c *Coupling) Axes() []AxisRef { return c.axes }

// Sources lists the axes that channels come from, once for each node that says so.
func (c *Coupling) Sources() []AxisRef { return c.sources }

// Sizes lists the integers that follow axes.
func (c *Coupling) Sizes() []SizeRef { return c.sizes }

// Class gives the class of a position: a number that is equal for positions that move together.
func (c *Coupling) Class(a AxisRef, i int) int { return int(c.find(c.base[a] + int32(i))) }

// Sourced says whether channels lie along an axis: whether any of its positions comes from the output axis of a weight.
func (c *Coupling) Sourced(a AxisRef) bool {
	first, seen := c.base[a]
	if !seen {
		return false
	}
	for i := range a.Value.Shape[a.Axis].Size {
		if c.source[c.find(first+int32(i))] {
			return true
		}
	}
	return false
}

// Removable says whether a class may be removed, and if not, why.
func (c *Coupling) Removable(class int) (ok bool, why string) {
	r := int32(class)
	if c.fixed[r] != 0 {
		return false, c.why[c.fixed[r]]
	}
	return c.source[r], ""
}

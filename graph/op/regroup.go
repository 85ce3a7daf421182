package op

import (
	"maps"
	"slices"

	"github.com/ildc/ildc/graph"
)

// How channels pass through ops that give the same elements another shape.

// reshapeChannels couples axes, and lets the target follow those that may shrink.
func reshapeChannels(c *Coupling, n *graph.Node) {
	regroup(c, n)
	y, want := n.Outputs[0], elems(n.Inputs[1])
	for axis := range y.Shape {
		copied := axis < len(want) && want[axis].Is(0) && n.Int("allowzero", 0) == 0
		if c.touched[axisKey{y, axis}] && y.Shape[axis].Known() && axis < len(want) && !copied && !want[axis].Is(-1) {
			follow(c, n, n.Inputs[1], axis, y, axis)
		}
	}
}

// follow records that element k of an integer vector that node n reads must equal the size of an axis of y. Where that
// element is written in a constant, the constant follows; where it is computed from shapes, it follows by itself; any
// other is kept, and the axis with it.
func follow(c *Coupling, n *graph.Node, vector *graph.Value, k int, y *graph.Value, axis int) {
	leaf, index, ok := origin(vector, k)
	switch {
	case !ok:
		c.fix(y, axis, "the shape that node "+n.Name+" ("+n.OpName()+") reads is computed by the graph")
	case leaf != nil:
		c.follow(SizeRef{Node: n, Const: leaf, Index: index, Of: AxisRef{y, axis}, Per: 1})
	}
}

// origin finds where element k of an integer vector is written: the constant and the position in it, or no constant
// where it is taken from a shape. ok is false where neither is found.
func origin(v *graph.Value, k int) (leaf *graph.Value, index int, ok bool) {
	if v.Const != nil {
		return v, k, true
	}
	n := v.Producer
	if n == nil {
		return nil, 0, false
	}
	switch n.Op {
	case "Concat":
		for _, part := range n.Inputs {
			size := part.Shape.Elements()
			if size < 0 {
				return nil, 0, false
			}
			if k < size {
				return origin(part, k)
			}
			k -= size
		}
		return nil, 0, false
	case "Identity", "Cast", "Unsqueeze", "Squeeze":
		return origin(n.Inputs[0], k)
	case "Constant":
		return nil, 0, false
	}
	return nil, 0, fromShape(v, 8)
}

// fromShape says whether a value is computed from a Shape.
func fromShape(v *graph.Value, depth int) bool {
	n := v.Producer
	if n == nil || depth == 0 {
		return false
	}
	return n.Op == "Shape" || slices.ContainsFunc(n.Inputs, func(v *graph.Value) bool {
		return v != nil && fromShape(v, depth-1)
	})
}

// regroup couples the axes of the first input with those of the output, for an op that keeps the elements in order.
// Runs of axes with equal products correspond:
//
//   - one to one: position by position
//   - merged, [C,H,W] → [C·H·W]: each position of the output belongs to the channel it came from; channels are on the
//     one axis that they lie along, and the others stay
//   - split, [g·C] → [g,C]: what is removed is a position of one axis, for every position of the others; which
//     axis depends on what it is for, see splitOrder
func regroup(c *Coupling, n *graph.Node) {
	x, y := n.Inputs[0], n.Outputs[0]
	for _, r := range runs(x.Shape, y.Shape) {
		from, to := r.wide(x.Shape, r.x), r.wide(y.Shape, r.y)
		switch {
		case len(from) == 1 && len(to) == 1:
			c.tie(x, from[0], y, to[0])
		case len(from) > 1 && len(to) == 1:
			merge(c, x, from, y, to[0])
		case len(from) == 1 && len(to) > 1:
			order := splitOrder(x.Shape, from[0], len(to))
			at := order[min(c.tries[y.Name], len(order)-1)]
			size, inner := y.Shape[to[at]].Size, 1
			for _, a := range to[at+1:] {
				inner *= y.Shape[a].Size
			}
			c.tieTo(x, from[0], y, to[at], func(i int) int { return i / inner % size })
			c.splits = append(c.splits, split{AxisRef{x, from[0]}, AxisRef{y, to[at]}, len(order)})
		}
	}
}

// splitOrder says which of the axes that an axis is split into channels are most likely removed along, the likeliest
// first: of tokens the last but one, as in heads, [N,T,h·D] → [N,T,h,D], or [N,T,3·h·D] → [N,T,3,h,D]; of vectors the
// first, as in [N,C·H·W] → [N,C,H,W]; else the last, as in a channel shuffle, [N,g·C,H,W] → [N,g,C,H,W].
func splitOrder(x graph.Shape, from, axes int) []int {
	first := axes - 1
	switch {
	case len(x) == 2:
		first = 0
	case from == len(x)-1:
		first = axes - 2
	}
	order := []int{first}
	for k := axes - 1; k >= 0; k-- {
		if k != first {
			order = append(order, k)
		}
	}
	return order
}

// split is an axis that is split, and the one of those it becomes that channels are removed along.
type split struct {
	from, to AxisRef
	choices  int
}

// Retry starts over, with another axis for each of the splits whose channels all stay as they are coupled now; it gives
// nil where there is none.
func (c *Coupling) Retry() *Coupling {
	next := NewCoupling()
	maps.Copy(next.tries, c.tries)
	for _, s := range c.splits {
		name := s.to.Value.Name
		if c.Sourced(s.from) && !c.shrinks(s.to) && next.tries[name] == c.tries[name] && c.tries[name]+1 < s.choices {
			next.tries[name]++
		}
	}
	if maps.Equal(next.tries, c.tries) {
		return nil
	}
	return next
}

// shrinks says whether any position of an axis may be removed.
func (c *Coupling) shrinks(a AxisRef) bool {
	for i := range a.Value.Shape[a.Axis].Size {
		if ok, _ := c.Removable(c.Class(a, i)); ok {
			return true
		}
	}
	return false
}

// merge couples the axis, of those that become one, that channels lie along.
func merge(c *Coupling, x *graph.Value, from []int, y *graph.Value, to int) {
	channel := -1
	for k, a := range from {
		if c.Sourced(AxisRef{x, a}) {
			if channel >= 0 {
				return // more than one: which is removed can't be told
			}
			channel = k
		}
	}
	if channel < 0 {
		return
	}
	size, inner := x.Shape[from[channel]].Size, 1
	for _, a := range from[channel+1:] {
		inner *= x.Shape[a].Size
	}
	c.tieTo(y, to, x, from[channel], func(i int) int { return i / inner % size })
}

// run is a run of axes of one shape that holds the same elements as a run of another.
type run struct{ x, y [2]int } // from, to

// wide lists the axes of a run whose extent is not 1; the last one where all are.
func (run) wide(s graph.Shape, r [2]int) []int {
	var axes []int
	for a := r[0]; a < r[1]; a++ {
		if !s[a].Is(1) {
			axes = append(axes, a)
		}
	}
	if axes == nil && r[1] > r[0] {
		axes = []int{r[1] - 1}
	}
	return axes
}

// runs pairs runs of axes with equal products, the shortest ones, from the first axis on, up to a symbolic extent that
// changes.
func runs(x, y graph.Shape) []run {
	var all []run
	i, j := 0, 0
	for i < len(x) && j < len(y) {
		if !x[i].Known() || !y[j].Known() {
			if !x[i].Equal(y[j]) {
				break
			}
			all = append(all, run{[2]int{i, i + 1}, [2]int{j, j + 1}})
			i, j = i+1, j+1
			continue
		}
		r := run{[2]int{i, i + 1}, [2]int{j, j + 1}}
		a, b := x[i].Size, y[j].Size
		i, j = i+1, j+1
		for a != b {
			switch {
			case a < b && i < len(x) && x[i].Known():
				a *= x[i].Size
				i++
			case b < a && j < len(y) && y[j].Known():
				b *= y[j].Size
				j++
			default:
				return all
			}
		}
		r.x[1], r.y[1] = i, j
		all = append(all, r)
	}
	return all
}

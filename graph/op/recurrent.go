package op

import (
	"slices"

	"github.com/ildc/ildc/graph"
)

// Recurrent layers, unrolled step by step. X: [T,B,I], W: [D,g·H,I], R: [D,g·H,H], B: [D,2·g·H], initial states
// [D,B,H], D directions, g gates → Y: [T,D,B,H], Y_h: [D,B,H], and of LSTM Y_c: [D,B,H]; with layout 1 the batch comes
// first, in X, Y and states.
//
//	RNN: h = f(x·Wᵀ + h·Rᵀ + b)
//	GRU (Cho et al. 2014), gates z, r, h: h = (1−z)⊙h̃ + z⊙h with h̃ = g(x·Wₕᵀ + (r⊙h)·Rₕᵀ + b), or, with
//		linear_before_reset, r⊙(h·Rₕᵀ + b)
//	LSTM (Hochreiter, Schmidhuber 1997), gates i, o, f, c: c = f⊙c + i⊙c̃, h = o⊙h(c), with peepholes P: [D,3·H]
//
// Not supported: sequence_lens other than T, clip, input_forget, more than maxUnrolled steps.
// https://onnx.ai/onnx/operators/onnx__LSTM.html and its neighbours.
func recurrent() []*Spec {
	layer := func(op string, most int, c cell) *Spec {
		return composite(&Spec{Type: op, Least: 3, Most: most, Restated: hiddenSize},
			func(b *graph.Builder, n *graph.Node) []*graph.Value { return unroll(b, n, c) })
	}
	return []*Spec{
		layer("RNN", 6, cell{gates: 1, activations: []string{"Tanh"}, step: rnnStep}),
		layer("GRU", 6, cell{gates: 3, activations: []string{"Sigmoid", "Tanh"}, step: gruStep}),
		layer("LSTM", 8, cell{gates: 4, activations: []string{"Sigmoid", "Tanh", "Tanh"}, step: lstmStep}),
	}
}

func hiddenSize(n *graph.Node) map[string]int64 {
	if r := n.Input(2); r != nil && len(r.Shape) == 3 && r.Shape[2].Known() {
		return map[string]int64{"hidden_size": int64(r.Shape[2].Size)}
	}
	return nil
}

// maxUnrolled bounds the steps of a recurrent layer.
const maxUnrolled = 128

// cell is what a recurrent layer does in one step.
type cell struct {
	gates       int
	activations []string // the defaults
	step        func(d direction, x *graph.Value, h, c *graph.Value) (*graph.Value, *graph.Value)
}

// direction is a recurrent layer going one way.
type direction struct {
	*graph.Builder
	node        *graph.Node
	hidden      int
	recurrence  *graph.Value // [H,g·H]
	bias        *graph.Value // [g·H], of the recurrence; nil where it is part of the input's
	peepholes   *graph.Value // [3·H]; nil where there are none
	activations []string
}

func (d direction) activate(k int, v *graph.Value) *graph.Value {
	n := &graph.Node{Name: d.node.Name, Op: d.node.Op, Attrs: graph.Attrs{"activation": d.activations[k]},
		Inputs: d.node.Inputs}
	return activate(d.Builder, n, v, func(_ int, def float64) float64 { return def })
}

// parts splits [B,k·H] into k parts.
func (d direction) parts(v *graph.Value, k int) []*graph.Value {
	return d.Ops("Split", k, graph.Attrs{"axis": int64(-1), "num_outputs": int64(k)}, v)
}

func (d direction) add(v, w *graph.Value) *graph.Value { return d.Op("Add", nil, v, w) }
func (d direction) mul(v, w *graph.Value) *graph.Value { return d.Op("Mul", nil, v, w) }

// recur is h·Rᵀ, with its bias where that is apart.
func (d direction) recur(h, r, bias *graph.Value) *graph.Value {
	y := d.Op("MatMul", nil, h, r)
	if bias != nil {
		y = d.add(y, bias)
	}
	return y
}

func rnnStep(d direction, x, h, c *graph.Value) (*graph.Value, *graph.Value) {
	return d.activate(0, d.add(x, d.recur(h, d.recurrence, nil))), c
}

func gruStep(d direction, x, h, c *graph.Value) (*graph.Value, *graph.Value) {
	split := func(v *graph.Value, axis int64) []*graph.Value {
		size := int64(d.hidden)
		return d.Ops("Split", 2, graph.Attrs{"axis": axis}, v, d.Ints(2*size, size))
	}
	r, xs := split(d.recurrence, 1), split(x, -1)
	var bias [2]*graph.Value
	if d.bias != nil {
		copy(bias[:], split(d.bias, 0))
	}
	gates := d.parts(d.activate(0, d.add(xs[0], d.recur(h, r[0], bias[0]))), 2)
	z, reset := gates[0], gates[1]
	var inner *graph.Value
	if d.node.Int("linear_before_reset", 0) != 0 {
		inner = d.mul(reset, d.recur(h, r[1], bias[1]))
	} else {
		inner = d.recur(d.mul(reset, h), r[1], bias[1])
	}
	candidate := d.activate(1, d.add(xs[1], inner))
	one := d.Scalar(x.DType, 1)
	return d.add(d.mul(d.Op("Sub", nil, one, z), candidate), d.mul(z, h)), c
}

func lstmStep(d direction, x, h, c *graph.Value) (*graph.Value, *graph.Value) {
	gates := d.parts(d.add(x, d.recur(h, d.recurrence, nil)), 4)
	i, o, f, candidate := gates[0], gates[1], gates[2], gates[3]
	var peeps []*graph.Value
	if d.peepholes != nil {
		peeps = d.Ops("Split", 3, graph.Attrs{"axis": int64(0), "num_outputs": int64(3)}, d.peepholes)
		i, f = d.add(i, d.mul(peeps[0], c)), d.add(f, d.mul(peeps[2], c))
	}
	c = d.add(d.mul(d.activate(0, f), c), d.mul(d.activate(0, i), d.activate(1, candidate)))
	if peeps != nil {
		o = d.add(o, d.mul(peeps[1], c))
	}
	return d.mul(d.activate(0, o), d.activate(2, c)), c
}

// unrolling is a recurrent layer that is being unrolled.
type unrolling struct {
	*graph.Builder
	node        *graph.Node
	cell        cell
	x           *graph.Value // [T,B,I]
	activations []string     // of all directions
	way         string

	steps, batch, hidden, directions int
}

// unroll appends the steps of a layer. It gives nil where the node stays, since its extents are not known.
func unroll(b *graph.Builder, n *graph.Node, c cell) []*graph.Value {
	u := unrolling{Builder: b, node: n, cell: c}
	if !u.read() {
		return nil
	}
	ys := make([][]*graph.Value, u.steps) // by step, of each direction [B,H]
	var hs, cs []*graph.Value
	for k := range u.directions {
		d, in := u.direction(k)
		if b.Err() != nil {
			return nil
		}
		h, memory := u.run(d, k, in, ys)
		hs, cs = append(hs, h), append(cs, memory)
	}
	whole := make([]*graph.Value, u.steps)
	for t := range u.steps {
		whole[t] = b.Op("Unsqueeze", nil, stack(b, ys[t]), b.Ints(0))
	}
	out := []*graph.Value{u.swap(b.Op("Concat", graph.Attrs{"axis": int64(0)}, whole...), 2, 0, 1, 3),
		u.swap(stack(b, hs), 1, 0, 2)}
	if c.gates == 4 {
		out = append(out, u.swap(stack(b, cs), 1, 0, 2))
	}
	return out[:min(len(out), len(n.Outputs))]
}

// read takes extents and attributes from the node; ok is false where it can't be unrolled, or not yet.
func (u *unrolling) read() (ok bool) {
	n := u.node
	x, r := n.Inputs[0], n.Inputs[2]
	bad := func(kind error, format string, args ...any) bool {
		u.Fail("%w", Errorf(n, kind, format, args...))
		return false
	}
	if n.Has("clip") || n.Int("input_forget", 0) != 0 || n.Has("activation_alpha") || n.Has("activation_beta") {
		return bad(ErrUnsupported, "clip, input_forget, or parameters of activations")
	}
	if len(x.Shape) != 3 || len(r.Shape) != 3 || !r.Shape.Static() {
		return false
	}
	u.x = u.swap(x, 1, 0, 2)
	if u.Err() != nil || !u.x.Shape[0].Known() || !u.x.Shape[1].Known() {
		return false
	}
	u.steps, u.batch, u.hidden, u.directions = u.x.Shape[0].Size, u.x.Shape[1].Size, r.Shape[2].Size, r.Shape[0].Size
	other := func(length float64) bool { return int(length) != u.steps }
	if lengths := n.Input(4); lengths != nil &&
		(lengths.Const == nil || slices.ContainsFunc(lengths.Const.Values(), other)) {
		return bad(ErrUnsupported, "sequence_lens that differ from the %d steps", u.steps)
	}
	if u.directions < 1 || u.directions > 2 || u.batch*u.hidden > maxMade {
		return bad(ErrUnsupported, "%d directions of states [%d,%d]", u.directions, u.batch, u.hidden)
	}
	var given bool
	if u.activations, given = n.Attrs["activations"].([]string); !given {
		u.activations = slices.Repeat(u.cell.activations, u.directions)
	}
	u.way = n.String("direction", "forward")
	switch {
	case u.steps > maxUnrolled:
		return bad(ErrUnsupported, "%d steps; up to %d are unrolled", u.steps, maxUnrolled)
	case u.steps == 0 || (u.way == "bidirectional") != (u.directions == 2) ||
		len(u.activations) != len(u.cell.activations)*u.directions:
		return bad(ErrMalformed, "%d steps, direction %q, activations %v", u.steps, u.way, u.activations)
	}
	return true
}

// swap brings a value between the layouts of the node and of the steps, where they differ.
func (u *unrolling) swap(v *graph.Value, perm ...int64) *graph.Value {
	if u.node.Int("layout", 0) == 0 || v == nil {
		return v
	}
	return u.Op("Transpose", graph.Attrs{"perm": perm}, v)
}

// direction gives the weights of direction k, and what its input adds to each step: [T,B,g·H].
func (u *unrolling) direction(k int) (d direction, in *graph.Value) {
	b, n, each := u.Builder, u.node, len(u.cell.activations)
	d = direction{Builder: b, node: n, hidden: u.hidden, activations: u.activations[k*each:][:each]}
	transposed := func(v *graph.Value) *graph.Value {
		return b.Op("Transpose", graph.Attrs{"perm": []int64{1, 0}}, pick(b, v, k))
	}
	d.recurrence = transposed(n.Inputs[2])
	in = b.Op("MatMul", nil, u.x, transposed(n.Inputs[1]))
	if bias := n.Input(3); bias != nil {
		both := b.Ops("Split", 2, graph.Attrs{"axis": int64(0), "num_outputs": int64(2)}, pick(b, bias, k))
		if in = d.add(in, both[0]); u.cell.gates == 3 {
			d.bias = both[1] // the reset gate comes between
		} else {
			in = d.add(in, both[1])
		}
	}
	if p := n.Input(7); p != nil {
		d.peepholes = pick(b, p, k)
	}
	return d, in
}

// run appends the steps of direction k and their outputs to ys. It gives the last state, and of LSTM the last memory.
func (u *unrolling) run(d direction, k int, in *graph.Value, ys [][]*graph.Value) (h, memory *graph.Value) {
	b := u.Builder
	inputs := []*graph.Value{in}
	if u.steps > 1 {
		inputs = b.Ops("Split", u.steps, graph.Attrs{"axis": int64(0), "num_outputs": int64(u.steps)}, in)
	}
	h = u.state(5, k)
	if u.cell.gates == 4 {
		memory = u.state(6, k)
	}
	for t := range u.steps {
		if u.way == "reverse" || k == 1 {
			t = u.steps - 1 - t
		}
		h, memory = u.cell.step(d, b.Op("Squeeze", nil, inputs[t], b.Ints(0)), h, memory)
		ys[t] = append(ys[t], h)
	}
	return h, memory
}

// state is what direction k begins with: an input of the node, or zeros.
func (u *unrolling) state(input, k int) *graph.Value {
	if v := u.node.Input(input); v != nil {
		return pick(u.Builder, u.swap(v, 1, 0, 2), k)
	}
	return u.Const("state", graph.NewTensor(u.x.DType, u.batch, u.hidden))
}

// pick takes position d of the first axis, which it drops.
func pick(b *graph.Builder, v *graph.Value, d int) *graph.Value {
	return b.Op("Gather", nil, v, b.Scalar(graph.Int64, float64(d)))
}

// stack lays values along a new first axis.
func stack(b *graph.Builder, vs []*graph.Value) *graph.Value {
	each := make([]*graph.Value, len(vs))
	for i, v := range vs {
		each[i] = b.Op("Unsqueeze", nil, v, b.Ints(0))
	}
	if len(each) == 1 {
		return each[0]
	}
	return b.Op("Concat", graph.Attrs{"axis": int64(0)}, each...)
}

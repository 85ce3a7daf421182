package op

import (
	"slices"

	"github.com/ildc/ildc/graph"
)

// Reshape: data [...], shape [r] → [shape]. Flatten: [d₀…dₐ₋₁·1, dₐ…] as a matrix. Squeeze drops axes of extent 1,
// Unsqueeze adds some. https://onnx.ai/onnx/operators/onnx__Reshape.html and its neighbours; history in shape.go.

// target resolves Reshape's second input against the shape of the first: 0 copies an extent (unless allowzero), one −1
// takes what is left over. nil where it is not known.
func target(n *graph.Node) (graph.Shape, error) {
	x, want := n.Inputs[0].Shape, elems(n.Inputs[1])
	if want == nil {
		if s := n.Inputs[1].Shape; len(s) == 1 && s[0].Known() && s[0].Size <= maxElems {
			return slices.Repeat(graph.Shape{graph.Unknown}, s[0].Size), nil
		}
		return nil, nil
	}
	out := make(graph.Shape, len(want))
	open := -1
	for i, d := range want {
		switch {
		case d.Is(0) && n.Int("allowzero", 0) == 0:
			if x == nil {
				out[i] = graph.Unknown
				continue
			}
			if i >= len(x) {
				return nil, Errorf(n, ErrMalformed, "target %v copies extent %d", want, i)
			}
			out[i] = x[i]
		case d.Is(-1):
			if open >= 0 {
				return nil, Errorf(n, ErrMalformed, "target %v has more than one −1", want)
			}
			open = i
		case d.Known() && d.Size < 0:
			return nil, Errorf(n, ErrMalformed, "target %v", want)
		default:
			out[i] = d
		}
	}
	if open >= 0 {
		out[open] = graph.D(1)
		rest, ok := quotient(x, out)
		if !ok {
			return nil, Errorf(n, ErrMalformed, "target %v", want)
		}
		out[open] = rest
	} else if x.Static() && out.Static() && x.Elements() != out.Elements() {
		return nil, Errorf(n, ErrMalformed, "target %v", want)
	}
	return out, nil
}

// quotient is the product of x over that of y, with equal symbols cancelled; ok is false where known extents do not
// divide.
func quotient(x, y graph.Shape) (d graph.Dim, ok bool) {
	if x == nil {
		return graph.Unknown, true
	}
	over, under := 1, 1
	var symbols []string
	for _, d := range x {
		if d.Known() {
			over *= d.Size
		} else {
			symbols = append(symbols, d.Symbol)
		}
	}
	for _, d := range y {
		if d.Known() {
			under *= d.Size
		} else if i := slices.Index(symbols, d.Symbol); i >= 0 && d != graph.Unknown {
			symbols = slices.Delete(symbols, i, i+1)
		} else {
			return graph.Unknown, true
		}
	}
	switch {
	case len(symbols) == 0 && under == 0:
		return graph.D(0), over == 0
	case len(symbols) == 0:
		return graph.D(over / under), over%under == 0
	case len(symbols) == 1 && over == under && symbols[0] != graph.Unknown.Symbol:
		return graph.Sym(symbols[0]), true
	}
	return graph.Unknown, true
}

func reshapeShape(n *graph.Node) ([]Type, error) {
	x := n.Inputs[0]
	shape, err := target(n)
	t := Type{DType: x.DType, Shape: shape}
	if e := elems(x); len(shape) <= 1 && shape.Static() && shape.Elements() == len(e) {
		t.Elems = e
	}
	return []Type{t}, err
}

func reshapeEval(n *graph.Node, in []*graph.Tensor) ([]*graph.Tensor, error) {
	if in[1].Int64s() == nil || in[1].Len() > maxElems {
		return nil, Errorf(n, ErrMalformed, "target of %v", in[1])
	}
	return reshapeToOutput(n, in)
}

// reshapeRebatch rewrites a target that hard-codes a batch of 1: its first extent, or, where that is another size, the
// first 1.
func reshapeRebatch(b *graph.Builder, n *graph.Node, batch int) []*graph.Value {
	x := n.Inputs[0]
	want, ok := constInts(n.Inputs[1])
	if !ok || len(want) == 0 || want[0] == 0 || want[0] == -1 || len(x.Shape) == 0 || !x.Shape[0].Is(batch) {
		return nil
	}
	k := slices.Index(want, 1)
	fixed := slices.Clone(want)
	elements := int64(1)
	for _, d := range want {
		elements *= d
	}
	switch {
	case k < 0 || k > 0 && slices.Contains(want, -1):
		return nil
	case elements > 0 && !slices.Contains(want, 0) && x.Shape.Static() &&
		elements*int64(batch) != int64(x.Shape.Elements()):
		return nil // the target fits as it is
	}
	fixed[k] = int64(batch)
	return []*graph.Value{b.Op("Reshape", n.Attrs, x, b.Ints(fixed...))}
}

// axesUpgrade moves the axes from an attribute to an input.
func axesUpgrade(b *graph.Builder, n *graph.Node, _ int64) []*graph.Value {
	if !n.Has("axes") {
		return nil
	}
	return []*graph.Value{b.Op(n.Op, nil, n.Input(0), b.Ints(n.Ints("axes")...))}
}

func flattenShape(n *graph.Node) ([]Type, error) {
	x := n.Inputs[0]
	t := Type{DType: x.DType}
	if x.Shape == nil {
		t.Shape = graph.Shape{graph.Unknown, graph.Unknown}
		return []Type{t}, nil
	}
	axis := n.Int("axis", 1)
	if axis < 0 {
		axis += int64(len(x.Shape))
	}
	if axis < 0 || axis > int64(len(x.Shape)) {
		return nil, Errorf(n, ErrMalformed, "axis %d", n.Int("axis", 1))
	}
	t.Shape = graph.Shape{product(x.Shape[:axis]), product(x.Shape[axis:])}
	return []Type{t}, nil
}

// product multiplies extents; a symbol beside ones stays itself.
func product(s graph.Shape) graph.Dim {
	p := graph.D(1)
	for _, d := range s {
		switch {
		case d.Is(1):
		case p.Is(1):
			p = d
		case p.Known() && d.Known():
			p.Size *= d.Size
		default:
			return graph.Unknown
		}
	}
	return p
}

func squeezeShape(n *graph.Node) ([]Type, error) {
	x := n.Inputs[0]
	t := Type{DType: x.DType, Elems: elems(x)}
	if x.Shape == nil {
		return []Type{t}, nil
	}
	drop := make([]bool, len(x.Shape))
	if n.Input(1) != nil {
		axes, ok := constInts(n.Inputs[1])
		if !ok {
			return []Type{{DType: x.DType}}, nil
		}
		for _, axis := range axes {
			a, ok := graph.Axis(axis, len(x.Shape))
			if !ok || x.Shape[a].Known() && !x.Shape[a].Is(1) {
				return nil, Errorf(n, ErrMalformed, "axis %d", axis)
			}
			drop[a] = true
		}
	} else {
		for i, d := range x.Shape {
			if !d.Known() {
				return []Type{{DType: x.DType}}, nil // it may be 1
			}
			drop[i] = d.Is(1)
		}
	}
	t.Shape = graph.Shape{}
	for i, d := range x.Shape {
		if !drop[i] {
			t.Shape = append(t.Shape, d)
		}
	}
	return []Type{t}, nil
}

func unsqueezeShape(n *graph.Node) ([]Type, error) {
	x := n.Inputs[0]
	t := Type{DType: x.DType}
	axes, ok := constInts(n.Inputs[1])
	if x.Shape == nil || !ok {
		return []Type{t}, nil
	}
	rank := len(x.Shape) + len(axes)
	added := make([]bool, rank)
	for _, axis := range axes {
		a, ok := graph.Axis(axis, rank)
		if !ok || added[a] {
			return nil, Errorf(n, ErrMalformed, "axis %d of rank %d", axis, rank)
		}
		added[a] = true
	}
	t.Shape = graph.Shape{}
	from := 0
	for _, one := range added {
		if one {
			t.Shape = append(t.Shape, graph.D(1))
			continue
		}
		t.Shape = append(t.Shape, x.Shape[from])
		from++
	}
	if rank <= 1 {
		t.Elems = elems(x)
	}
	return []Type{t}, nil
}

// reshapeToOutput evaluates an op that only changes the shape, by its own shape rule.
func reshapeToOutput(n *graph.Node, in []*graph.Tensor) ([]*graph.Tensor, error) {
	at := *n
	at.Inputs = make([]*graph.Value, len(in))
	for i, t := range in {
		if t != nil {
			at.Inputs[i] = &graph.Value{DType: t.DType, Shape: t.Shape(), Const: t}
		}
	}
	types, err := Of(n).Shape(&at)
	if err != nil {
		return nil, err
	}
	dims := types[0].Shape.Sizes()
	if dims == nil || graph.Product(dims) != in[0].Len() {
		return nil, Errorf(n, ErrMalformed, "%v does not become %v", in[0].Dims, types[0].Shape)
	}
	return []*graph.Tensor{in[0].Reshaped(dims...)}, nil
}

func reshapeGrad(b *graph.Builder, n *graph.Node, dy []*graph.Value) []*graph.Value {
	return []*graph.Value{reshape(b, dy[0], n.Inputs[0].Shape.Sizes()...)}
}

package op

import (
	"github.com/ildc/ildc/graph"
)

// dropBroadcast removes the attribute broadcast of opsets before 7: C broadcasts by itself.
func dropBroadcast(b *graph.Builder, n *graph.Node, _ int64) []*graph.Value {
	if !n.Has("broadcast") {
		return nil
	}
	return []*graph.Value{b.Op("Gemm", withAttrs(n, graph.Attrs{"broadcast": nil}), n.Inputs...)}
}

// gemmAxes gives the axes of A and of B that lie along Y's rows, the inner extent, and Y's columns.
func gemmAxes(n *graph.Node) (row, innerA, innerB, column int) {
	row, innerA, innerB, column = 0, 1, 0, 1
	if n.Int("transA", 0) != 0 {
		row, innerA = 1, 0
	}
	if n.Int("transB", 0) != 0 {
		innerB, column = 1, 0
	}
	return row, innerA, innerB, column
}

func gemmShape(n *graph.Node) ([]Type, error) {
	a, b := n.Inputs[0], n.Inputs[1]
	t := Type{DType: a.DType, Shape: graph.Shape{graph.Unknown, graph.Unknown}}
	for _, v := range n.Inputs[:2] {
		if v.Shape != nil && len(v.Shape) != 2 {
			return nil, Errorf(n, ErrMalformed, "want rank 2")
		}
	}
	row, innerA, innerB, column := gemmAxes(n)
	if a.Shape != nil {
		t.Shape[0] = a.Shape[row]
	}
	if b.Shape != nil {
		t.Shape[1] = b.Shape[column]
	}
	if a.Shape != nil && b.Shape != nil {
		if ka, kb := a.Shape[innerA], b.Shape[innerB]; ka.Known() && kb.Known() && ka != kb {
			return nil, Errorf(n, ErrMalformed, "inner extents %v and %v differ", ka, kb)
		}
	}
	if c := n.Input(2); c != nil && c.Shape != nil {
		lead := 2 - len(c.Shape)
		for i, d := range c.Shape {
			if lead < 0 || d.Known() && d.Size != 1 && t.Shape[lead+i].Known() && t.Shape[lead+i] != d {
				return nil, Errorf(n, ErrMalformed, "C does not broadcast to %v", t.Shape)
			}
		}
	}
	return []Type{t}, nil
}

func gemmMACs(n *graph.Node) int64 {
	_, inner, _, _ := gemmAxes(n)
	return int64(n.Outputs[0].Shape.Elements()) * int64(n.Inputs[0].Shape[inner].Size)
}

func gemmChannels(c *Coupling, n *graph.Node) {
	a, b, y := n.Inputs[0], n.Inputs[1], n.Outputs[0]
	row, innerA, innerB, column := gemmAxes(n)
	c.tie(a, row, y, 0)
	c.tie(a, innerA, b, innerB)
	c.tie(b, column, y, 1)
	if isWeight(a) {
		c.MarkSource(a, row)
	}
	if isWeight(b) {
		c.MarkSource(b, column)
	}
	if bias := n.Input(2); bias != nil {
		for i, d := range bias.Shape {
			axis := i + 2 - len(bias.Shape)
			if d.Is(1) && !y.Shape[axis].Is(1) {
				c.fix(bias, i, "it is broadcast")
				continue
			}
			c.tie(bias, i, y, axis)
		}
	}
}

// dA′ = alpha·dY·B′ᵀ, dB′ = alpha·A′ᵀ·dY, each transposed back where its operand is; dC = beta·dY.
func gemmGrad(b *graph.Builder, n *graph.Node, dy []*graph.Value) []*graph.Value {
	x, w, g := n.Inputs[0], n.Inputs[1], dy[0]
	transA, transB := n.Int("transA", 0) != 0, n.Int("transB", 0) != 0
	product := func(x, y *graph.Value, transX, transY bool) *graph.Value {
		attrs := graph.Attrs{"alpha": float32(n.Float("alpha", 1)), "transA": flag(transX), "transB": flag(transY)}
		return b.Op("Gemm", attrs, x, y)
	}
	grads := make([]*graph.Value, len(n.Inputs))
	if transA {
		grads[0] = product(w, g, transB, true)
	} else {
		grads[0] = product(g, w, false, !transB)
	}
	if transB {
		grads[1] = product(g, x, true, transA)
	} else {
		grads[1] = product(x, g, !transA, false)
	}
	if c := n.Input(2); c != nil {
		if beta := n.Float("beta", 1); beta != 1 {
			g = b.Op("Mul", nil, g, b.Scalar(g.DType, beta))
		}
		grads[2] = unbroadcast(b, g, c)
	}
	return grads
}

func flag(set bool) int64 {
	if set {
		return 1
	}
	return 0
}

func gemmEval(n *graph.Node, in []*graph.Tensor) ([]*graph.Tensor, error) {
	a, b := in[0], in[1]
	row, innerA, innerB, column := gemmAxes(n)
	rows, inner, columns := a.Dims[row], a.Dims[innerA], b.Dims[column]
	if b.Dims[innerB] != inner {
		return nil, Errorf(n, ErrMalformed, "%v and %v do not multiply", a.Dims, b.Dims)
	}
	as, bs := transposedIf(a, row == 1), transposedIf(b, column == 0)
	y := make([]float64, rows*columns)
	multiply(y, as, bs, rows, inner, columns)
	alpha, beta := n.Float("alpha", 1), n.Float("beta", 1)
	for i := range y {
		y[i] *= alpha
	}
	if len(in) > 2 && in[2] != nil {
		c, dims := in[2].Values(), []int{rows, columns}
		if got := broadcastDims(&graph.Tensor{Dims: dims}, in[2]); graph.Product(got) != len(y) {
			return nil, Errorf(n, ErrMalformed, "C %v does not broadcast to %v", in[2].Dims, dims)
		}
		walk(dims, func(i int, at []int) { y[i] += beta * c[at[0]] }, graph.Strides(in[2].Dims, dims))
	}
	return []*graph.Tensor{graph.FromValues(a.DType, []int{rows, columns}, y)}, nil
}

// transposedIf gives the elements of a matrix, or of its transpose.
func transposedIf(t *graph.Tensor, transpose bool) []float64 {
	v := t.Values()
	if !transpose {
		return v
	}
	out := make([]float64, len(v))
	for i := range t.Dims[0] {
		for j := range t.Dims[1] {
			out[j*t.Dims[0]+i] = v[i*t.Dims[1]+j]
		}
	}
	return out
}

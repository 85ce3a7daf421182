package op

import (
	"slices"

	"github.com/ildc/ildc/graph"
)

// Matrix products. Neither counts the addition of a bias as a MAC.
//
// MatMul as numpy's: a: [batch…,M,K], b: [batch…,K,N] → [batch…,M,N], batch axes broadcast; a vector is a row on the
// left, a column on the right, and its axis is dropped from the result.
// https://onnx.ai/onnx/operators/onnx__MatMul.html
//
// Gemm: Y = alpha·A′·B′ + beta·C with A′: [M,K] and B′: [K,N], A and B or their transposes, C broadcast to [M,N].
// https://onnx.ai/onnx/operators/onnx__Gemm.html; the attribute broadcast, before opset 7, and that C may be absent,
// since opset 11, need no care.
func linear() []*Spec {
	return []*Spec{
		{
			Type: "MatMul", Weights: matMulWeights, Least: 2, Most: 2, Shape: matMulShape, MACs: matMulMACs,
			Channels: matMulChannels, Grad: matMulGrad, Eval: matMulEval, Tolerance: 2e-5,
		},
		{
			Type: "Gemm", Weights: gemmWeights, Least: 2, Most: 3, Upgrade: dropBroadcast, Shape: gemmShape, MACs: gemmMACs,
			Channels: gemmChannels, Grad: gemmGrad, Eval: gemmEval, Tolerance: 2e-5,
		},
		composite(&Spec{Type: "Einsum", Least: 1, Most: -1}, einsum),
		composite(&Spec{Type: "Attention", Least: 3, Most: 7}, attention),
	}
}

func matMulWeights(n *graph.Node) (outputs int, windows, ok bool) {
	return 1, false, len(n.Inputs[1].Shape) == 2
}

func gemmWeights(n *graph.Node) (outputs int, windows, ok bool) {
	return 1 - int(n.Int("transB", 0)), false, n.Int("transA", 0) == 0
}

func matMulShape(n *graph.Node) ([]Type, error) {
	a, b := n.Inputs[0], n.Inputs[1]
	if a.Shape == nil || b.Shape == nil {
		return []Type{{DType: a.DType}}, nil
	}
	if len(a.Shape) == 0 || len(b.Shape) == 0 {
		return nil, Errorf(n, ErrMalformed, "want rank 1 or more")
	}
	ka, kb := a.Shape[len(a.Shape)-1], b.Shape[max(0, len(b.Shape)-2)]
	if ka.Known() && kb.Known() && ka != kb {
		return nil, Errorf(n, ErrMalformed, "inner extents %v and %v differ", ka, kb)
	}
	out, err := broadcast(n, &graph.Value{Shape: matrixBatch(a.Shape)}, &graph.Value{Shape: matrixBatch(b.Shape)})
	if err != nil {
		return nil, err
	}
	if len(a.Shape) > 1 {
		out = append(out, a.Shape[len(a.Shape)-2])
	}
	if len(b.Shape) > 1 {
		out = append(out, b.Shape[len(b.Shape)-1])
	}
	return []Type{{DType: a.DType, Shape: out}}, nil
}

// matrixBatch is the part of an operand's shape before its matrix.
func matrixBatch(s graph.Shape) graph.Shape { return slices.Clone(s[:max(0, len(s)-2)]) }

func matMulMACs(n *graph.Node) int64 {
	a := n.Inputs[0].Shape
	return int64(n.Outputs[0].Shape.Elements()) * int64(a[len(a)-1].Size)
}

// matMulChannels couples rows with rows, columns with columns, and the inner axes with each other.
func matMulChannels(c *Coupling, n *graph.Node) {
	a, b, y := n.Inputs[0], n.Inputs[1], n.Outputs[0]
	if a.Shape == nil || b.Shape == nil {
		return
	}
	ra, rb, ry := len(a.Shape), len(b.Shape), len(y.Shape)
	c.tie(a, ra-1, b, max(0, rb-2))
	row, column := ry-2, ry-1 // of Y
	if ra == 1 {
		row = -1
	}
	if rb == 1 {
		row, column = ry-1, -1
	}
	if ra > 1 {
		c.tie(a, ra-2, y, row)
		if isWeight(a) {
			c.MarkSource(a, ra-2)
		}
	}
	if rb > 1 {
		c.tie(b, rb-1, y, column)
		if isWeight(b) {
			c.MarkSource(b, rb-1)
		}
	}
	batch := ry - min(ra-1, 1) - min(rb-1, 1)
	for _, v := range []*graph.Value{a, b} {
		lead := batch - max(0, len(v.Shape)-2)
		for i := range matrixBatch(v.Shape) {
			if v.Shape[i].Is(1) && !y.Shape[lead+i].Is(1) {
				c.fix(v, i, "it is broadcast")
				continue
			}
			c.tie(v, i, y, lead+i)
		}
	}
}

// isWeight says whether a value is constant: an initializer, or computed from constants alone by a few nodes.
func isWeight(v *graph.Value) bool { return constantWithin(v, 8) }

func constantWithin(v *graph.Value, depth int) bool {
	if v.Const != nil {
		return true
	}
	if v.Producer == nil || Of(v.Producer) == nil || depth == 0 {
		return false
	}
	return !slices.ContainsFunc(v.Producer.Reads(), func(r *graph.Value) bool { return !constantWithin(r, depth-1) })
}

// dA = dY·Bᵀ, dB = Aᵀ·dY, summed over broadcast batch axes. A matrix B is shared by all of A's batch, which then counts
// as rows.
func matMulGrad(b *graph.Builder, n *graph.Node, dy []*graph.Value) []*graph.Value {
	x, w := n.Inputs[0], n.Inputs[1]
	rows, columns := x.Shape.Sizes(), w.Shape.Sizes()
	if len(rows) == 1 {
		rows = []int{1, rows[0]}
	}
	if len(columns) == 1 {
		columns = []int{columns[0], 1}
	}
	inner, width := columns[len(columns)-2], columns[len(columns)-1]
	if len(columns) == 2 {
		count := graph.Product(rows[:len(rows)-1])
		a, g, m := reshape(b, x, count, inner), reshape(b, dy[0], count, width), reshape(b, w, columns...)
		dx := b.Op("Gemm", graph.Attrs{"transB": int64(1)}, g, m)
		dw := b.Op("Gemm", graph.Attrs{"transA": int64(1)}, a, g)
		return []*graph.Value{reshape(b, dx, x.Shape.Sizes()...), reshape(b, dw, w.Shape.Sizes()...)}
	}
	a, m := reshape(b, x, rows...), w
	batch := n.Outputs[0].Shape.Sizes()[:max(len(rows), len(columns))-2]
	g := reshape(b, dy[0], slices.Concat(batch, []int{rows[len(rows)-2], width})...)
	dx := unbroadcast(b, b.Op("MatMul", nil, g, swapLast(b, m, len(columns))), a)
	dw := unbroadcast(b, b.Op("MatMul", nil, swapLast(b, a, len(rows)), g), m)
	return []*graph.Value{reshape(b, dx, x.Shape.Sizes()...), dw}
}

// swapLast transposes the matrices of [batch…,M,N], a value of that rank.
func swapLast(b *graph.Builder, v *graph.Value, rank int) *graph.Value {
	perm := make([]int64, rank)
	for i := range perm {
		perm[i] = int64(i)
	}
	perm[rank-1], perm[rank-2] = perm[rank-2], perm[rank-1]
	return b.Op("Transpose", graph.Attrs{"perm": perm}, v)
}

func matMulEval(n *graph.Node, in []*graph.Tensor) ([]*graph.Tensor, error) {
	da, db := in[0].Dims, in[1].Dims
	if len(da) == 0 || len(db) == 0 {
		return nil, Errorf(n, ErrMalformed, "want rank 1 or more")
	}
	if len(da) == 1 {
		da = []int{1, da[0]}
	}
	if len(db) == 1 {
		db = []int{db[0], 1}
	}
	ra, rb := len(da), len(db)
	rows, inner, columns := da[ra-2], da[ra-1], db[rb-1]
	batch := broadcastDims(&graph.Tensor{Dims: da[:ra-2]}, &graph.Tensor{Dims: db[:rb-2]})
	if batch == nil || db[rb-2] != inner {
		return nil, Errorf(n, ErrMalformed, "%v and %v do not multiply", in[0].Dims, in[1].Dims)
	}
	a, b := in[0].Values(), in[1].Values()
	y := make([]float64, graph.Product(batch)*rows*columns)
	walk(batch, func(i int, at []int) {
		multiply(y[i*rows*columns:], a[at[0]*rows*inner:], b[at[1]*inner*columns:], rows, inner, columns)
	}, graph.Strides(da[:ra-2], batch), graph.Strides(db[:rb-2], batch))
	dims := slices.Clone(batch)
	if len(in[0].Dims) > 1 {
		dims = append(dims, rows)
	}
	if len(in[1].Dims) > 1 {
		dims = append(dims, columns)
	}
	return []*graph.Tensor{graph.FromValues(in[0].DType, dims, y)}, nil
}

// multiply adds a·b to y, matrices of rows×inner and inner×columns.
func multiply(y, a, b []float64, rows, inner, columns int) {
	for i := range rows {
		for k := range inner {
			for j := range columns {
				y[i*columns+j] += a[i*inner+k] * b[k*columns+j]
			}
		}
	}
}

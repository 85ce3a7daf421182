package op

import (
	"math"
	"slices"

	"github.com/ildc/ildc/graph"
)

// Attention of ONNX Runtime, in terms of ONNX's ops.
//
//	Attention: X [B,S,H], W [H,3·h·D] of queries, keys and values, bias [3·h·D], mask [B] of
//		lengths, [B,S] or [B,S,S] of ones and zeros → [B,S,h·D]
//	MultiHeadAttention: query, key, value [B,·,h·D] (key [B,h,L,D] and value alike), bias [3·h·D], key_padding_mask
//		[B] or [B,L], attention_bias [B,h,S,L]
//	EmbedLayerNormalization: ids, segment ids [B,S], three tables, gamma, beta [H], mask [B,S], positions [B,S] →
//		[B,S,H], lengths [B], the sum
//
// Not supported: past states, packed forms, rotary embedding within.

// blocked is what ONNX Runtime adds where a mask is 0.
const blocked = -10000

func microsoftAttention(b *graph.Builder, n *graph.Node) []*graph.Value {
	x, w := n.Inputs[0], n.Inputs[1]
	heads := n.Int("num_heads", 0)
	switch {
	case n.Input(4) != nil || n.Input(6) != nil || n.Int("do_rotary", 0) != 0 || len(n.Outputs) > 1 || heads < 1:
		b.Fail("%w", Errorf(n, ErrUnsupported, "num_heads %d, past states, or rotary embedding", heads))
		return nil
	case len(x.Shape) != 3 || len(w.Shape) != 2 || !w.Shape[1].Known():
		return nil
	}
	parts := n.Ints("qkv_hidden_sizes")
	if third := int64(w.Shape[1].Size / 3); parts == nil {
		parts = []int64{third, third, third}
	}
	joint := b.Op("MatMul", nil, x, w)
	if bias := n.Input(2); bias != nil {
		joint = b.Op("Add", nil, joint, bias)
	}
	qkv := b.Ops("Split", 3, graph.Attrs{"axis": int64(2)}, joint, b.Ints(parts...))
	return microsoftHeads(b, n, qkv, heads, n.Input(3), n.Input(5))
}

// microsoftHeads attends from queries, keys and values [B,·,h·D].
func microsoftHeads(b *graph.Builder, n *graph.Node, qkv []*graph.Value, heads int64,
	mask, bias *graph.Value) []*graph.Value {
	q, k, v := splitHeads(b, qkv[0], heads), qkv[1], qkv[2]
	if len(k.Shape) == 3 {
		k, v = splitHeads(b, k, heads), splitHeads(b, v, heads)
	}
	if len(q.Shape) != 4 || !q.Shape[3].Known() {
		return nil
	}
	scale := n.Float("scale", 0)
	if scale == 0 {
		scale = 1 / math.Sqrt(float64(q.Shape[3].Size))
	}
	a := attending{Builder: b, scale: scale, bias: bias}
	if mask != nil && !a.mask(mask, k, n.Float("mask_filter_value", blocked)) {
		return nil
	}
	if n.Int("unidirectional", 0) != 0 && !a.window(q, k, 0, nil, -1, 0) {
		return nil
	}
	y, _ := a.attend(q, k, v)
	return []*graph.Value{joinHeads(b, y)}
}

// mask adds filter where an integer mask is 0: lengths [B], [B,L], or [B,S,L]; ok is false where its shape is not
// known.
func (a *attending) mask(mask, k *graph.Value, filter float64) (ok bool) {
	switch len(mask.Shape) {
	case 1:
		if !k.Shape[2].Known() || k.Shape[2].Size > maxMade {
			return false
		}
		at := make([]float64, k.Shape[2].Size)
		for i := range at {
			at[i] = float64(i)
		}
		positions := a.Const("positions", graph.FromValues(mask.DType, []int{1, len(at)}, at))
		mask = a.Op("Less", nil, positions, a.Op("Unsqueeze", nil, mask, a.Ints(1)))
		mask = a.Op("Unsqueeze", nil, mask, a.Ints(1, 2))
	case 2:
		mask = a.Op("Unsqueeze", nil, mask, a.Ints(1, 2))
	case 3:
		mask = a.Op("Unsqueeze", nil, mask, a.Ints(1))
	default:
		return false
	}
	if mask.DType != graph.Bool {
		mask = a.Op("Cast", graph.Attrs{"to": int64(graph.Bool)}, mask)
	}
	a.add(a.Op("Where", nil, mask, a.Scalar(k.DType, 0), a.Scalar(k.DType, filter)))
	return true
}

func multiHeadAttention(b *graph.Builder, n *graph.Node) []*graph.Value {
	heads := n.Int("num_heads", 0)
	q, k, v := n.Inputs[0], n.Input(1), n.Input(2)
	switch {
	case n.Input(6) != nil || n.Input(7) != nil || k == nil || v == nil || len(n.Outputs) > 1 || heads < 1:
		b.Fail("%w", Errorf(n, ErrUnsupported, "num_heads %d, past states, or packed queries, keys and values", heads))
		return nil
	case len(q.Shape) != 3 || len(k.Shape) < 3 || len(v.Shape) < 3 || !q.Shape[2].Known():
		return nil
	}
	qkv := []*graph.Value{q, k, v}
	if bias := n.Input(3); bias != nil {
		if len(k.Shape) != 3 || !v.Shape[2].Known() {
			return nil
		}
		d := int64(q.Shape[2].Size)
		parts := b.Ops("Split", 3, graph.Attrs{"axis": int64(0)}, bias, b.Ints(d, d, int64(v.Shape[2].Size)))
		for i := range qkv {
			qkv[i] = b.Op("Add", nil, qkv[i], parts[i])
		}
	}
	return microsoftHeads(b, n, qkv, heads, n.Input(4), n.Input(5))
}

func embedLayerNorm(b *graph.Builder, n *graph.Node) []*graph.Value {
	ids, segments, words, places, kinds, mask := n.Inputs[0], n.Input(1), n.Input(2), n.Input(3), n.Input(4), n.Input(7)
	gamma, beta := n.Input(5), n.Input(6)
	if slices.Contains([]*graph.Value{words, places, gamma, beta}, nil) {
		b.Fail("%w", Errorf(n, ErrMalformed, "tables, gamma or beta are absent"))
		return nil
	}
	if len(ids.Shape) != 2 {
		return nil
	}
	sum := b.Op("Gather", nil, words, ids)
	if at := n.Input(8); at != nil {
		sum = b.Op("Add", nil, sum, b.Op("Gather", nil, places, at))
	} else {
		length := b.Op("Shape", graph.Attrs{"start": int64(1), "end": int64(2)}, ids)
		sum = b.Op("Add", nil, sum, b.Op("Slice", nil, places, b.Ints(0), length, b.Ints(0)))
	}
	if segments != nil && kinds != nil {
		sum = b.Op("Add", nil, sum, b.Op("Gather", nil, kinds, segments))
	}
	y := b.Op("LayerNormalization", graph.Attrs{"epsilon": float32(n.Float("epsilon", 1e-12)), "axis": int64(-1)}, sum,
		gamma, beta)
	var lengths *graph.Value
	if mask != nil {
		lengths = b.Op("Cast", graph.Attrs{"to": int64(graph.Int32)}, b.Op("ReduceSum", graph.Attrs{"keepdims": int64(0)},
			mask, b.Ints(1)))
	} else {
		zeros := b.Op("Mul", nil, b.Op("ReduceSum", graph.Attrs{"keepdims": int64(0)}, ids, b.Ints(1)),
			b.Scalar(ids.DType, 0))
		lengths = b.Op("Cast", graph.Attrs{"to": int64(graph.Int32)}, zeros)
	}
	return []*graph.Value{y, lengths, sum}[:len(n.Outputs)]
}

package op

import (
	"math"

	"github.com/ildc/ildc/graph"
)

// Attention (Vaswani et al. 2017, equation 1): softmax(Q·Kᵀ·scale + mask)·V, head by head.
// Q: [B,h,S,D], K: [B,kv,L,D], V: [B,kv,L,E] → Y: [B,h,S,E], or with the heads within the last axis, [B,S,h·D] and so
// on; mask: bool or float, broadcast to [B,h,S,L]; past_key, past_value: [B,kv,P,·] go before K and V → present_key,
// present_value. Several query heads share a head of K and V where kv < h. Query i stands at position i + P, or i +
// nonpad_kv_seqlen − S; is_causal hides the keys behind it, windows those farther off on a side, nonpad_kv_seqlen [B]
// the keys from there on. A query that sees no key gives 0. On request the products before and behind the steps
// (qk_matmul_output_mode). https://onnx.ai/onnx/operators/onnx__Attention.html, opset 23 on.
func attention(b *graph.Builder, n *graph.Node) []*graph.Value {
	q, k, v := n.Inputs[0], n.Inputs[1], n.Inputs[2]
	if q.Shape == nil || k.Shape == nil || v.Shape == nil {
		return nil
	}
	merged := len(q.Shape) == 3
	heads, shared := n.Int("q_num_heads", 0), n.Int("kv_num_heads", 0)
	if merged {
		if heads < 1 || shared < 1 {
			b.Fail("%w", Errorf(n, ErrMalformed, "q_num_heads %d, kv_num_heads %d", heads, shared))
			return nil
		}
		q, k, v = splitHeads(b, q, heads), splitHeads(b, k, shared), splitHeads(b, v, shared)
	}
	if len(q.Shape) != 4 || len(k.Shape) != 4 || len(v.Shape) != 4 || !q.Shape[1].Known() || !k.Shape[1].Known() ||
		!q.Shape[3].Known() {
		return nil
	}
	past := 0
	if pk, pv := n.Input(4), n.Input(5); pk != nil && pv != nil {
		if len(pk.Shape) != 4 || !pk.Shape[2].Known() {
			return nil
		}
		past = pk.Shape[2].Size
		k, v = b.Op("Concat", graph.Attrs{"axis": int64(2)}, pk, k), b.Op("Concat", graph.Attrs{"axis": int64(2)}, pv, v)
	}
	a := attending{Builder: b, scale: n.Float("scale", 1/math.Sqrt(float64(q.Shape[3].Size))),
		softcap: n.Float("softcap", 0)}
	if mask := n.Input(3); mask != nil {
		if mask.Shape == nil {
			return nil
		}
		a.bias = padMask(b, additive(b, mask, q.DType), k.Shape[2])
	}
	left, right := n.Int("left_window_size", -1), n.Int("right_window_size", -1)
	if n.Int("is_causal", 0) != 0 {
		right = 0
	}
	if !a.window(q, k, past, n.Input(6), left, right) {
		return nil
	}
	group := q.Shape[1].Size / k.Shape[1].Size
	if q.Shape[1].Size%k.Shape[1].Size != 0 {
		b.Fail("%w", Errorf(n, ErrMalformed, "%v query heads share %v", q.Shape[1], k.Shape[1]))
		return nil
	}
	y, steps := a.attend(q, repeatHeads(b, k, group), repeatHeads(b, v, group))
	if merged {
		y = joinHeads(b, y)
	}
	mode := n.Int("qk_matmul_output_mode", 0)
	if mode < 0 || int(mode) >= len(steps) {
		b.Fail("%w", Errorf(n, ErrMalformed, "qk_matmul_output_mode %d", mode))
		return nil
	}
	return []*graph.Value{y, k, v, steps[mode]}[:len(n.Outputs)]
}

// splitHeads brings [B,S,h·D] to [B,h,S,D].
func splitHeads(b *graph.Builder, v *graph.Value, heads int64) *graph.Value {
	apart := b.Op("Reshape", nil, v, b.Ints(0, 0, heads, -1))
	return b.Op("Transpose", graph.Attrs{"perm": []int64{0, 2, 1, 3}}, apart)
}

// joinHeads is its inverse.
func joinHeads(b *graph.Builder, v *graph.Value) *graph.Value {
	return b.Op("Reshape", nil, b.Op("Transpose", graph.Attrs{"perm": []int64{0, 2, 1, 3}}, v), b.Ints(0, 0, -1))
}

// repeatHeads gives each head of [B,kv,L,D] to a group of query heads: [B,kv·group,L,D].
func repeatHeads(b *graph.Builder, v *graph.Value, group int) *graph.Value {
	if group == 1 || b.Err() != nil {
		return v
	}
	kv := v.Shape[1].Size
	if kv > maxMade || group > maxMade || kv*group > maxMade {
		b.Fail("%d heads for %d groups: %w", kv, group, ErrUnsupported)
		return v
	}
	at := make([]int64, kv*group)
	for i := range at {
		at[i] = int64(i / group)
	}
	return b.Op("Gather", graph.Attrs{"axis": int64(1)}, v, b.Ints(at...))
}

// additive makes a mask something to add: false becomes −∞.
func additive(b *graph.Builder, mask *graph.Value, dtype graph.DType) *graph.Value {
	if mask.DType != graph.Bool {
		return mask
	}
	return b.Op("Where", nil, mask, b.Scalar(dtype, 0), b.Scalar(dtype, math.Inf(-1)))
}

// padMask hides the keys that a mask [...,L′] says nothing of.
func padMask(b *graph.Builder, bias *graph.Value, keys graph.Dim) *graph.Value {
	rank := len(bias.Shape)
	if b.Err() != nil || rank == 0 || !keys.Known() || !bias.Shape[rank-1].Known() || bias.Shape[rank-1].Is(1) ||
		bias.Shape[rank-1].Size >= keys.Size {
		return bias
	}
	pads := make([]int64, 2*rank)
	pads[2*rank-1] = int64(keys.Size - bias.Shape[rank-1].Size)
	return b.Op("Pad", nil, bias, b.Ints(pads...), b.Scalar(bias.DType, math.Inf(-1)))
}

// attending appends attention over heads that lie along axis 1.
type attending struct {
	*graph.Builder
	scale, softcap float64
	bias           *graph.Value // added to the products; nil where there is none
}

// window hides the keys that lie more than left positions before a query, or more than right behind it; −1 hides none.
// Queries stand behind past keys, or, where lengths [B] of the keys are given, at their end, and what lies beyond is
// hidden. ok is false where a length is not known.
func (a *attending) window(q, k *graph.Value, past int, lengths *graph.Value, left, right int64) (ok bool) {
	if left < 0 && right < 0 && lengths == nil {
		return true
	}
	if !q.Shape[2].Known() || !k.Shape[2].Known() {
		return false
	}
	rows, columns := q.Shape[2].Size, k.Shape[2].Size
	if rows > maxMade || columns > maxMade || rows*columns > maxMade {
		a.Fail("a mask of %d by %d positions: %w", rows, columns, ErrUnsupported)
		return false
	}
	ahead := make([]int64, rows*columns) // how far the query is ahead of the key
	keys := make([]int64, columns)
	for i := range ahead {
		ahead[i] = int64(i/columns - i%columns + past)
	}
	for i := range keys {
		keys[i] = int64(i)
	}
	distance := a.Const("distance", graph.FromInt64([]int{rows, columns}, ahead))
	hide := func(visible *graph.Value) { a.add(additive(a.Builder, visible, q.DType)) }
	if lengths != nil {
		lengths = a.Op("Unsqueeze", nil, a.Op("Cast", graph.Attrs{"to": int64(graph.Int64)}, lengths), a.Ints(1, 2, 3))
		hide(a.Op("Less", nil, a.Const("keys", graph.FromInt64([]int{columns}, keys)), lengths))
		distance = a.Op("Add", nil, distance, a.Op("Sub", nil, lengths, a.Scalar(graph.Int64, float64(rows+past))))
	}
	if left >= 0 {
		hide(a.Op("LessOrEqual", nil, distance, a.Scalar(graph.Int64, float64(left))))
	}
	if right >= 0 {
		hide(a.Op("GreaterOrEqual", nil, distance, a.Scalar(graph.Int64, float64(-right))))
	}
	return true
}

// add adds to the bias.
func (a *attending) add(bias *graph.Value) {
	if a.bias != nil {
		bias = a.Op("Add", nil, a.bias, bias)
	}
	a.bias = bias
}

// attend gives the result, and the products, those capped, those with the bias, and their softmax.
func (a *attending) attend(q, k, v *graph.Value) (y *graph.Value, steps [4]*graph.Value) {
	products := a.Op("MatMul", nil, q, a.Op("Transpose", graph.Attrs{"perm": []int64{0, 1, 3, 2}}, k))
	products = a.Op("Mul", nil, products, a.Scalar(q.DType, a.scale))
	steps = [4]*graph.Value{products, products, products, products}
	if a.softcap > 0 {
		capped := a.Op("Tanh", nil, a.Op("Div", nil, products, a.Scalar(q.DType, a.softcap)))
		products = a.Op("Mul", nil, capped, a.Scalar(q.DType, a.softcap))
		steps[1], steps[2] = products, products
	}
	if a.bias == nil {
		steps[3] = a.Op("Softmax", graph.Attrs{"axis": int64(-1)}, products)
		return a.Op("MatMul", nil, steps[3], v), steps
	}
	steps[2] = a.Op("Add", nil, products, a.bias)
	zero := a.Scalar(q.DType, 0)
	most := a.Op("ReduceMax", nil, a.bias, a.Ints(-1))
	// queries that see no key: their softmax would not be a number
	blind := a.Op("Equal", nil, most, a.Scalar(q.DType, math.Inf(-1)))
	seen := a.Op("Add", nil, products, a.Op("Where", nil, blind, zero, a.bias))
	steps[3] = a.Op("Where", nil, blind, zero, a.Op("Softmax", graph.Attrs{"axis": int64(-1)}, seen))
	return a.Op("MatMul", nil, steps[3], v), steps
}

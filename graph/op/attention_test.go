package op_test

import (
	"math"
	"testing"

	"github.com/ildc/ildc/graph"
	"github.com/ildc/ildc/graph/op"
)

func TestAttentionGradients(t *testing.T) {
	q, k, v := random(1, 2, 4, 3, 2), random(2, 2, 2, 5, 2), random(3, 2, 2, 5, 3)
	causal := graph.Attrs{"is_causal": int64(1), "softcap": float32(2)}
	heads := graph.Attrs{"q_num_heads": int64(2), "kv_num_heads": int64(2)}
	checkGrads(t, []gradCase{
		{name: "heads that share keys", op: "Attention", in: one(q, k, v)},
		{name: "causal, capped", op: "Attention", attrs: causal, in: one(q, k, v)},
		{name: "a mask and heads within the last axis", op: "Attention", attrs: heads,
			in: one(random(1, 2, 3, 4), random(2, 2, 3, 4), random(3, 2, 3, 4), random(4, 3, 3))},
	})
	x, w := random(1, 2, 3, 4), random(2, 4, 12)
	two := graph.Attrs{"num_heads": int64(2)}
	checkGrads(t, []gradCase{
		{name: "of ONNX Runtime", op: "com.microsoft.Attention", attrs: two,
			in: one(x, w, random(3, 12), graph.FromInt64([]int{2}, []int64{3, 2}))},
		{name: "in one direction", op: "com.microsoft.Attention", attrs: graph.Attrs{"num_heads": int64(2),
			"unidirectional": int64(1)}, in: one(x, w, random(3, 12))},
		{name: "many heads", op: "com.microsoft.MultiHeadAttention", attrs: two,
			in: one(x, random(5, 2, 3, 4), random(6, 2, 3, 4), random(3, 12))},
	})
}

func TestAttention(t *testing.T) {
	// Equal keys are averaged over; one that a query sees alone is taken.
	q, k := f32([]int{1, 1, 2, 1}, 1, 1), f32([]int{1, 1, 2, 1}, 1, 1)
	v := f32([]int{1, 1, 2, 1}, 2, 4)
	checkEvals(t, []evalCase{
		{"average", "Attention", nil, one(q, k, v), one(f32([]int{1, 1, 2, 1}, 3, 3))},
		{"causal", "Attention", graph.Attrs{"is_causal": int64(1)}, one(q, k, v), one(f32([]int{1, 1, 2, 1}, 2, 3))},
		{"a query that sees nothing", "Attention", nil, one(q, k, v, bools([]int{2, 2}, false, false, false, true)),
			one(f32([]int{1, 1, 2, 1}, 0, 4))},
		{"a past", "Attention", nil, one(q, k, v, nil, k, v), one(f32([]int{1, 1, 2, 1}, 3, 3),
			f32([]int{1, 1, 4, 1}, 1, 1, 1, 1), f32([]int{1, 1, 4, 1}, 2, 4, 2, 4))},
	})
	checkInfers(t, []inferCase{
		{"a symbolic batch", "Attention", nil, values(fed("N,2,3,4"), fed("N,2,5,4"), fed("N,2,5,6")), "[N,2,3,6]", nil},
		{"heads that are not told", "Attention", nil, values(fed("N,3,4"), fed("N,3,4"), fed("N,3,4")), "", op.ErrMalformed},
	})
}

func TestContributed(t *testing.T) {
	x, skip := random(1, 2, 3, 4), random(2, 2, 3, 4)
	checkGrads(t, []gradCase{
		{name: "BiasGelu", op: "com.microsoft.BiasGelu", in: one(x, random(3, 4))},
		{name: "FastGelu", op: "com.microsoft.FastGelu", in: one(x, random(3, 4))},
		{name: "QuickGelu", op: "com.microsoft.QuickGelu", in: one(x)},
		{name: "SkipLayerNormalization", op: "com.microsoft.SkipLayerNormalization",
			in: one(x, skip, positive(3, 4), random(4, 4), random(5, 4))},
		{name: "SkipSimplifiedLayerNormalization", op: "com.microsoft.SkipSimplifiedLayerNormalization",
			in: one(x, skip, positive(3, 4))},
		{name: "SimplifiedLayerNormalization", op: "SimplifiedLayerNormalization", in: one(x, positive(3, 4))},
		{name: "FusedMatMul", op: "com.microsoft.FusedMatMul", attrs: graph.Attrs{"transB": int64(1), "alpha": float32(0.5)},
			in: one(x, random(3, 2, 5, 4))},
		{name: "FusedGemm", op: "com.microsoft.FusedGemm", attrs: graph.Attrs{"activation": "Tanh"},
			in: one(random(1, 3, 4), random(2, 4, 2), random(3, 2))},
		{name: "FusedConv", op: "com.microsoft.FusedConv", attrs: graph.Attrs{"activation": "LeakyRelu",
			"activation_params": []float32{0.2}},
			in: one(random(1, 1, 2, 4, 4), random(2, 3, 2, 3, 3), random(3, 3), random(4, 1, 3, 2, 2))},
		{name: "Affine", op: "Affine", attrs: graph.Attrs{"alpha": float32(2), "beta": float32(1)}, in: one(x)},
		{name: "ScaledTanh", op: "ScaledTanh", attrs: graph.Attrs{"alpha": float32(2), "beta": float32(0.5)}, in: one(x)},
		{name: "Crop", op: "Crop", attrs: graph.Attrs{"border": []int64{1, 0, 1, 2}}, in: one(random(1, 1, 2, 4, 4))},
	})
	ids := graph.FromInt64([]int{1, 2}, []int64{1, 0})
	table := f32([]int{2, 2}, 1, 3, 2, 6)
	zeros := f32([]int{2, 2}, 0, 0, 0, 0)
	checkEvals(t, []evalCase{
		{"Gelu", "com.microsoft.Gelu", nil, one(vector(0, 1)), one(vector(0, 0.8413447))},
		{"EmbedLayerNormalization", "com.microsoft.EmbedLayerNormalization", nil,
			one(ids, nil, table, zeros, nil, vector(1, 1), vector(0, 1)),
			one(f32([]int{1, 2, 2}, -1, 2, -1, 2), graph.FromValues(graph.Int32, []int{1}, []float64{0}))},
		{"ImageScaler", "ImageScaler", graph.Attrs{"scale": float32(2), "bias": []float32{1, -1}},
			one(f32([]int{1, 2, 1, 1}, 1, 2)), one(f32([]int{1, 2, 1, 1}, 3, 3))},
		{"Crop to a size", "Crop", graph.Attrs{"border": []int64{1, 0, 0, 0}, "scale": []int64{1, 1}},
			one(f32([]int{1, 1, 2, 2}, 1, 2, 3, 4)), one(f32([]int{1, 1, 1, 1}, 2))},
		{"ParametricSoftplus", "ParametricSoftplus", graph.Attrs{"alpha": float32(2)}, one(vector(0)),
			one(vector(2 * math.Ln2))},
	})
}

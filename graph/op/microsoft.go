package op

import (
	"math"

	"github.com/ildc/ildc/graph"
)

// microsoft is the domain of the ops that ONNX Runtime's optimisers leave in files.
const microsoft = "com.microsoft"

// Ops of ONNX Runtime that exporters and its optimisers leave in files, in terms of ONNX's.
//
//	Gelu, FastGelu (by tanh), BiasGelu, QuickGelu x·σ(1.702x); X [...], bias [C] → [...]
//	SimplifiedLayerNormalization: RMSNormalization, in ONNX's domain; SkipLayerNormalization,
//	SkipSimplifiedLayerNormalization: of X + skip (+ bias)
//	FusedConv, FusedGemm, FusedMatMul: with an activation behind, or transpositions and a factor before
//
// https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md; attention stands in
// microsoft_attention.go.
func contributed() []*Spec {
	contrib := func(op string, least, most int, f body) *Spec {
		return composite(&Spec{Type: op, Domain: microsoft, Least: least, Most: most}, f)
	}
	return []*Spec{
		contrib("Gelu", 1, 1, func(b *graph.Builder, n *graph.Node) []*graph.Value {
			return []*graph.Value{b.Op("Gelu", nil, n.Inputs[0])}
		}),
		contrib("BiasGelu", 2, 2, biasGelu("none")),
		contrib("FastGelu", 1, 2, biasGelu("tanh")),
		contrib("QuickGelu", 1, 1, quickGelu),
		composite(&Spec{Type: "SimplifiedLayerNormalization", Least: 2, Most: 2}, rmsNorm),
		contrib("SkipLayerNormalization", 3, 5, skipLayerNorm),
		contrib("SkipSimplifiedLayerNormalization", 3, 4, skipSimplifiedLayerNorm),
		contrib("FusedConv", 2, 4, fusedConv),
		contrib("FusedGemm", 2, 3, fusedGemm),
		contrib("FusedMatMul", 2, 2, fusedMatMul),
		contrib("EmbedLayerNormalization", 1, 9, embedLayerNorm),
		contrib("Attention", 2, 7, microsoftAttention),
		contrib("MultiHeadAttention", 1, 8, multiHeadAttention),
	}
}

func biasGelu(approximate string) body {
	return func(b *graph.Builder, n *graph.Node) []*graph.Value {
		x := n.Inputs[0]
		if bias := n.Input(1); bias != nil {
			x = b.Op("Add", nil, x, bias)
		}
		return []*graph.Value{b.Op("Gelu", graph.Attrs{"approximate": approximate}, x)}
	}
}

func quickGelu(b *graph.Builder, n *graph.Node) []*graph.Value {
	x := n.Inputs[0]
	gate := b.Op("Sigmoid", nil, b.Op("Mul", nil, x, b.Scalar(x.DType, n.Float("alpha", 1.702))))
	return []*graph.Value{b.Op("Mul", nil, x, gate)}
}

// skipped is what is normalised: X + skip + bias.
func skipped(b *graph.Builder, n *graph.Node, bias *graph.Value) *graph.Value {
	sum := b.Op("Add", nil, n.Inputs[0], n.Inputs[1])
	if bias != nil {
		sum = b.Op("Add", nil, sum, bias)
	}
	return sum
}

func skipLayerNorm(b *graph.Builder, n *graph.Node) []*graph.Value {
	sum := skipped(b, n, n.Input(4))
	params := []*graph.Value{sum, n.Inputs[2]}
	if beta := n.Input(3); beta != nil {
		params = append(params, beta)
	}
	out := b.Ops("LayerNormalization", 3, graph.Attrs{"epsilon": float32(n.Float("epsilon", 1e-12)), "axis": int64(-1)},
		params...)
	return append(out, sum)[:min(4, len(n.Outputs))]
}

func skipSimplifiedLayerNorm(b *graph.Builder, n *graph.Node) []*graph.Value {
	sum := skipped(b, n, n.Input(3))
	rms := &graph.Node{Attrs: graph.Attrs{"epsilon": float32(n.Float("epsilon", 1e-12))},
		Inputs: []*graph.Value{sum, n.Inputs[2]}}
	out := rmsNorm(b, rms)
	if out == nil {
		return nil
	}
	return []*graph.Value{out[0], nil, nil, sum}[:min(4, len(n.Outputs))]
}

// activate appends the activation that a node's attributes name; its parameters are alpha and beta, or bounds.
func activate(b *graph.Builder, n *graph.Node, x *graph.Value,
	parameter func(i int, def float64) float64) *graph.Value {
	switch name := n.String("activation", ""); name {
	case "":
		return x
	case "Relu", "Tanh", "Sigmoid", "Softplus":
		return b.Op(name, nil, x)
	case "LeakyRelu":
		return b.Op(name, graph.Attrs{"alpha": float32(parameter(0, 0.01))}, x)
	case "HardSigmoid":
		return b.Op(name, graph.Attrs{"alpha": float32(parameter(0, 0.2)), "beta": float32(parameter(1, 0.5))}, x)
	case "Clip":
		return b.Op(name, nil, x, b.Scalar(x.DType, parameter(0, -math.MaxFloat32)),
			b.Scalar(x.DType, parameter(1, math.MaxFloat32)))
	default:
		b.Fail("%w", Errorf(n, ErrUnsupported, "activation %q", name))
		return x
	}
}

func fusedConv(b *graph.Builder, n *graph.Node) []*graph.Value {
	attrs := withAttrs(n, graph.Attrs{"activation": nil, "activation_params": nil})
	y := b.Op("Conv", attrs, n.Inputs[:min(3, len(n.Inputs))]...)
	if z := n.Input(3); z != nil {
		y = b.Op("Add", nil, y, z)
	}
	given, _ := n.Attrs["activation_params"].([]float32)
	return []*graph.Value{activate(b, n, y, func(i int, def float64) float64 {
		if i < len(given) {
			return float64(given[i])
		}
		return def
	})}
}

func fusedGemm(b *graph.Builder, n *graph.Node) []*graph.Value {
	attrs := withAttrs(n, graph.Attrs{"activation": nil, "activation_alpha": nil, "activation_beta": nil,
		"activation_gamma": nil})
	return []*graph.Value{activate(b, n, b.Op("Gemm", attrs, n.Inputs...), func(i int, def float64) float64 {
		return n.Float([]string{"activation_alpha", "activation_beta"}[i], def)
	})}
}

func fusedMatMul(b *graph.Builder, n *graph.Node) []*graph.Value {
	if n.Int("transBatchA", 0) != 0 || n.Int("transBatchB", 0) != 0 {
		b.Fail("%w", Errorf(n, ErrUnsupported, "transposed batch axes"))
		return nil
	}
	var in []*graph.Value
	for i, name := range []string{"transA", "transB"} {
		v := n.Inputs[i]
		if n.Int(name, 0) != 0 {
			rank := len(v.Shape)
			if rank < 2 {
				return nil
			}
			perm := firstAxes(rank)
			perm[rank-1], perm[rank-2] = perm[rank-2], perm[rank-1]
			v = b.Op("Transpose", graph.Attrs{"perm": perm}, v)
		}
		in = append(in, v)
	}
	y := b.Op("MatMul", nil, in...)
	if alpha := n.Float("alpha", 1); alpha != 1 {
		y = b.Op("Mul", nil, y, b.Scalar(y.DType, alpha))
	}
	return []*graph.Value{y}
}

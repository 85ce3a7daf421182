package pass

import (
	"maps"
	"math"
	"slices"

	"github.com/ildc/ildc/graph"
)

// FoldBatchNorm folds, in place, each BatchNormalization in inference form into the Conv, ConvTranspose, Gemm or MatMul
// before it, and says how many were folded. Shapes are inferred. With s = scale/√(var + epsilon):
//
//	s·(W·x + b − mean) + B = (s·W)·x + (s·(b − mean) + B)
//
// The linear node then gives the value that the normalisation gave, under that value's name; a MatMul of matrices
// becomes a Gemm, which has a bias. A normalisation stays where its parameters or the weights are not constants, or
// where something else reads the value between. Weights that others read, too, are copied first.
func FoldBatchNorm(g *graph.Graph) (folded int) {
	f := folder{graph: g, builder: graph.NewBuilder(g, func(*graph.Node) error { return nil }), readers: g.Consumers()}
	for _, v := range g.Outputs {
		f.readers[v] = append(f.readers[v], nil)
	}
	g.Nodes = slices.DeleteFunc(g.Nodes, func(n *graph.Node) bool {
		into := f.fold(n)
		if into {
			folded++
		}
		return into
	})
	if folded > 0 {
		DeadCode(g)
	}
	return folded
}

type folder struct {
	graph   *graph.Graph
	builder *graph.Builder
	readers map[*graph.Value][]*graph.Node // nil stands for the graph, which reads its outputs
}

// absorbing lists the ops that a scale and a shift of the output's channels can be folded into, and for each element of
// a weight of these dims the channel that it feeds.
var absorbing = map[string]func(n *graph.Node, dims []int) []int{
	"Conv":          func(n *graph.Node, dims []int) []int { return along(dims, 0) },
	"ConvTranspose": transposedConvChannels,
	"Gemm": func(n *graph.Node, dims []int) []int {
		if n.Int("transB", 0) != 0 {
			return along(dims, 0)
		}
		return along(dims, 1)
	},
	"MatMul": func(n *graph.Node, dims []int) []int { return along(dims, 1) },
}

// along gives the position on one axis of each element.
func along(dims []int, axis int) []int {
	at := make([]int, graph.Product(dims))
	inner := graph.Product(dims[axis+1:])
	for i := range at {
		at[i] = i / inner % dims[axis]
	}
	return at
}

// transposedConvChannels is for a weight [C,O/g,kernel…], whose input channels c belong to group c/(C/g).
func transposedConvChannels(n *graph.Node, dims []int) []int {
	channel := along(dims, 1)
	perGroup := max(1, dims[0]/max(1, int(n.Int("group", 1))))
	for i, c := range along(dims, 0) {
		channel[i] += c / perGroup * dims[1]
	}
	return channel
}

// fold folds n into the node before it, and says whether it could.
func (f *folder) fold(n *graph.Node) bool {
	norm, ok := batchNormOf(n)
	if !ok {
		return false
	}
	between := n.Inputs[0]
	linear := between.Producer
	if linear == nil || linear.Domain != "" || absorbing[linear.Op] == nil || len(f.readers[between]) != 1 ||
		len(linear.Outputs) != 1 {
		return false
	}
	w := constantOf(linear.Input(1))
	if w == nil || w.Len() == 0 || w.Values() == nil || len(w.Dims) < 2 ||
		linear.Op == "MatMul" && (len(w.Dims) != 2 || len(between.Shape) != 2) {
		return false
	}
	channel := absorbing[linear.Op](linear, w.Dims)
	bias, ok := biasOf(linear, len(norm.scale))
	if !ok || slices.Max(channel)+1 != len(norm.scale) {
		return false
	}

	weights := w.Values()
	for i, c := range channel {
		weights[i] *= norm.scale[c]
	}
	for c := range bias {
		bias[c] = norm.scale[c]*bias[c] + norm.shift[c]
	}
	if linear.Input(2) == nil { // take the normalisation's bias, so that the new one has its name
		linear.Inputs = append(linear.Inputs[:2:2], n.Inputs[2])
	}
	f.set(linear, 1, graph.FromValues(w.DType, w.Dims, weights))
	f.set(linear, 2, graph.FromValues(w.DType, []int{len(bias)}, bias))
	if linear.Op == "MatMul" {
		linear.Op = "Gemm"
	}
	if linear.Op == "Gemm" {
		linear.Attrs = gemmAttrs(linear.Attrs, f.graph.Opsets[""])
	}
	linear.Outputs[0] = n.Outputs[0]
	linear.Outputs[0].Producer = linear
	return true
}

// gemmAttrs are the attributes of a Gemm whose third input is added as it is.
func gemmAttrs(attrs graph.Attrs, opset int64) graph.Attrs {
	attrs = maps.Clone(attrs)
	delete(attrs, "beta")
	if opset < 7 {
		if attrs == nil {
			attrs = graph.Attrs{}
		}
		attrs["broadcast"] = int64(1)
	}
	return attrs
}

// set makes the constant t input i of a node: in place of the constant there, where no one else reads that, else as a
// new initializer.
func (f *folder) set(n *graph.Node, i int, t *graph.Tensor) {
	old := n.Inputs[i]
	if old.Const != nil && len(f.readers[old]) == 1 {
		old.Const, old.DType, old.Shape = t, t.DType, t.Shape()
		return
	}
	f.readers[old] = slices.DeleteFunc(f.readers[old], func(r *graph.Node) bool { return r == n })
	n.Inputs[i] = f.builder.Const(old.Name, t)
	f.readers[n.Inputs[i]] = []*graph.Node{n}
}

// affine is scale·x + shift per channel.
type affine struct{ scale, shift []float64 }

// batchNormOf reads a BatchNormalization in inference form with constant parameters.
func batchNormOf(n *graph.Node) (a affine, ok bool) {
	if n.Domain != "" || n.Op != "BatchNormalization" || n.Int("training_mode", 0) != 0 || n.Int("spatial", 1) == 0 ||
		len(n.Inputs) != 5 {
		return a, false
	}
	if slices.ContainsFunc(n.Outputs[1:], func(v *graph.Value) bool { return v != nil }) {
		return a, false
	}
	var params [4][]float64 // scale, B, mean, var
	for i := range params {
		t := constantOf(n.Inputs[i+1])
		if t == nil || len(t.Dims) != 1 || t.Len() == 0 || i > 0 && t.Len() != len(params[0]) {
			return a, false
		}
		if params[i] = t.Values(); params[i] == nil {
			return a, false
		}
	}
	epsilon := n.Float("epsilon", 1e-5)
	a = affine{params[0], params[1]}
	for c := range a.scale {
		a.scale[c] /= math.Sqrt(params[3][c] + epsilon)
		a.shift[c] -= a.scale[c] * params[2][c]
	}
	return a, true
}

// biasOf reads the constant that a linear node adds to each of its output channels, zeros where it has none; ok is
// false where it adds something else.
func biasOf(n *graph.Node, channels int) (bias []float64, ok bool) {
	bias = make([]float64, channels)
	if n.Input(2) == nil {
		return bias, true
	}
	t := constantOf(n.Inputs[2])
	if t == nil || len(t.Dims) > 2 || len(t.Dims) == 2 && t.Dims[0] != 1 {
		return nil, false
	}
	values := t.Values()
	if len(values) != channels && len(values) != 1 {
		return nil, false
	}
	beta := n.Float("beta", 1)
	for i := range bias {
		bias[i] = beta * values[i%len(values)]
	}
	return bias, true
}

// constantOf is the tensor that a value always has: an initializer's, or what a node gives that reads nothing but
// initializers.
func constantOf(v *graph.Value) *graph.Tensor {
	switch {
	case v == nil:
		return nil
	case v.Producer == nil:
		return v.Const
	}
	out, err := fold(v.Producer, nil)
	if err != nil {
		return nil
	}
	for i, o := range v.Producer.Outputs {
		if o == v && i < len(out) {
			return out[i]
		}
	}
	return nil
}

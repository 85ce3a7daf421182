package ort

import (
	"slices"

	"github.com/ildc/ildc/graph"
	"github.com/ildc/ildc/graph/op"
	"github.com/ildc/ildc/graph/pass"
)

// rewrites is everything that Compile changes in a step, by the op that is replaced; of several rules for an op the
// first that applies is taken. What an op is not here for is lowered as the op table says. REWRITES.md has what each
// gives.
var rewrites = map[string][]rule{
	"ildc.ConvGradWeight": {
		(*rewriter).depthwiseGradWeight,   // a depthwise convolution with dY, samples folded into channels
		(*rewriter).denseGradWeight,       // a convolution with dY in blocked layout, samples in the place of channels
		(*rewriter).convGradWeightByShift, // shifts as matrix products
	},
	"ildc.ConvGradInput": {
		(*rewriter).depthwiseGradInput, // samples folded into channels
		(*rewriter).denseGradInput,     // in blocked layout
	},
	"ildc.BatchNormTrain": {
		(*rewriter).blockedBatchNormTrain, // sums and scaling as depthwise convolutions in blocked layout
		(*rewriter).batchNormTrain,        // variance without centring, where the convolution before centres
	},
	"ildc.BatchNormGrad": {(*rewriter).blockedBatchNormGrad, (*rewriter).batchNormGrad},
	"ildc.MaskGrad":      {(*rewriter).maskGrad}, // a mask to multiply with
	"ReduceSumSquare": {
		(*rewriter).blockedSumSquare, // without leaving blocks, as those that follow
		(*rewriter).sumSquare,        // squares first
	},
	"ReduceSum": {(*rewriter).blockedSum},
	"Relu":      {(*rewriter).blockedRelu, (*rewriter).blockedElementwise},
	"LeakyRelu": {(*rewriter).blockedElementwise},
	"Tanh":      {(*rewriter).blockedElementwise},
	"Neg":       {(*rewriter).blockedElementwise},
	"Identity":  {(*rewriter).blockedElementwise},
	"Add":       {(*rewriter).blockedAdd, (*rewriter).blockedElementwise},
	"Sub":       {(*rewriter).blockedElementwise},
	"Mul":       {(*rewriter).blockedElementwise},
	"Conv": {
		(*rewriter).depthwiseConv, // samples folded into channels
		(*rewriter).denseConv,     // in blocked layout
		(*rewriter).centringConv,
	},
}

// rule appends what stands in a node's place, and gives the values for its outputs; nil where it does not apply.
type rule func(r *rewriter, b *graph.Builder, n *graph.Node) []*graph.Value

// rewriter is what rules know of the whole step and of the machine.
type rewriter struct {
	centred map[string]string // convolutions' outputs to the inputs that hold the running means of the batch norm behind
	uses    map[string]int    // how often nodes read a value
	blocked *blocked          // nil where the device has no blocked layout
}

// natives lists the macro ops, all of which Compile takes care of.
func natives() []string {
	var names []string
	for _, s := range op.All() {
		if s.Domain == op.Macro {
			names = append(names, s.Type)
		}
	}
	return names
}

// rewrite copies a step's graph into standard ops, in the form in which ONNX Runtime runs it fastest with a layout.
func rewrite(g *graph.Graph, l layout) (*graph.Graph, error) {
	r := &rewriter{centred: centrable(g), uses: map[string]int{}}
	for v, by := range g.Consumers() {
		r.uses[v.Name] = len(by)
	}
	for _, v := range g.Outputs {
		r.uses[v.Name]++
	}
	if l.block > 0 {
		r.blocked = newBlocked(l)
	}
	g, err := pass.Rewrite(g, func(b *graph.Builder, n *graph.Node) []*graph.Value {
		for _, f := range rewrites[n.OpName()] {
			if out := f(r, b, n); out != nil || b.Err() != nil {
				return out
			}
		}
		if s := op.Of(n); s != nil && s.Lower != nil {
			return s.Lower(b, n)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	delete(g.Opsets, op.Macro)
	if r.blocked != nil {
		g.Opsets[blockedDomain], g.Opsets["com.microsoft"] = 1, 1
	}
	pass.DeadCode(g)
	return g, nil
}

// reshape gives v other extents.
func reshape(b *graph.Builder, v *graph.Value, dims ...int) *graph.Value {
	shape := make([]int64, len(dims))
	for i, d := range dims {
		shape[i] = int64(d)
	}
	if v.Shape.Static() && slices.Equal(v.Shape.Sizes(), dims) {
		return v
	}
	return b.Op("Reshape", nil, v, b.Ints(shape...))
}

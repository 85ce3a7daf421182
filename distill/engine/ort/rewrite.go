package ort

import (
	"slices"

	"github.com/ildc/ildc/distill/engine"
	"github.com/ildc/ildc/graph"
	"github.com/ildc/ildc/graph/op"
	"github.com/ildc/ildc/graph/pass"
)

// rewrites is everything that Compile changes in a step, by the op that is replaced. What an op is not here for is lowered as
// the op table says. RATIONALE.md has what each gives.
var rewrites = map[string]rule{
	"ildc.ConvGradWeight": convGradWeight, // shifts as matrix products
	"ildc.BatchNormTrain": batchNormTrain, // variance without centring, where the convolution before centres
	"ildc.BatchNormGrad":  batchNormGrad,
	"ildc.MaskGrad":       maskGrad, // a mask to multiply with
	"Conv":                centringConv,
}

// rule appends what stands in a node's place, and gives the values for its outputs; nil leaves the node as it is.
type rule func(r *rewriter, b *graph.Builder, n *graph.Node) []*graph.Value

// rewriter is what rules know of the whole step.
type rewriter struct {
	centred map[string]string // convolutions' outputs to the inputs that hold the running means of the batch norm behind
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

// rewrite copies a step's graph into standard ops, in the form in which ONNX Runtime runs it fastest.
func rewrite(g *graph.Graph, o engine.Options) (*graph.Graph, error) {
	r := &rewriter{centred: centrable(g)}
	g, err := pass.Rewrite(g, func(b *graph.Builder, n *graph.Node) []*graph.Value {
		if f := rewrites[n.OpName()]; f != nil {
			if out := f(r, b, n); out != nil {
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

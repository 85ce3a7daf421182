package op

import (
	"slices"

	"github.com/ildc/ildc/graph"
)

// body appends what an op is made of, ops that are no composites themselves, and gives the outputs; nil where it has to
// know more of the inputs' shapes than is known.
type body = func(b *graph.Builder, n *graph.Node) []*graph.Value

// maxMade bounds the elements of a constant that a body makes, such as a mask.
const maxMade = 1 << 26

// composite completes the Spec of an op that is defined by others: normalisation puts its body in its place, so that
// channel coupling, gradients and engines meet the body only. Type, Domain and the numbers of inputs are given.
func composite(s *Spec, f body) *Spec {
	s.Composite = true
	s.Upgrade = func(b *graph.Builder, n *graph.Node, _ int64) []*graph.Value {
		if len(n.Inputs) < s.Least || slices.Contains(n.Inputs[:s.Least], nil) {
			return nil // Infer reports it
		}
		return f(b, n)
	}
	s.Shape = func(n *graph.Node) ([]Type, error) {
		b := NewBuilder(graph.New(""))
		out := f(b, n)
		if err := b.Err(); err != nil {
			return nil, err
		}
		types := make([]Type, len(n.Outputs))
		for i := range types {
			if types[i].DType = n.Inputs[0].DType; i < len(out) && out[i] != nil {
				types[i] = Type{DType: out[i].DType, Shape: out[i].Shape.Clone()}
			}
		}
		return types, nil
	}
	s.Eval = func(n *graph.Node, in []*graph.Tensor) ([]*graph.Tensor, error) { return evalBody(f, n, in) }
	return s
}

// evalBody evaluates a body on constants.
func evalBody(f body, n *graph.Node, in []*graph.Tensor) ([]*graph.Tensor, error) {
	b := NewBuilder(graph.New(""))
	fed := *n
	fed.Inputs = make([]*graph.Value, len(in))
	for i, t := range in {
		if t != nil {
			fed.Inputs[i] = b.Const("x", t)
		}
	}
	out := f(b, &fed)
	if err := b.Err(); err != nil {
		return nil, err
	}
	if out == nil {
		return nil, Errorf(&fed, ErrUnsupported, "these shapes")
	}
	known := map[*graph.Value]*graph.Tensor{}
	for _, v := range b.Graph().Initializers {
		known[v] = v.Const
	}
	for _, m := range b.Graph().Nodes {
		args := make([]*graph.Tensor, len(m.Inputs))
		for i, v := range m.Inputs {
			if v != nil {
				args[i] = known[v]
			}
		}
		ys, err := Of(m).Eval(m, args)
		if err != nil {
			return nil, err
		}
		for i, v := range m.Outputs {
			if v != nil {
				known[v] = ys[i]
			}
		}
	}
	results := make([]*graph.Tensor, len(out))
	for i, v := range out {
		if v != nil {
			results[i] = known[v]
		}
	}
	return results, nil
}

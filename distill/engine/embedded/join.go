package embedded

import (
	"maps"
	"slices"

	"github.com/ildc/ildc/graph"
	"github.com/ildc/ildc/graph/op"
	"github.com/ildc/ildc/graph/pass"
)

// joins are what the engine computes in one pass over memory, by the op that ends it: an op with the ops before it is
// replaced by a fused one, see graph/op. Rules give nil where they do not apply.
var joins = map[string]func(j *joiner, n *graph.Node) *graph.Node{
	"Add":                (*joiner).term,     // one of [fusions], and a further term
	"Relu":               (*joiner).clamped,  // one of [fusions], clamped
	"Clip":               (*joiner).clamped,  // as that
	"ildc.MaskGrad":      (*joiner).masked,   // the gradient of what is clamped
	"ildc.BatchNormGrad": (*joiner).normGrad, // that, and batch normalisation's
}

// fusions are the ops that can be fused with what follows, and which input of the fused op is the further term.
var fusions = map[string]struct {
	fused string
	term  int
}{
	"Conv":                     {"FusedConv", 3},
	"ildc.FusedConv":           {"FusedConv", 3},
	"ildc.ConvGradInput":       {"FusedConvGradInput", 2},
	"ildc.BatchNormTrain":      {"FusedBatchNormTrain", 5},
	"ildc.FusedBatchNormTrain": {"FusedBatchNormTrain", 5},
}

// joiner replaces nodes of a graph in place.
type joiner struct {
	readers map[*graph.Value][]*graph.Node // nil stands for the graph, which reads its outputs
	at      map[*graph.Node]int
	gone    map[*graph.Node]bool
}

// join fuses what it can in place. Shapes are inferred.
func join(g *graph.Graph) error {
	j := &joiner{readers: g.Consumers(), at: map[*graph.Node]int{}, gone: map[*graph.Node]bool{}}
	for _, v := range g.Outputs {
		j.readers[v] = append(j.readers[v], nil)
	}
	for i, n := range g.Nodes {
		j.at[n] = i
	}
	for i, n := range g.Nodes {
		rule := joins[n.OpName()]
		if rule == nil || !float32s(n) {
			continue
		}
		if f := rule(j, n); f != nil {
			f.Name, f.Domain, f.Origin = n.Name, op.Macro, n.Origin
			g.Nodes[i] = f
			j.take(f, n, i)
		}
	}
	g.Nodes = slices.DeleteFunc(g.Nodes, func(n *graph.Node) bool { return j.gone[n] })
	pass.DeadCode(g)
	return g.Check()
}

func float32s(n *graph.Node) bool {
	return n.Inputs[0].DType == graph.Float32 && n.Outputs[0] != nil
}

// take puts f in the place of n.
func (j *joiner) take(f, n *graph.Node, at int) {
	j.at[f] = at
	j.gone[n] = true
	delete(j.gone, f)
	for _, v := range f.Outputs {
		if v != nil {
			v.Producer = f
		}
	}
	for _, v := range n.Reads() {
		j.readers[v] = slices.DeleteFunc(j.readers[v], func(r *graph.Node) bool { return r == n })
	}
	for _, v := range f.Reads() {
		j.readers[v] = append(j.readers[v], f)
	}
}

// absorb takes what a node before gives into the fused one: n reads it, and nothing else.
func (j *joiner) absorb(n *graph.Node) {
	j.gone[n] = true
	for _, v := range n.Reads() {
		j.readers[v] = slices.DeleteFunc(j.readers[v], func(r *graph.Node) bool { return r == n })
	}
}

// before is the producer of v where only n reads v, and where its other results are first read behind n; else nil.
func (j *joiner) before(v *graph.Value, n *graph.Node) *graph.Node {
	if v == nil || v.Producer == nil || v != v.Producer.Outputs[0] || len(j.readers[v]) != 1 || j.gone[v.Producer] {
		return nil
	}
	for _, other := range v.Producer.Outputs[1:] {
		for _, r := range j.readers[other] {
			if r != nil && j.at[r] < j.at[n] {
				return nil
			}
		}
	}
	return v.Producer
}

// unbounded says whether a node clamps nothing, so that more can follow it.
func unbounded(n *graph.Node) bool { return !n.Has("min") && !n.Has("max") }

// extend is the fused op that a node is with what n adds to it.
func (j *joiner) extend(p, n *graph.Node, term *graph.Value, attrs graph.Attrs) *graph.Node {
	f := &graph.Node{Op: fusions[p.OpName()].fused, Attrs: maps.Clone(p.Attrs), Inputs: slices.Clone(p.Inputs),
		Outputs: slices.Clone(p.Outputs)}
	if f.Attrs == nil {
		f.Attrs = graph.Attrs{}
	}
	maps.Copy(f.Attrs, attrs)
	if at := fusions[p.OpName()].term; term != nil {
		for len(f.Inputs) <= at {
			f.Inputs = append(f.Inputs, nil)
		}
		f.Inputs[at] = term
	}
	f.Outputs[0] = n.Outputs[0]
	j.absorb(p)
	return f
}

func (j *joiner) term(n *graph.Node) *graph.Node {
	for i, v := range n.Inputs {
		p, other := j.before(v, n), n.Inputs[1-i]
		if p == nil || v == other || !other.Shape.Equal(v.Shape) || other.Const != nil {
			continue
		}
		if f, ok := fusions[p.OpName()]; ok && unbounded(p) && p.Input(f.term) == nil {
			return j.extend(p, n, other, nil)
		}
	}
	return nil
}

// bounds of a Relu or Clip, as attributes; ok is false where the graph computes them.
func bounds(n *graph.Node) (attrs graph.Attrs, ok bool) {
	attrs = graph.Attrs{}
	if n.Op == "Relu" {
		attrs["min"] = float32(0)
		return attrs, true
	}
	for i, name := range []string{"min", "max"} {
		switch v := n.Input(i + 1); {
		case v == nil:
		case v.Const == nil || v.Const.Len() != 1:
			return nil, false
		default:
			attrs[name] = float32(v.Const.Values()[0])
		}
	}
	return attrs, len(attrs) > 0
}

func (j *joiner) clamped(n *graph.Node) *graph.Node {
	p := j.before(n.Inputs[0], n)
	if p == nil || !unbounded(p) {
		return nil
	}
	if _, ok := fusions[p.OpName()]; !ok {
		return nil
	}
	if attrs, ok := bounds(n); ok {
		return j.extend(p, n, nil, attrs)
	}
	return nil
}

// masked takes dY where one value is above a constant, below one, or both.
func (j *joiner) masked(n *graph.Node) *graph.Node {
	attrs := graph.Attrs{}
	var of *graph.Value
	var add func(v *graph.Value) bool
	add = func(v *graph.Value) bool {
		p := v.Producer
		if p == nil || p.Domain != "" || len(p.Inputs) != 2 {
			return false
		}
		x, bound := p.Inputs[0], p.Inputs[1]
		name := map[string]string{"Greater": "min", "Less": "max"}[p.Op]
		switch {
		case p.Op == "And":
			return add(x) && add(bound)
		case name == "" || attrs[name] != nil || of != nil && of != x || bound.Const == nil || bound.Const.Len() != 1:
			return false
		}
		of, attrs[name] = x, float32(bound.Const.Values()[0])
		return true
	}
	if !add(n.Inputs[1]) || of.DType != graph.Float32 || !of.Shape.Equal(n.Inputs[0].Shape) {
		return nil
	}
	return &graph.Node{Op: "ClampGrad", Attrs: attrs, Inputs: []*graph.Value{n.Inputs[0], of}, Outputs: n.Outputs}
}

// normGrad takes the masked gradient, which others may read, too, but later.
func (j *joiner) normGrad(n *graph.Node) *graph.Node {
	dz := n.Inputs[0]
	p := dz.Producer
	if p == nil || p.OpName() != "ildc.ClampGrad" || j.gone[p] {
		return nil
	}
	others := false
	for _, r := range j.readers[dz] {
		if r == n {
			continue
		}
		if others = true; r != nil && j.at[r] < j.at[n] {
			return nil
		}
	}
	f := &graph.Node{Op: "FusedBatchNormGrad", Attrs: maps.Clone(p.Attrs), Outputs: slices.Clone(n.Outputs)}
	f.Inputs = append([]*graph.Value{p.Inputs[0]}, n.Inputs[1:]...)
	f.Inputs = append(f.Inputs, p.Inputs[1])
	if others {
		for len(f.Outputs) < 3 {
			f.Outputs = append(f.Outputs, nil)
		}
		f.Outputs = append(f.Outputs, dz)
	}
	j.absorb(p)
	return f
}

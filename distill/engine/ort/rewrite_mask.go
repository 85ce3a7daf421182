package ort

import (
	"math"

	"github.com/ildc/ildc/graph"
)

// maskGrad multiplies with a mask of zeros and ones: ONNX Runtime's Where takes one thread, and mispredicts. The
// gradients that it is for are finite.
func (r *rewriter) maskGrad(b *graph.Builder, n *graph.Node) []*graph.Value {
	dy, keep := n.Inputs[0], n.Inputs[1]
	if dy.DType != graph.Float32 {
		return nil
	}
	at, back := r.blocked.around(b, dy, comparand(keep))
	if room := roomOf(b, keep, at); room != nil {
		// The slope takes every number above 0 to 1.
		mask := b.Op("HardSigmoid", graph.Attrs{"alpha": float32(3e38), "beta": float32(0)}, room)
		return []*graph.Value{back(b.Op("Mul", nil, at(dy), mask))}
	}
	return []*graph.Value{b.Op("Mul", nil, dy, b.Op("Cast", graph.Attrs{"to": int64(graph.Float32)}, keep))}
}

// comparand is what a condition compares with constants, nil where that can't be told.
func comparand(v *graph.Value) *graph.Value {
	for v != nil && v.Producer != nil && v.Producer.Op == "And" {
		v = v.Producer.Inputs[0]
	}
	if v == nil || v.Producer == nil || v.Producer.Op != "Greater" && v.Producer.Op != "Less" {
		return nil
	}
	return v.Producer.Inputs[0]
}

// roomOf gives, for a comparison with a finite constant, or two of one value, a number that is above 0 where they
// hold, and not above it elsewhere; nil for any other condition. It is made in passes that use all threads, which
// Cast, from booleans, does not. at gives the form in which the value is read.
func roomOf(b *graph.Builder, v *graph.Value, at func(*graph.Value) *graph.Value) *graph.Value {
	p := v.Producer
	switch {
	case p == nil:
		return nil
	case p.Op == "And" && p.Domain == "":
		low, high := p.Inputs[0].Producer, p.Inputs[1].Producer
		if low == nil || high == nil || low.Inputs[0] != high.Inputs[0] || low.Op != "Greater" || high.Op != "Less" ||
			!bounds(low.Inputs[1], high.Inputs[1]) {
			return nil
		}
		return b.Op("Mul", nil, roomOf(b, p.Inputs[0], at), roomOf(b, p.Inputs[1], at))
	case (p.Op == "Greater" || p.Op == "Less") && finite(p.Inputs[1]):
		x, bound := at(p.Inputs[0]), p.Inputs[1]
		switch {
		case p.Op == "Less":
			return b.Op("Sub", nil, bound, x)
		case bound.Const.Values()[0] == 0:
			return x
		}
		return b.Op("Sub", nil, x, bound)
	}
	return nil
}

// bounds says whether two constants are bounds of an interval: outside of one, one factor of their product is above 0
// only.
func bounds(low, high *graph.Value) bool {
	return finite(low) && finite(high) && low.Const.Values()[0] < high.Const.Values()[0]
}

func finite(v *graph.Value) bool {
	return v.Const != nil && v.Const.DType == graph.Float32 && v.Const.Len() == 1 && !math.IsInf(v.Const.Values()[0], 0) &&
		!math.IsNaN(v.Const.Values()[0])
}

package distill

import (
	"github.com/ildc/ildc/graph"
)

// Emitter appends losses to a step graph.
type Emitter struct {
	*graph.Builder
	// Param declares a trained tensor that is not part of the student, such as a connector, and gives its current value.
	Param func(name string, initial *graph.Tensor) *graph.Value
}

func (e *Emitter) add(a, b *graph.Value) *graph.Value { return e.Op("Add", nil, a, b) }
func (e *Emitter) sub(a, b *graph.Value) *graph.Value { return e.Op("Sub", nil, a, b) }
func (e *Emitter) mul(a, b *graph.Value) *graph.Value { return e.Op("Mul", nil, a, b) }
func (e *Emitter) div(a, b *graph.Value) *graph.Value { return e.Op("Div", nil, a, b) }

// scale multiplies by a number.
func (e *Emitter) scale(v *graph.Value, by float64) *graph.Value {
	if by == 1 {
		return v
	}
	return e.mul(v, e.Scalar(v.DType, by))
}

// total sums all elements, [1].
func (e *Emitter) total(v *graph.Value) *graph.Value { return e.fold("ReduceSum", v) }

// meanSquare is the mean over all elements of (a−b)², [1].
func (e *Emitter) meanSquare(a, b *graph.Value) *graph.Value {
	d := e.sub(a, b)
	return e.scale(e.fold("ReduceSumSquare", d), 1/float64(max(1, d.Shape.Elements())))
}

// fold reduces every sample to a number, and adds these up: [1]. Engines spread the first over threads.
func (e *Emitter) fold(reduce string, v *graph.Value) *graph.Value {
	keep := graph.Attrs{"keepdims": int64(1)}
	if len(v.Shape) > 1 {
		var axes []int64
		for axis := range v.Shape[1:] {
			axes = append(axes, int64(1+axis))
		}
		v = e.Op(reduce, keep, v, e.Ints(axes...))
		reduce = "ReduceSum"
	}
	return e.Op(reduce, keep, e.Op("Reshape", nil, v, e.Ints(-1)), e.Ints(0))
}

// unit divides by the L2 norm along an axis.
func (e *Emitter) unit(v *graph.Value, axis int) *graph.Value {
	square := e.Op("ReduceSum", graph.Attrs{"keepdims": int64(1)}, e.mul(v, v), e.Ints(int64(axis)))
	return e.div(v, e.Op("Sqrt", nil, e.add(square, e.Scalar(v.DType, 1e-12))))
}

// standard gives vectors along an axis a mean of 0 and a norm of 1.
func (e *Emitter) standard(v *graph.Value, axis int) *graph.Value {
	mean := e.Op("ReduceMean", graph.Attrs{"keepdims": int64(1)}, v, e.Ints(int64(axis)))
	return e.unit(e.sub(v, mean), axis)
}

// rows is the number of distributions that a value of logits holds: all extents but the last.
func rows(v *graph.Value) float64 {
	return float64(v.Shape.Elements()) / float64(v.Shape[len(v.Shape)-1].Size)
}

package loss

import "github.com/ildc/ildc/graph"

// Emitter appends losses to a step graph.
type Emitter struct {
	*graph.Builder
	// Param declares a trained tensor that is not part of the student, such as a connector, and gives its current value.
	Param func(name string, initial *graph.Tensor) *graph.Value
}

// Add is a + b.
func (e *Emitter) Add(a, b *graph.Value) *graph.Value { return e.Op("Add", nil, a, b) }

// Sub is a − b.
func (e *Emitter) Sub(a, b *graph.Value) *graph.Value { return e.Op("Sub", nil, a, b) }

// Mul is a · b, by element.
func (e *Emitter) Mul(a, b *graph.Value) *graph.Value { return e.Op("Mul", nil, a, b) }

// Div is a / b, by element.
func (e *Emitter) Div(a, b *graph.Value) *graph.Value { return e.Op("Div", nil, a, b) }

// Scale multiplies by a number.
func (e *Emitter) Scale(v *graph.Value, by float64) *graph.Value {
	if by == 1 {
		return v
	}
	return e.Mul(v, e.Scalar(v.DType, by))
}

// Total sums all elements, [1].
func (e *Emitter) Total(v *graph.Value) *graph.Value { return e.Fold("ReduceSum", v) }

// MeanSquare is the mean over all elements of (a−b)², [1].
func (e *Emitter) MeanSquare(a, b *graph.Value) *graph.Value {
	d := e.Sub(a, b)
	return e.Scale(e.Fold("ReduceSumSquare", d), 1/float64(max(1, d.Shape.Elements())))
}

// Fold reduces every sample to a number, and adds these up: [1]. Engines spread the first over threads.
func (e *Emitter) Fold(reduce string, v *graph.Value) *graph.Value {
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
	square := e.Op("ReduceSum", graph.Attrs{"keepdims": int64(1)}, e.Mul(v, v), e.Ints(int64(axis)))
	return e.Div(v, e.Op("Sqrt", nil, e.Add(square, e.Scalar(v.DType, 1e-12))))
}

// standard gives vectors along an axis a mean of 0 and a norm of 1.
func (e *Emitter) standard(v *graph.Value, axis int) *graph.Value {
	mean := e.Op("ReduceMean", graph.Attrs{"keepdims": int64(1)}, v, e.Ints(int64(axis)))
	return e.unit(e.Sub(v, mean), axis)
}

// rows is the number of distributions that a value of logits holds: all extents but the last.
func rows(v *graph.Value) float64 {
	return float64(v.Shape.Elements()) / float64(v.Shape[len(v.Shape)-1].Size)
}

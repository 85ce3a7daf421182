package kernel

import (
	"math"

	"github.com/viterin/vek/vek32"
)

// Unary is an elementwise op on a run. dst may be x itself.
type Unary func(dst, x []float32)

// Apply runs f on all elements.
func (f Unary) Apply(team *Team, dst, x []float32) {
	team.Split(len(dst), taskElements, func(_ *Scratch, from, to int) { f(dst[from:to], x[from:to]) })
}

// UnaryOf lifts a function of one number.
func UnaryOf(f func(x float64) float64) Unary {
	return func(dst, x []float32) {
		for i, v := range x {
			dst[i] = float32(f(float64(v)))
		}
	}
}

// Relu is max(x, 0); of NaN it is NaN.
func Relu(dst, x []float32) {
	if !sameRun(dst, x) {
		vek32.MaximumNumber_Into(dst, x, 0)
		return
	}
	vek32.MaximumNumber_Inplace(x, 0)
}

// LeakyRelu is x for x ≥ 0, alpha·x otherwise.
func LeakyRelu(alpha float32) Unary {
	return func(dst, x []float32) {
		for i, v := range x {
			if v < 0 {
				v *= alpha
			}
			dst[i] = v
		}
	}
}

// Clip is x, but no less than lo and no more than hi.
func Clip(lo, hi float32) Unary {
	return func(dst, x []float32) {
		for i, v := range x {
			dst[i] = min(max(v, lo), hi)
		}
	}
}

// Neg is −x.
func Neg(dst, x []float32) {
	for i, v := range x {
		dst[i] = -v
	}
}

// Abs is |x|.
func Abs(dst, x []float32) {
	for i, v := range x {
		dst[i] = math.Float32frombits(math.Float32bits(v) &^ (1 << 31))
	}
}

// Sqrt is √x.
func Sqrt(dst, x []float32) {
	for i, v := range x {
		dst[i] = float32(math.Sqrt(float64(v)))
	}
}

// Reciprocal is 1/x.
func Reciprocal(dst, x []float32) {
	for i, v := range x {
		dst[i] = 1 / v
	}
}

// FromBool is 1 where x holds, else 0.
func FromBool(team *Team, dst []float32, x []bool) {
	team.Split(len(dst), taskElements, func(_ *Scratch, from, to int) {
		out := dst[from:to]
		for i, v := range x[from:to] {
			if v {
				out[i] = 1
			} else {
				out[i] = 0
			}
		}
	})
}

// Not is true where x does not hold. dst may be x itself.
func Not(team *Team, dst, x []bool) {
	team.Split(len(dst), taskElements, func(_ *Scratch, from, to int) {
		out := dst[from:to]
		for i, v := range x[from:to] {
			out[i] = !v
		}
	})
}

package kernel

import (
	"math"

	"github.com/viterin/vek/vek32"
)

// Binary is an elementwise op on runs of two operands, or of an operand and one number. dst may be an operand itself.
type Binary[T, D any] struct {
	both  func(dst []D, a, b []T)
	right func(dst []D, a []T, b T)
	left  func(dst []D, a T, b []T)
}

// Apply broadcasts: w's operands are dst, a and b, and dst is contiguous.
func (f *Binary[T, D]) Apply(team *Team, w *Walk, dst []D, a, b []T) {
	w.run(team, func(_ *Scratch, n int, at []int) {
		d, x, y := dst[at[0]:at[0]+n], a[at[1]:], b[at[2]:]
		switch {
		case w.step[1] != 0 && w.step[2] != 0 || n == 1:
			f.both(d, x[:n], y[:n])
		case w.step[1] != 0:
			f.right(d, x[:n], y[0])
		case w.step[2] != 0:
			f.left(d, x[0], y[:n])
		default: // an expansion of both
			f.both(d[:1], x[:1], y[:1])
			for i := range d {
				d[i] = d[0]
			}
		}
	})
}

// Arithmetic.
var (
	Add = Binary[float32, float32]{
		both: func(dst, a, b []float32) {
			switch {
			case !sameRun(dst, a) && !sameRun(dst, b):
				vek32.Add_Into(dst, a, b)
			case !sameRun(dst, b):
				vek32.Add_Inplace(dst, b)
			case !sameRun(dst, a):
				vek32.Add_Inplace(dst, a)
			default:
				vek32.MulNumber_Inplace(dst, 2)
			}
		},
		right: addNumber,
		left:  func(dst []float32, a float32, b []float32) { addNumber(dst, b, a) },
	}
	Sub = Binary[float32, float32]{
		both: func(dst, a, b []float32) {
			if sameRun(dst, a) || sameRun(dst, b) {
				for i, v := range b {
					dst[i] = a[i] - v
				}
				return
			}
			vek32.Sub_Into(dst, a, b)
		},
		right: func(dst, a []float32, b float32) { addNumber(dst, a, -b) },
		left: func(dst []float32, a float32, b []float32) {
			for i, v := range b {
				dst[i] = a - v
			}
		},
	}
	Mul = Binary[float32, float32]{
		both: func(dst, a, b []float32) {
			switch {
			case !sameRun(dst, a) && !sameRun(dst, b):
				vek32.Mul_Into(dst, a, b)
			case !sameRun(dst, b):
				vek32.Mul_Inplace(dst, b)
			case !sameRun(dst, a):
				vek32.Mul_Inplace(dst, a)
			default:
				for i, v := range a {
					dst[i] = v * v
				}
			}
		},
		right: mulNumber,
		left:  func(dst []float32, a float32, b []float32) { mulNumber(dst, b, a) },
	}
	Div = Binary[float32, float32]{
		both: func(dst, a, b []float32) {
			for i, v := range b {
				dst[i] = a[i] / v
			}
		},
		right: func(dst, a []float32, b float32) {
			for i, v := range a {
				dst[i] = v / b
			}
		},
		left: func(dst []float32, a float32, b []float32) {
			for i, v := range b {
				dst[i] = a / v
			}
		},
	}
	Pow = binaryOf(func(a, b float32) float32 { return float32(math.Pow(float64(a), float64(b))) })
	Max = binaryOf(func(a, b float32) float32 { return max(a, b) })
	Min = binaryOf(func(a, b float32) float32 { return min(a, b) })

	// PRelu is a for a ≥ 0, a·b otherwise.
	PRelu = binaryOf(func(a, b float32) float32 {
		if a < 0 {
			return a * b
		}
		return a
	})
)

// Comparisons.
var (
	Less           = compare(vek32.Lt_Into, vek32.LtNumber_Into, vek32.GtNumber_Into)
	LessOrEqual    = compare(vek32.Lte_Into, vek32.LteNumber_Into, vek32.GteNumber_Into)
	Greater        = compare(vek32.Gt_Into, vek32.GtNumber_Into, vek32.LtNumber_Into)
	GreaterOrEqual = compare(vek32.Gte_Into, vek32.GteNumber_Into, vek32.LteNumber_Into)
	Equal          = compare(vek32.Eq_Into, vek32.EqNumber_Into, vek32.EqNumber_Into)
)

// Logic.
var (
	And = binaryOf(func(a, b bool) bool { return a && b })
	Or  = binaryOf(func(a, b bool) bool { return a || b })
	Xor = binaryOf(func(a, b bool) bool { return a != b })
)

// compare is made of a comparison of runs, that of a run with a number, and that of a run with a number the other way
// round.
func compare(
	both func(dst []bool, x, y []float32) []bool, right, left func(dst []bool, x []float32, v float32) []bool,
) Binary[float32, bool] {
	return Binary[float32, bool]{
		both:  func(dst []bool, a, b []float32) { both(dst, a, b) },
		right: func(dst []bool, a []float32, b float32) { right(dst, a, b) },
		left:  func(dst []bool, a float32, b []float32) { left(dst, b, a) },
	}
}

func binaryOf[T, D any](f func(a, b T) D) Binary[T, D] {
	return Binary[T, D]{
		both: func(dst []D, a, b []T) {
			for i, v := range a {
				dst[i] = f(v, b[i])
			}
		},
		right: func(dst []D, a []T, b T) {
			for i, v := range a {
				dst[i] = f(v, b)
			}
		},
		left: func(dst []D, a T, b []T) {
			for i, v := range b {
				dst[i] = f(a, v)
			}
		},
	}
}

// sameRun says whether two runs, which overlap wholly or not at all, are one.
func sameRun(a, b []float32) bool { return &a[0] == &b[0] }

func addNumber(dst, x []float32, v float32) {
	if sameRun(dst, x) {
		vek32.AddNumber_Inplace(dst, v)
	} else {
		vek32.AddNumber_Into(dst, x, v)
	}
}

func mulNumber(dst, x []float32, v float32) {
	if sameRun(dst, x) {
		vek32.MulNumber_Inplace(dst, v)
	} else {
		vek32.MulNumber_Into(dst, x, v)
	}
}

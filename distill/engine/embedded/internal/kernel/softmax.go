package kernel

import "math"

// Softmax normalises [outer,n,inner] over n: exp(x − m)/Σ exp(x − m) with m the maximum, or the logarithm of it. dst
// may be x itself.
func Softmax(team *Team, dst, x []float32, outer, n, inner int, logarithm bool) {
	if n == 0 {
		return
	}
	team.Split(outer*inner, max(1, taskElements/(8*n)), func(_ *Scratch, from, to int) {
		for r := from; r < to; r++ {
			at := r/inner*n*inner + r%inner
			end := at + n*inner
			m := x[at]
			for i := at; i < end; i += inner {
				m = max(m, x[i])
			}
			var total float64
			for i := at; i < end; i += inner {
				e := math.Exp(float64(x[i] - m))
				total += e
				if !logarithm {
					dst[i] = float32(e)
				}
			}
			if logarithm {
				shift := float64(m) + math.Log(total)
				for i := at; i < end; i += inner {
					dst[i] = float32(float64(x[i]) - shift)
				}
				continue
			}
			for i := at; i < end; i += inner {
				dst[i] = float32(float64(dst[i]) / total)
			}
		}
	})
}

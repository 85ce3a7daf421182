package kernel

import (
	"math"

	"github.com/viterin/vek/vek32"
)

// LayerNorm normalises each row of [rows,n] by its own mean and population variance, then scales and shifts by
// element; bias may be nil. mean and invStd = 1/√(variance + epsilon) are given back where they are not nil. y may be
// x itself.
func LayerNorm(team *Team, y, x, scale, bias, mean, invStd []float32, rows, n int, epsilon float64) {
	team.Split(rows, max(1, taskElements/n), func(_ *Scratch, from, to int) {
		for r := from; r < to; r++ {
			row := y[r*n:][:n]
			m := sum(x[r*n:][:n]) / float64(n)
			addNumber(row, x[r*n:][:n], -float32(m))
			rest := sum(row) / float64(n) // what rounding left of the mean
			inv := 1 / math.Sqrt(max(0, dot(row, row)/float64(n)-rest*rest)+epsilon)
			vek32.MulNumber_Inplace(row, float32(inv))
			vek32.Mul_Inplace(row, scale[:n])
			if bias != nil {
				vek32.Add_Inplace(row, bias[:n])
			}
			if mean != nil {
				mean[r] = float32(m)
			}
			if invStd != nil {
				invStd[r] = float32(inv)
			}
		}
	})
}

// dot adds blocks in float32, by several lanes, and the blocks in float64.
func dot(a, b []float32) (s float64) {
	for len(a) > 0 {
		n := min(sumBlock, len(a))
		s += float64(vek32.Dot(a[:n], b[:n]))
		a, b = a[n:], b[n:]
	}
	return s
}

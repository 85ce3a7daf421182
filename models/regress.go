package models

import (
	"math"

	"github.com/ildc/ildc/graph"
)

const (
	maxRegression = 512     // positions up to which a regression is solved; beyond, only means are made up for
	maxSamples    = 1 << 12 // of a regression
)

// regress predicts the removed positions of an axis of x from the kept ones: for each removed position the coefficients
// of the kept ones, about the mean. With C the covariance over K kept positions and n samples,
//
//	B = C[removed,kept] · (C[kept,kept] + λ·I)⁻¹,  λ = (10⁻³ + K/n) · mean variance of the kept positions
//
// so that few samples give small coefficients. Where there are too many positions, there are none.
func regress(x *graph.Tensor, axis int, mean []float64, kept, removed []int) [][]float64 {
	b := make([][]float64, len(removed))
	if len(mean) > maxRegression {
		return b
	}
	samples := centred(x, axis, mean)
	pick := func(positions []int) [][]float64 {
		rows := make([][]float64, len(positions))
		for i, p := range positions {
			rows[i] = samples[p]
		}
		return rows
	}
	return ridge(pick(kept), pick(removed))
}

// ridge predicts each y from all x, each of which are samples about their mean: it gives the coefficients B[y,x] above,
// and none where they are not to be had.
func ridge(x, y [][]float64) [][]float64 {
	b := make([][]float64, len(y))
	n := len(x[0])
	matrix := covariance(x)
	trace := 0.0
	for i := range matrix {
		trace += matrix[i][i]
	}
	lambda := (1e-3 + float64(len(x))/float64(n)) * trace / float64(len(x))
	for i := range x {
		matrix[i][i] += lambda
	}
	if !cholesky(matrix) {
		return b
	}
	for i, p := range y {
		b[i] = make([]float64, len(x))
		for j, q := range x {
			b[i][j] = dotAll(p, q) / float64(n)
		}
		solve(matrix, b[i])
	}
	return b
}

// centred gives for each position of an axis the elements there less their mean, or some of them at equal distances.
func centred(x *graph.Tensor, axis int, mean []float64) [][]float64 {
	size, inner := x.Dims[axis], graph.Product(x.Dims[axis+1:])
	n := x.Len() / size
	step := stride(n, inner)
	values := x.Values()
	samples := make([][]float64, size)
	for p := range samples {
		for i := 0; i < n; i += step {
			samples[p] = append(samples[p], values[(i/inner*size+p)*inner+i%inner]-mean[p])
		}
	}
	return samples
}

// stride is the distance of at most maxSamples of n elements that lie in rows, maps and samples of inner elements each:
// it has no divisor in common with inner, so that what is taken is not one column of each map.
func stride(n, inner int) int {
	step := (n + maxSamples - 1) / maxSamples
	for gcd(step, inner) > 1 {
		step++
	}
	return step
}

func gcd(a, b int) int {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

// cholesky replaces the lower triangle of a symmetric matrix by L with L·Lᵀ the matrix; ok is false where that is not
// positive definite.
func cholesky(m [][]float64) (ok bool) {
	for i := range m {
		for j := range i + 1 {
			sum := m[i][j]
			for k := range j {
				sum -= m[i][k] * m[j][k]
			}
			if i != j {
				m[i][j] = sum / m[j][j]
				continue
			}
			if !(sum > 0) || math.IsInf(sum, 0) {
				return false
			}
			m[i][i] = math.Sqrt(sum)
		}
	}
	return true
}

// solve solves L·Lᵀ·x = b in place.
func solve(l [][]float64, b []float64) {
	for i := range b {
		for k := range i {
			b[i] -= l[i][k] * b[k]
		}
		b[i] /= l[i][i]
	}
	for i := len(b) - 1; i >= 0; i-- {
		for k := i + 1; k < len(b); k++ {
			b[i] -= l[k][i] * b[k]
		}
		b[i] /= l[i][i]
	}
}

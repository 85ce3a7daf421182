package dataset

import (
	"math"
	"math/rand/v2"

	"github.com/ildc/ildc/graph"
)

// mixup mixes each row of a batch with the one that a permutation leads to, in place: all inputs of floats, and
// one-hot labels.
func mixup(inputs map[string]*graph.Tensor, rows int, alpha float64, r *rand.Rand) {
	part, to := float32(beta(r, alpha)), r.Perm(rows)
	for _, t := range inputs {
		if t.DType != graph.Float32 {
			continue
		}
		data := t.Float32s()
		each := len(data) / t.Dims[0]
		was := append([]float32(nil), data[:rows*each]...)
		for i := range rows {
			own, other := data[i*each:][:each], was[to[i]*each:][:each]
			for k := range own {
				own[k] = part*own[k] + (1-part)*other[k]
			}
		}
	}
}

// beta draws from Beta(α,α), as x/(x+y) of two draws from Gamma(α,1).
func beta(r *rand.Rand, alpha float64) float64 {
	x, y := gamma(r, alpha), gamma(r, alpha)
	if x+y == 0 { // a tiny α leaves next to nothing between 0 and 1
		return float64(r.IntN(2))
	}
	return x / (x + y)
}

// gamma draws from Gamma(α,1) (Marsaglia, Tsang 2000; for α below 1 by their section 6).
func gamma(r *rand.Rand, alpha float64) float64 {
	if alpha < 1 {
		return gamma(r, alpha+1) * math.Pow(r.Float64(), 1/alpha)
	}
	d := alpha - 1./3
	c := 1 / math.Sqrt(9*d)
	for {
		x := r.NormFloat64()
		v := 1 + c*x
		if v <= 0 {
			continue
		}
		v = v * v * v
		if math.Log(1-r.Float64()) < x*x/2+d-d*v+d*math.Log(v) {
			return d * v
		}
	}
}

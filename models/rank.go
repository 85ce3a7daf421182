package models

import (
	"cmp"
	"math"
	"slices"

	"github.com/ildc/ildc/graph"
)

// ranking says which channels of a group go first, and what is lost with them.
type ranking struct {
	order []int     // all channels, those first that matter most
	worth []float64 // by place in order: the importance of the channel, with a mean of 1 over the group
	lost  []float64 // by the number of channels that are kept, from 0 to all: what the readers lose, falling to 0
}

// ranked ranks channels by their importance. What is lost is the part of squared importance that goes, for each of so
// many readers.
func ranked(importance []float64, readers int) ranking {
	r := ranking{order: make([]int, len(importance))}
	for i := range r.order {
		r.order[i] = i
	}
	slices.SortStableFunc(r.order, func(a, b int) int { return cmp.Compare(importance[b], importance[a]) })
	total := 0.0
	for _, c := range r.order {
		r.worth = append(r.worth, importance[c])
		total += importance[c] * importance[c]
	}
	left := total
	for _, v := range r.worth {
		r.lost = append(r.lost, float64(max(1, readers))*left/total)
		left = max(0, left-v*v)
	}
	r.lost = append(r.lost, 0)
	return r
}

// kept gives the n channels that matter most, in rising order.
func (r ranking) kept(n int) []int {
	first := slices.Clone(r.order[:n])
	slices.Sort(first)
	return first
}

// reconstruction is what a reader gives, as far as it is not told by the channels that were taken so far.
type reconstruction struct {
	at    [][]int     // by channel, its positions
	s     [][]float64 // [n,n] the covariance of what is left of the reader's input
	t     [][]float64 // [n,n] S·G·S, where G = Σ w·wᵀ over the reader's weights w [n] for one output and kernel position
	lost  float64     // trace(S·G): the variance of what it gives that is lost
	whole float64     // of all
}

// newReconstruction reads a calibration batch; ok is false where it tells nothing, or has too many positions.
func newReconstruction(r reader, x *graph.Tensor) (_ *reconstruction, ok bool, err error) {
	mean, _, err := r.moments(x)
	n := len(mean)
	if err != nil || n > maxRegression {
		return nil, false, err
	}
	samples := centred(x, r.x.Axis, mean)
	s := covariance(samples)
	ridge := 0.0
	for p := range s {
		ridge += s[p][p] / float64(n)
	}
	ridge *= 1e-3 + float64(n)/float64(len(samples[0])) // as regress has it
	for p := range s {
		s[p][p] += ridge
	}
	g := r.gram()
	c := &reconstruction{at: r.x.At, s: s, t: multiply(multiply(s, g), s)}
	for p := range s {
		for q := range s {
			c.lost += s[p][q] * g[q][p]
		}
	}
	c.whole = c.lost
	return c, c.whole > 0 && !math.IsInf(c.whole, 0), nil
}

// gain is the part of the reader's variance that a channel tells, by each of its positions alone.
func (c *reconstruction) gain(channel int) float64 {
	sum := 0.0
	for _, p := range c.at[channel] {
		if c.s[p][p] > 0 {
			sum += c.t[p][p] / c.s[p][p]
		}
	}
	return sum / c.whole
}

// take takes a channel: what it tells of the others, by least squares, is no longer lost. With u the column of S at a
// position p, and v that of T, S loses u·uᵀ/u[p], T loses (u·vᵀ + v·uᵀ)/u[p] − u·uᵀ·v[p]/u[p]², and v[p]/u[p] is no
// longer lost.
func (c *reconstruction) take(channel int) {
	for _, p := range c.at[channel] {
		u, v := slices.Clone(c.s[p]), slices.Clone(c.t[p])
		pivot, square := u[p], v[p]
		if !(pivot > 0) {
			continue
		}
		c.lost = max(0, c.lost-square/pivot)
		for i := range u {
			a, b := u[i]/pivot, v[i]/pivot
			if a == 0 && b == 0 {
				continue
			}
			s, t := c.s[i], c.t[i]
			for j := range u {
				s[j] -= a * u[j]
				t[j] -= a*v[j] + b*u[j] - a*u[j]*square/pivot
			}
		}
		for i := range u { // exactly
			c.s[i][p], c.s[p][i], c.t[i][p], c.t[p][i] = 0, 0, 0, 0
		}
	}
}

// reconstructed ranks channels by what they tell of what the readers give: each time the channel is taken that, with
// those before it, leaves the least variance of the readers' outputs unexplained by least squares, a sum of parts over
// readers. It is forward selection for the reconstruction of He, Zhang, Sun 2017, Channel pruning, equation 1; W stays
// as [compensate] then changes it.
func reconstructed(channels int, readers []*reconstruction) ranking {
	lost := func() (sum float64) {
		for _, c := range readers {
			sum += c.lost / c.whole
		}
		return sum
	}
	r := ranking{lost: []float64{lost()}}
	left := make([]int, channels)
	for c := range left {
		left[c] = c
	}
	for len(left) > 0 {
		best, most := 0, math.Inf(-1)
		for i, c := range left {
			gain := 0.0
			for _, reader := range readers {
				gain += reader.gain(c)
			}
			if gain > most {
				best, most = i, gain
			}
		}
		for _, reader := range readers {
			reader.take(left[best])
		}
		r.order = append(r.order, left[best])
		left = slices.Delete(left, best, best+1)
		r.lost = append(r.lost, min(lost(), r.lost[len(r.lost)-1]))
	}
	r.lost[channels] = 0
	gains := make([]float64, channels)
	for k := range gains {
		gains[k] = math.Sqrt(r.lost[k] - r.lost[k+1])
	}
	r.worth = make([]float64, channels)
	if addNormalised(r.worth, gains); slices.Max(r.worth) == 0 {
		for k := range r.worth {
			r.worth[k] = 1
		}
	}
	return r
}

// gram is Σ w·wᵀ over a reader's weights w for one output and kernel position, [n,n].
func (r reader) gram() [][]float64 {
	w := r.weight.Const
	n := w.Dims[r.in]
	rows := make([][]float64, w.Len()/n)
	next := make([]int, n)
	r.weights(func(in, _ int, v float64) { // those of each position come in one order
		k := next[in]
		if next[in]++; rows[k] == nil {
			rows[k] = make([]float64, n)
		}
		rows[k][in] = v
	})
	g := square(n)
	for _, row := range rows {
		for i, a := range row {
			if a == 0 {
				continue
			}
			for j, b := range row {
				g[i][j] += a * b
			}
		}
	}
	return g
}

// covariance is that of samples about their mean, [n,n].
func covariance(samples [][]float64) [][]float64 {
	c := square(len(samples))
	for i, p := range samples {
		for j, q := range samples[:i+1] {
			c[i][j] = dotAll(p, q) / float64(len(p))
			c[j][i] = c[i][j]
		}
	}
	return c
}

func square(n int) [][]float64 {
	m := make([][]float64, n)
	for i := range m {
		m[i] = make([]float64, n)
	}
	return m
}

// multiply is a·b of square matrices.
func multiply(a, b [][]float64) [][]float64 {
	m := square(len(a))
	for i, row := range a {
		for k, v := range row {
			if v == 0 {
				continue
			}
			for j, w := range b[k] {
				m[i][j] += v * w
			}
		}
	}
	return m
}

// dotAll is the dot product. Four sums keep an adder from waiting for itself.
func dotAll(a, b []float64) float64 {
	var s0, s1, s2, s3 float64
	i := 0
	for ; i+4 <= len(a); i += 4 {
		p, q := a[i:i+4:i+4], b[i:i+4:i+4]
		s0, s1, s2, s3 = s0+p[0]*q[0], s1+p[1]*q[1], s2+p[2]*q[2], s3+p[3]*q[3]
	}
	for ; i < len(a); i++ {
		s0 += a[i] * b[i]
	}
	return s0 + s1 + s2 + s3
}

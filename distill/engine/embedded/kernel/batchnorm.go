package kernel

import (
	"math"

	"github.com/viterin/vek/vek32"
)

// BatchNorm normalises [N,C,plane] per channel.
type BatchNorm struct {
	N, C, Plane int
	Epsilon     float64
}

// channels calls f for the runs of each channel; channels in parallel. Channels of [N,C], whose elements lie apart, come in as
// one gathered run, and put copies a gathered result back.
func (b *BatchNorm) channels(team *Team, f func(c int, r channelRuns)) {
	team.Do(b.C, func(s *Scratch, c int) { f(c, channelRuns{b, c, s}) })
}

type channelRuns struct {
	b *BatchNorm
	c int
	s *Scratch
}

// run gives the i-th run of x.
func (r channelRuns) run(x []float32, i int) []float32 {
	return x[(i*r.b.C+r.c)*r.b.Plane:][:r.b.Plane]
}

// centred gives the i-th run of x less the mean, in scratch memory.
func (r channelRuns) centred(x []float32, i int, mean float32) []float32 {
	dst := r.s.Floats(0, r.b.Plane)
	vek32.SubNumber_Into(dst, r.run(x, i), mean)
	return dst
}

// Train normalises by the batch's own mean and population variance, which are given back as mean and invStd = 1/√(variance + ε).
// variance may be nil. The variance is that of centred values, so that a large mean costs no precision.
func (b *BatchNorm) Train(team *Team, y, x, scale, bias, mean, variance, invStd []float32) {
	count := float64(b.N * b.Plane)
	b.channels(team, func(c int, r channelRuns) {
		var total, squares, rest float64
		for i := range b.N {
			total += sum(r.run(x, i))
		}
		m := float32(total / count)
		for i := range b.N {
			d := r.centred(x, i, m)
			squares += dot(d, d)
			rest += sum(d)
		}
		v := max(0, squares/count-rest*rest/count/count) // rest is what rounding left of the mean
		inv := 1 / math.Sqrt(v+b.Epsilon)
		mean[c], invStd[c] = float32(total/count), float32(inv)
		if variance != nil {
			variance[c] = float32(v)
		}
		b.normalise(r, y, x, m, scale[c]*float32(inv), bias[c])
	})
}

// Infer normalises by a given mean and variance.
func (b *BatchNorm) Infer(team *Team, y, x, scale, bias, mean, variance []float32) {
	b.channels(team, func(c int, r channelRuns) {
		factor := float32(float64(scale[c]) / math.Sqrt(float64(variance[c])+b.Epsilon))
		b.normalise(r, y, x, mean[c], factor, bias[c])
	})
}

// normalise computes y = (x − mean)·factor + bias of a channel.
func (b *BatchNorm) normalise(r channelRuns, y, x []float32, mean, factor, bias float32) {
	for i := range b.N {
		out := r.run(y, i)
		addNumber(out, r.run(x, i), -mean)
		vek32.MulNumber_Inplace(out, factor)
		vek32.AddNumber_Inplace(out, bias)
	}
}

// Grad is the gradient of Train, with x̂ = (x − mean)·invStd and m elements per channel (Ioffe, Szegedy 2015, section 3):
//
//	dBias = Σ dy,  dScale = Σ dy·x̂,  dx = scale·invStd·(dy − dBias/m − x̂·dScale/m)
func (b *BatchNorm) Grad(team *Team, dx, dScale, dBias, dy, x, scale, mean, invStd []float32) {
	count := float64(b.N * b.Plane)
	b.channels(team, func(c int, r channelRuns) {
		var sumDy, sumDyX float64
		for i := range b.N {
			d := r.run(dy, i)
			sumDy += sum(d)
			sumDyX += dot(d, r.centred(x, i, mean[c]))
		}
		inv := float64(invStd[c])
		dScale[c], dBias[c] = float32(sumDyX*inv), float32(sumDy)
		a := float64(scale[c]) * inv
		share := float32(-a * inv * inv * sumDyX / count)
		shift := float32(-a * sumDy / count)
		for i := range b.N {
			d := r.centred(x, i, mean[c])
			vek32.MulNumber_Inplace(d, share)
			vek32.AddNumber_Inplace(d, shift)
			out := r.run(dx, i)
			mulNumber(out, r.run(dy, i), float32(a))
			vek32.Add_Inplace(out, d)
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

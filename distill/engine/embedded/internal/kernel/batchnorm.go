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

// runs are the elements of one channel of [N,C,plane], in runs of consecutive ones.
type runs struct {
	x             []float32
	n, step, size int
}

func (r runs) at(i int) []float32 { return r.x[i*r.step:][:r.size] }

// shortPlane is the extent of a plane below which a channel's runs are too short for vector ops, and are brought
// together first.
const shortPlane = 128

// place gives the runs of a channel, in scratch memory where they are short.
func (b *BatchNorm) place(s *Scratch, slot int, x []float32, c int) runs {
	if b.Plane >= shortPlane {
		return runs{x[c*b.Plane:], b.N, b.C * b.Plane, b.Plane}
	}
	size := b.N * b.Plane
	return runs{s.Floats(slot, size), 1, size, size}
}

// read gives the runs of a channel of x.
func (b *BatchNorm) read(s *Scratch, slot int, x []float32, c int) runs {
	r := b.place(s, slot, x, c)
	if b.Plane < shortPlane {
		for i := range b.N {
			copy(r.x[i*b.Plane:][:b.Plane], x[(i*b.C+c)*b.Plane:])
		}
	}
	return r
}

// write brings runs that place gave to where they belong in y.
func (b *BatchNorm) write(r runs, y []float32, c int) {
	if b.Plane < shortPlane {
		for i := range b.N {
			copy(y[(i*b.C+c)*b.Plane:][:b.Plane], r.x[i*b.Plane:])
		}
	}
}

// centred gives a run less the mean, in scratch memory.
func centred(s *Scratch, x []float32, mean float32) []float32 {
	dst := s.Floats(0, len(x))
	vek32.SubNumber_Into(dst, x, mean)
	return dst
}

// Train normalises by the batch's own mean and population variance, which are given back, with invStd = 1/√(variance
// + ε). variance may be nil. The variance is that of centred values, so that a large mean costs no precision. y may
// be x itself.
func (b *BatchNorm) Train(team *Team, y, x, scale, bias, mean, variance, invStd []float32) {
	count := float64(b.N * b.Plane)
	team.Do(b.C, func(s *Scratch, c int) {
		xs := b.read(s, 1, x, c)
		var total, squares, rest float64
		for i := range xs.n {
			total += sum(xs.at(i))
		}
		m := float32(total / count)
		for i := range xs.n {
			d := centred(s, xs.at(i), m)
			squares += dot(d, d)
			rest += sum(d)
		}
		v := max(0, squares/count-rest*rest/count/count) // rest is what rounding left of the mean
		inv := 1 / math.Sqrt(v+b.Epsilon)
		mean[c], invStd[c] = m, float32(inv)
		if variance != nil {
			variance[c] = float32(v)
		}
		b.normalise(s, y, xs, c, m, scale[c]*float32(inv), bias[c])
	})
}

// Infer normalises by a given mean and variance. y may be x itself.
func (b *BatchNorm) Infer(team *Team, y, x, scale, bias, mean, variance []float32) {
	factor := func(c int) float32 { return float32(float64(scale[c]) / math.Sqrt(float64(variance[c])+b.Epsilon)) }
	if b.Plane >= shortPlane {
		team.Do(b.C, func(s *Scratch, c int) { b.normalise(s, y, b.read(s, 1, x, c), c, mean[c], factor(c), bias[c]) })
		return
	}
	// Channels are short: all of a sample's by one vector op, with a mean, factor and bias for each element.
	n := b.C * b.Plane
	per := team.Workspace(3 * n)
	means, factors, biases := per[:n], per[n:2*n], per[2*n:]
	for i := range n {
		c := i / b.Plane
		means[i], factors[i], biases[i] = mean[c], factor(c), bias[c]
	}
	team.Split(b.N, max(1, taskElements/n), func(_ *Scratch, from, to int) {
		for i := from; i < to; i++ {
			out := y[i*n:][:n]
			Sub.both(out, x[i*n:][:n], means)
			vek32.Mul_Inplace(out, factors)
			vek32.Add_Inplace(out, biases)
		}
	})
}

// normalise computes y = (x − mean)·factor + bias of a channel.
func (b *BatchNorm) normalise(s *Scratch, y []float32, xs runs, c int, mean, factor, bias float32) {
	ys := b.place(s, 2, y, c)
	for i := range xs.n {
		out := ys.at(i)
		addNumber(out, xs.at(i), -mean)
		vek32.MulNumber_Inplace(out, factor)
		vek32.AddNumber_Inplace(out, bias)
	}
	b.write(ys, y, c)
}

// Grad is the gradient of Train, with x̂ = (x − mean)·invStd and m elements per channel (Ioffe, Szegedy 2015, section
// 3):
//
//	dBias = Σ dy,  dScale = Σ dy·x̂,  dx = scale·invStd·(dy − dBias/m − x̂·dScale/m)
//
// dx may be dy or x itself.
func (b *BatchNorm) Grad(team *Team, dx, dScale, dBias, dy, x, scale, mean, invStd []float32) {
	count := float64(b.N * b.Plane)
	team.Do(b.C, func(s *Scratch, c int) {
		xs, dys, dxs := b.read(s, 1, x, c), b.read(s, 2, dy, c), b.place(s, 3, dx, c)
		var sumDy, sumDyX float64
		for i := range xs.n {
			sumDy += sum(dys.at(i))
			sumDyX += dot(dys.at(i), centred(s, xs.at(i), mean[c]))
		}
		inv := float64(invStd[c])
		dScale[c], dBias[c] = float32(sumDyX*inv), float32(sumDy)
		a := float64(scale[c]) * inv
		share := float32(-a * inv * inv * sumDyX / count)
		shift := float32(-a * sumDy / count)
		for i := range xs.n {
			d := centred(s, xs.at(i), mean[c])
			vek32.MulNumber_Inplace(d, share)
			vek32.AddNumber_Inplace(d, shift)
			out := dxs.at(i)
			mulNumber(out, dys.at(i), float32(a))
			vek32.Add_Inplace(out, d)
		}
		b.write(dxs, dx, c)
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

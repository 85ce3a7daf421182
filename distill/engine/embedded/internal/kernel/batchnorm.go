package kernel

import (
	"math"
	"unsafe"
)

// BatchNorm normalises [N,C,plane] per channel.
type BatchNorm struct {
	N, C, Plane int
	Epsilon     float64
	Clamp       *[2]float32 // between which results lie; nil: anywhere
}

// shortPlane is the extent of a plane below which a channel's runs are brought together first.
const shortPlane = 8

// overChannels calls f for each channel, with passes over its runs: in gives where a channel of an operand begins,
// which may be nil, out that of a result.
func (b *BatchNorm) overChannels(team *Team, f func(c *channel, i int, in, out func(v []float32) *float32)) {
	team.Do(b.C, func(s *Scratch, i int) {
		c := &s.channel
		*c = channel{}
		c.clamp(b.Clamp)
		if b.Plane >= shortPlane {
			fastest.over(c, b.N, b.Plane, b.C*b.Plane)
			begin := func(v []float32) *float32 {
				if v == nil {
					return nil
				}
				return &v[i*b.Plane]
			}
			f(c, i, begin, begin)
			return
		}
		size := b.N * b.Plane
		fastest.over(c, 1, size, 0)
		slots := s.Floats(0, channelOperands*size)
		var results [][]float32
		slot := func(v []float32) (near []float32) {
			if v == nil {
				return nil
			}
			near, slots = slots[:size], slots[size:]
			return near
		}
		in := func(v []float32) *float32 {
			near := slot(v)
			for n := 0; n < len(near); n += b.Plane {
				copy(near[n:n+b.Plane], v[n*b.C+i*b.Plane:])
			}
			return unsafe.SliceData(near)
		}
		out := func(v []float32) *float32 {
			near := slot(v)
			results = append(results, v, near)
			return unsafe.SliceData(near)
		}
		f(c, i, in, out)
		for ; len(results) > 0; results = results[2:] {
			v, near := results[0], results[1]
			for n := 0; n < len(near); n += b.Plane {
				copy(v[n*b.C+i*b.Plane:], near[n:n+b.Plane])
			}
		}
	})
}

// Train normalises by the batch's own mean and population variance, which are given back, with invStd = 1/√(variance
// + ε), and adds z, which may be nil. variance may be nil. y may be x or z itself.
//
// The moments are those of x less the mean of the channel's first run, so that a large mean costs no precision.
func (b *BatchNorm) Train(team *Team, y, x, scale, bias, z, mean, variance, invStd []float32) {
	count := float64(b.N * b.Plane)
	b.overChannels(team, func(c *channel, i int, in, out func(v []float32) *float32) {
		c.x, c.z, c.out = in(x), in(z), out(y)
		first := float32(sum(x[i*b.Plane:][:b.Plane]) / float64(b.Plane))
		c.mean = first
		total, squares := fastest.sums(c, moments)
		rest := total / count
		v := max(0, squares/count-rest*rest)
		inv := 1 / math.Sqrt(v+b.Epsilon)
		mean[i], invStd[i] = float32(float64(first)+rest), float32(inv)
		if variance != nil {
			variance[i] = float32(v)
		}
		b.normalise(c, mean[i], scale[i]*float32(inv), bias[i])
	})
}

// Infer normalises by a given mean and variance. y may be x itself.
func (b *BatchNorm) Infer(team *Team, y, x, scale, bias, mean, variance []float32) {
	b.overChannels(team, func(c *channel, i int, in, out func(v []float32) *float32) {
		c.x, c.out = in(x), out(y)
		b.normalise(c, mean[i], float32(float64(scale[i])/math.Sqrt(float64(variance[i])+b.Epsilon)), bias[i])
	})
}

func (b *BatchNorm) normalise(c *channel, mean, scale, shift float32) {
	c.mean, c.scale, c.shift = mean, scale, shift
	if c.z != nil {
		fastest.pass(c, normaliseSum)
	} else {
		fastest.pass(c, normalise)
	}
}

// Grad is the gradient of Train, with x̂ = (x − mean)·invStd and m elements per channel (Ioffe, Szegedy 2015, section
// 3):
//
//	dBias = Σ dy,  dScale = Σ dy·x̂,  dx = scale·invStd·(dy − dBias/m − x̂·dScale/m)
//
// dy counts as 0 where y, the result, was clamped; y may be nil. dz, where it is not nil, is that dy. dx may be dy, x
// or y itself.
func (b *BatchNorm) Grad(team *Team, dx, dScale, dBias, dz, dy, x, scale, mean, invStd, y []float32) {
	count := float64(b.N * b.Plane)
	sums, apply := gradientSums, gradient
	switch {
	case dz != nil:
		sums, apply = clampedGradientSums, clampedGradients
	case y != nil:
		sums, apply = clampedGradientSums, clampedGradient
	}
	b.overChannels(team, func(c *channel, i int, in, out func(v []float32) *float32) {
		c.x, c.d, c.y, c.out, c.more = in(x), in(dy), in(y), out(dx), out(dz)
		c.mean = mean[i]
		sumDy, sumDyX := fastest.sums(c, sums)
		inv := float64(invStd[i])
		dScale[i], dBias[i] = float32(sumDyX*inv), float32(sumDy)
		a := float64(scale[i]) * inv
		c.scale, c.shift, c.share = float32(a), float32(-a*sumDy/count), float32(-a*inv*inv*sumDyX/count)
		fastest.pass(c, apply)
	})
}

// ClampGrad is dy where y lies between the bounds, else 0. dx may be dy or y itself.
func ClampGrad(team *Team, dx, dy, y []float32, bounds [2]float32) {
	team.Split(len(dx), taskElements, func(s *Scratch, from, to int) {
		c := &s.channel
		*c = channel{d: &dy[from], y: &y[from], out: &dx[from]}
		c.clamp(&bounds)
		fastest.over(c, 1, to-from, 0)
		fastest.pass(c, clampGradient)
	})
}

package kernel

import (
	"fmt"
	"math"
	"math/rand"
	"testing"
)

func TestBatchNorm(t *testing.T) {
	for _, b := range []BatchNorm{
		{N: 4, C: 3, Plane: 25, Epsilon: 1e-5}, {N: 16, C: 5, Plane: 1, Epsilon: 1e-3}, {N: 1, C: 2, Plane: 8, Epsilon: 1e-5},
		{N: 3, C: 1, Plane: 9000, Epsilon: 1e-5}, {N: 70, C: 2, Plane: 64, Epsilon: 1e-5},
	} {
		for _, level := range []float64{0, 1000} {
			t.Run(fmt.Sprintf("%d×%d×%d around %v", b.N, b.C, b.Plane, level), func(t *testing.T) {
				eachWay(t, func(t *testing.T) {
					checkBatchNorm(t, b, level, false)
					clamped := b
					clamped.Clamp = &[2]float32{-0.5, 1.5}
					checkBatchNorm(t, clamped, level, true)
				})
			})
		}
	}
}

// checkBatchNorm compares it with loops in float64. fused: with a further term, and clamped.
func checkBatchNorm(t *testing.T, b BatchNorm, level float64, fused bool) {
	r := rand.New(rand.NewSource(1))
	x, dy, scale, bias := random(r, b.N*b.C*b.Plane), random(r, b.N*b.C*b.Plane), random(r, b.C), random(r, b.C)
	var z, dz []float32
	if fused {
		z, dz = random(r, len(x)), random(r, len(x))
	}
	for i := range x {
		x[i] += float32(level)
	}
	m := float64(b.N * b.Plane)
	mean, variance, inv := make([]float64, b.C), make([]float64, b.C), make([]float64, b.C)
	dScale, dBias := make([]float64, b.C), make([]float64, b.C)
	y, dx, kept := make([]float64, len(x)), make([]float64, len(x)), make([]float64, len(x))
	channel := func(i int) int { return i / b.Plane % b.C }
	for i, v := range x {
		mean[channel(i)] += float64(v) / m
	}
	for i, v := range x {
		variance[channel(i)] += (float64(v) - mean[channel(i)]) * (float64(v) - mean[channel(i)]) / m
	}
	for c, v := range variance {
		inv[c] = 1 / math.Sqrt(v+b.Epsilon)
	}
	team := NewTeam(2)
	per := func() []float32 { return make([]float32, b.C) }
	gotY, gotMean, gotVar, gotInv := random(r, len(x)), per(), per(), per()
	b.Train(team, gotY, x, scale, bias, z, gotMean, gotVar, gotInv)
	for i, v := range x {
		c := channel(i)
		normal := (float64(v) - mean[c]) * inv[c]
		y[i] = normal*float64(scale[c]) + float64(bias[c])
		kept[i] = float64(dy[i])
		if fused {
			y[i] = min(max(y[i]+float64(z[i]), float64(b.Clamp[0])), float64(b.Clamp[1]))
			if !(b.Clamp[0] < gotY[i] && gotY[i] < b.Clamp[1]) {
				kept[i] = 0
			}
		}
		dScale[c] += kept[i] * normal
		dBias[c] += kept[i]
	}
	for i, v := range x {
		c := channel(i)
		dx[i] = float64(scale[c]) * inv[c] * (kept[i] - dBias[c]/m - (float64(v)-mean[c])*inv[c]*dScale[c]/m)
	}
	near(t, "mean", gotMean, mean)
	near(t, "variance", gotVar, variance)
	near(t, "1/deviation", gotInv, inv)
	if level == 0 { // else y is only as good as the float32 mean that it is centred by
		near(t, "y", gotY, y)
	}
	if !fused {
		inferred := random(r, len(x))
		b.Infer(team, inferred, x, scale, bias, gotMean, gotVar)
		near(t, "inference form by the batch's statistics", inferred, asFloat64(gotY))
	}
	gotX, gotScale, gotBias := random(r, len(x)), per(), per()
	var clamped []float32
	if fused {
		clamped = gotY
	}
	b.Grad(team, gotX, gotScale, gotBias, dz, dy, x, scale, gotMean, gotInv, clamped)
	near(t, "dBias", gotBias, dBias)
	if fused {
		near(t, "dz", dz, kept)
		alone := random(r, len(x))
		b.Grad(team, alone, gotScale, gotBias, nil, dy, x, scale, gotMean, gotInv, clamped)
		same(t, "dx without dz", alone, gotX)
		ClampGrad(team, alone, dy, clamped, *b.Clamp)
		same(t, "the clamp's gradient", alone, dz)
	}
	if level == 0 {
		near(t, "dx", gotX, dx)
		near(t, "dScale", gotScale, dScale)
	}
}

func TestLayerNorm(t *testing.T) {
	const rows, n, epsilon = 5, 37, 1e-3
	r := rand.New(rand.NewSource(1))
	x, scale, bias := random(r, rows*n), random(r, n), random(r, n)
	y, mean, inv := make([]float64, len(x)), make([]float64, rows), make([]float64, rows)
	for i := range rows {
		var variance float64
		for _, v := range x[i*n:][:n] {
			mean[i] += float64(v) / n
		}
		for _, v := range x[i*n:][:n] {
			variance += (float64(v) - mean[i]) * (float64(v) - mean[i]) / n
		}
		inv[i] = 1 / math.Sqrt(variance+epsilon)
		for j, v := range x[i*n:][:n] {
			y[i*n+j] = (float64(v)-mean[i])*inv[i]*float64(scale[j]) + float64(bias[j])
		}
	}
	gotMean, gotInv := make([]float32, rows), make([]float32, rows)
	LayerNorm(NewTeam(2), x, x, scale, bias, gotMean, gotInv, rows, n, epsilon)
	near(t, "y", x, y)
	near(t, "mean", gotMean, mean)
	near(t, "1/deviation", gotInv, inv)
}

func asFloat64(x []float32) []float64 {
	d := make([]float64, len(x))
	for i, v := range x {
		d[i] = float64(v)
	}
	return d
}

func BenchmarkBatchNorm(b *testing.B) {
	r := rand.New(rand.NewSource(1))
	x, dy, y := random(r, 1<<21), random(r, 1<<21), random(r, 1<<21)
	team, bn := NewTeam(2), BatchNorm{N: 128, C: 16, Plane: 1024, Epsilon: 1e-5}
	c := func() []float32 { return random(r, 16) }
	scale, bias, mean, variance, inv := c(), c(), c(), c(), c()
	for name, f := range map[string]func(){
		"Train": func() { bn.Train(team, y, x, scale, bias, nil, mean, variance, inv) },
		"Infer": func() { bn.Infer(team, y, x, scale, bias, mean, inv) },
		"Grad":  func() { bn.Grad(team, y, scale, bias, nil, dy, x, scale, mean, inv, nil) },
	} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(4 << 21)
			for b.Loop() {
				f()
			}
		})
	}
}

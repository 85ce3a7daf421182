package kernel

import (
	"fmt"
	"math"
	"math/rand"
	"testing"
)

func TestBatchNorm(t *testing.T) {
	for _, b := range []BatchNorm{{4, 3, 25, 1e-5}, {16, 5, 1, 1e-3}, {1, 2, 8, 1e-5}, {3, 1, 9000, 1e-5}} {
		for _, level := range []float64{0, 1000} {
			t.Run(fmt.Sprintf("%+v around %v", b, level), func(t *testing.T) {
				r := rand.New(rand.NewSource(1))
				x, dy, scale, bias := random(r, b.N*b.C*b.Plane), random(r, b.N*b.C*b.Plane), random(r, b.C), random(r, b.C)
				for i := range x {
					x[i] += float32(level)
				}
				m := float64(b.N * b.Plane)
				mean, variance, inv := make([]float64, b.C), make([]float64, b.C), make([]float64, b.C)
				dScale, dBias := make([]float64, b.C), make([]float64, b.C)
				y, dx := make([]float64, len(x)), make([]float64, len(x))
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
				for i, v := range x {
					c := channel(i)
					normal := (float64(v) - mean[c]) * inv[c]
					y[i] = normal*float64(scale[c]) + float64(bias[c])
					dScale[c] += float64(dy[i]) * normal
					dBias[c] += float64(dy[i])
				}
				for i, v := range x {
					c := channel(i)
					dx[i] = float64(scale[c]) * inv[c] * (float64(dy[i]) - dBias[c]/m - (float64(v)-mean[c])*inv[c]*dScale[c]/m)
				}
				team := NewTeam(2)
				per := func() []float32 { return make([]float32, b.C) }
				gotY, gotMean, gotVar, gotInv := random(r, len(x)), per(), per(), per()
				b.Train(team, gotY, x, scale, bias, gotMean, gotVar, gotInv)
				near(t, "mean", gotMean, mean)
				near(t, "variance", gotVar, variance)
				near(t, "1/deviation", gotInv, inv)
				if level == 0 { // else y is only as good as the float32 mean that it is centred by
					near(t, "y", gotY, y)
				}
				inferred := random(r, len(x))
				b.Infer(team, inferred, x, scale, bias, gotMean, gotVar)
				near(t, "inference form by the batch's statistics", inferred, asFloat64(gotY))
				gotX, gotScale, gotBias := random(r, len(x)), per(), per()
				b.Grad(team, gotX, gotScale, gotBias, dy, x, scale, gotMean, gotInv)
				near(t, "dBias", gotBias, dBias)
				if level == 0 {
					near(t, "dx", gotX, dx)
					near(t, "dScale", gotScale, dScale)
				}
			})
		}
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
	team, bn := NewTeam(2), BatchNorm{128, 16, 1024, 1e-5}
	c := func() []float32 { return random(r, 16) }
	scale, bias, mean, variance, inv := c(), c(), c(), c(), c()
	for name, f := range map[string]func(){
		"Train": func() { bn.Train(team, y, x, scale, bias, mean, variance, inv) },
		"Infer": func() { bn.Infer(team, y, x, scale, bias, mean, inv) },
		"Grad":  func() { bn.Grad(team, y, scale, bias, dy, x, scale, mean, inv) },
	} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(4 << 21)
			for b.Loop() {
				f()
			}
		})
	}
}

package kernel

import (
	"fmt"
	"math/rand"
	"testing"
)

func TestGemm(t *testing.T) {
	for _, g := range []Gemm{
		{Batch: 1, M: 4, N: 16, K: 8}, {Batch: 1, M: 1, N: 1, K: 1}, {Batch: 1, M: 5, N: 17, K: 3},
		{Batch: 1, M: 130, N: 10, K: 300},
		{Batch: 3, M: 7, N: 9, K: 11}, {Batch: 1, M: 300, N: 70, K: 600}, {Batch: 1, M: 64, N: 200, K: 1},
		{Batch: 1, M: 3, N: 5, K: 0},
		{Batch: 4, M: 6, N: 20, K: 5, BatchA: []int{0, 0, 1, 1}, BatchB: []int{0, 1, 0, 1}},
	} {
		for _, trans := range [][2]bool{{false, false}, {false, true}, {true, false}, {true, true}} {
			g.TransA, g.TransB = trans[0], trans[1]
			t.Run(fmt.Sprintf("%d×[%d,%d,%d] %v", g.Batch, g.M, g.N, g.K, trans), func(t *testing.T) {
				eachWay(t, func(t *testing.T) {
					r := rand.New(rand.NewSource(1))
					a, b, c := random(r, g.Batch*g.M*g.K), random(r, g.Batch*g.K*g.N), random(r, g.Batch*g.M*g.N)
					want := make([]float64, len(c))
					for n := range g.Batch {
						na, nb := n, n
						if g.BatchA != nil {
							na, nb = g.BatchA[n], g.BatchB[n]
						}
						for i := range g.M {
							for j := range g.N {
								at := (n*g.M+i)*g.N + j
								want[at] = float64(c[at])
								for k := range g.K {
									x, y := i*g.K+k, k*g.N+j
									if g.TransA {
										x = k*g.M + i
									}
									if g.TransB {
										y = j*g.K + k
									}
									want[at] += float64(a[na*g.M*g.K+x]) * float64(b[nb*g.K*g.N+y])
								}
							}
						}
					}
					one := append([]float32(nil), c...)
					NewGemm(g).AddTo(NewTeam(1), one, a, b)
					near(t, "c", one, want)
					NewGemm(g).AddTo(NewTeam(3), c, a, b)
					same(t, "c by 3 threads", c, one)
				})
			})
		}
	}
}

func BenchmarkGemm(b *testing.B) {
	for _, g := range []Gemm{
		{Batch: 1, M: 512, N: 512, K: 512}, {Batch: 1, M: 128, N: 256, K: 784, TransB: true},
		{Batch: 1, M: 256, N: 784, K: 128, TransA: true},
		{Batch: 1, M: 128, N: 10, K: 64, TransB: true}, {Batch: 64, M: 64, N: 64, K: 64},
	} {
		b.Run(fmt.Sprintf("%d×[%d,%d,%d]", g.Batch, g.M, g.N, g.K), func(b *testing.B) {
			r := rand.New(rand.NewSource(1))
			x, y, c := random(r, g.Batch*g.M*g.K), random(r, g.Batch*g.K*g.N), random(r, g.Batch*g.M*g.N)
			p, team := NewGemm(g), NewTeam(2)
			for b.Loop() {
				p.AddTo(team, c, x, y)
			}
			b.ReportMetric(float64(b.N)*2*float64(g.Batch*g.M*g.N*g.K)/b.Elapsed().Seconds()/1e9, "GF/s")
		})
	}
}

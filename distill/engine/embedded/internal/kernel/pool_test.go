package kernel

import (
	"fmt"
	"math"
	"math/rand"
	"testing"
)

func pool(planes, h, w, kh, kw, sh, sw, dh, dw, pt, pl, pb, pr int) PoolShape {
	return PoolShape{Planes: planes, H: h, W: w, KH: kh, KW: kw, SH: sh, SW: sw, DH: dh, DW: dw, PT: pt, PL: pl, PB: pb,
		PR: pr,
		OH: (h+pt+pb-dh*(kh-1)-1)/sh + 1, OW: (w+pl+pr-dw*(kw-1)-1)/sw + 1}
}

func TestPool(t *testing.T) {
	ceil := pool(2, 6, 6, 3, 3, 2, 2, 1, 1, 0, 0, 0, 0)
	ceil.OH, ceil.OW = 3, 3 // as ceil_mode rounds: the last windows reach past the input
	for _, s := range []PoolShape{
		pool(3, 8, 8, 2, 2, 2, 2, 1, 1, 0, 0, 0, 0), pool(3, 9, 7, 3, 3, 2, 2, 1, 1, 1, 1, 1, 1),
		pool(2, 5, 6, 2, 3, 1, 1, 1, 1, 0, 1, 1, 1),
		pool(2, 9, 9, 3, 2, 1, 2, 2, 3, 1, 0, 2, 1), pool(50, 1, 30, 1, 4, 1, 3, 1, 1, 0, 2, 0, 2),
		pool(4, 6, 5, 6, 5, 1, 1, 1, 1, 0, 0, 0, 0), ceil,
	} {
		for _, countPad := range []bool{false, true} {
			t.Run(fmt.Sprintf("%+v %v", s, countPad), func(t *testing.T) {
				r := rand.New(rand.NewSource(1))
				x, dy := make([]float32, s.Planes*s.H*s.W), random(r, s.Planes*s.OH*s.OW)
				for i := range x {
					x[i] = float32(r.Intn(5)-2) * 0.5 // so that there are ties
					if x[i] == 0 && i%2 == 0 {
						x[i] = float32(math.Copysign(0, -1))
					}
				}
				most, mostGrad := make([]float64, len(dy)), make([]float64, len(x))
				mean, meanGrad := make([]float64, len(dy)), make([]float64, len(x))
				index := make([]int64, len(dy))
				for p := range s.Planes {
					for oh := range s.OH {
						for ow := range s.OW {
							o := (p*s.OH+oh)*s.OW + ow
							var inside []int
							count := 0
							for kh := range s.KH {
								for kw := range s.KW {
									h, w := oh*s.SH+kh*s.DH-s.PT, ow*s.SW+kw*s.DW-s.PL
									if h >= 0 && h < s.H && w >= 0 && w < s.W {
										inside = append(inside, (p*s.H+h)*s.W+w)
									}
									if h < s.H+s.PB && w < s.W+s.PR {
										count++
									}
								}
							}
							if !countPad {
								count = len(inside)
							}
							best := inside[0]
							for _, i := range inside {
								if x[i] > x[best] {
									best = i
								}
								mean[o] += float64(x[i]) / float64(count)
								meanGrad[i] += float64(dy[o]) / float64(count)
							}
							most[o], index[o] = float64(x[best]), int64(best)
							mostGrad[best] += float64(dy[o])
						}
					}
				}
				team, pl := NewTeam(2), NewPool(s)
				y, dx, at := random(r, len(dy)), random(r, len(x)), make([]int64, len(dy))
				pl.Max(team, y, at, x)
				near(t, "maximum", y, most)
				for i := range at {
					if at[i] != index[i] {
						t.Fatalf("index of window %d is %d, want %d", i, at[i], index[i])
					}
				}
				y = random(r, len(y))
				pl.Max(team, y, nil, x)
				near(t, "maximum without indices", y, most)
				pl.MaxGrad(team, dx, dy, x)
				near(t, "gradient of the maximum", dx, mostGrad)
				shares := pl.Shares(countPad)
				pl.Average(team, y, x, shares)
				near(t, "average", y, mean)
				pl.AverageGrad(team, dx, dy, shares)
				near(t, "gradient of the average", dx, meanGrad)
			})
		}
	}
}

func BenchmarkMaxPool(b *testing.B) {
	r := rand.New(rand.NewSource(1))
	x, dx, y := random(r, 1<<21), random(r, 1<<21), random(r, 1<<19)
	team, pl := NewTeam(2), NewPool(pool(128*16, 32, 32, 2, 2, 2, 2, 1, 1, 0, 0, 0, 0))
	for name, f := range map[string]func(){
		"forward":  func() { pl.Max(team, y, nil, x) },
		"gradient": func() { pl.MaxGrad(team, dx, y, x) },
	} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(4 << 21)
			for b.Loop() {
				f()
			}
		})
	}
}

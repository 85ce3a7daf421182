package kernel

import (
	"fmt"
	"math"
	"math/rand"
	"testing"
)

// terms calls f for each product of a convolution, with the offsets into y, w and x.
func terms(s ConvShape, f func(iy, iw, ix int)) {
	c, o := s.C/s.Groups, s.O/s.Groups
	for n := range s.N {
		for oc := range s.O {
			for oh := range s.OH {
				for ow := range s.OW {
					for ic := range c {
						for kh := range s.KH {
							for kw := range s.KW {
								ih, iw := oh*s.SH+kh*s.DH-s.PT, ow*s.SW+kw*s.DW-s.PL
								if ih < 0 || ih >= s.H || iw < 0 || iw >= s.W {
									continue
								}
								f(((n*s.O+oc)*s.OH+oh)*s.OW+ow, ((oc*c+ic)*s.KH+kh)*s.KW+kw, ((n*s.C+oc/o*c+ic)*s.H+ih)*s.W+iw)
							}
						}
					}
				}
			}
		}
	}
}

// shape gives a convolution with these pads, output extents following from them.
func shape(n, c, h, w, o, groups, kh, kw, sh, sw, dh, dw, pt, pl, pb, pr int) ConvShape {
	return ConvShape{N: n, C: c, H: h, W: w, O: o, Groups: groups, KH: kh, KW: kw, SH: sh, SW: sw, DH: dh, DW: dw, PT: pt,
		PL: pl,
		OH: (h+pt+pb-dh*(kh-1)-1)/sh + 1, OW: (w+pl+pr-dw*(kw-1)-1)/sw + 1}
}

var convShapes = map[string]ConvShape{
	"3x3 same":           shape(2, 3, 8, 8, 5, 1, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1),
	"3x3 wide":           shape(1, 16, 32, 32, 16, 1, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1),
	"3x3 many positions": shape(20, 4, 20, 20, 8, 1, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1),
	"3x3 odd extents":    shape(3, 5, 7, 9, 6, 1, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1),
	"3x3 valid":          shape(2, 4, 10, 10, 7, 1, 3, 3, 1, 1, 1, 1, 0, 0, 0, 0),
	"3x3 valid partial":  shape(2, 4, 9, 9, 7, 1, 3, 3, 1, 1, 1, 1, 0, 0, 0, 0),
	"1x1":                shape(2, 12, 4, 4, 20, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0),
	"1x1 odd plane":      shape(2, 12, 7, 7, 20, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0),
	"1x1 stride 2":       shape(2, 6, 8, 8, 12, 1, 1, 1, 2, 2, 1, 1, 0, 0, 0, 0),
	"3x3 stride 2":       shape(2, 6, 9, 8, 12, 1, 3, 3, 2, 2, 1, 1, 1, 1, 1, 1),
	"7x7 stride 2":       shape(1, 3, 19, 23, 4, 1, 7, 7, 2, 2, 1, 1, 3, 3, 3, 3),
	"stride 3x2":         shape(2, 2, 11, 13, 3, 1, 2, 5, 3, 2, 1, 1, 1, 0, 0, 2),
	"stride over kernel": shape(2, 2, 11, 11, 3, 1, 2, 2, 4, 4, 1, 1, 0, 0, 0, 0),
	"dilated":            shape(2, 3, 12, 11, 4, 1, 3, 3, 1, 1, 2, 3, 2, 3, 2, 3),
	"dilated stride":     shape(2, 3, 12, 11, 4, 1, 3, 2, 2, 3, 3, 2, 2, 1, 0, 3),
	"asymmetric":         shape(2, 3, 8, 8, 4, 1, 4, 2, 1, 1, 1, 1, 0, 1, 3, 0),
	"pad over kernel":    shape(1, 2, 4, 4, 3, 1, 1, 1, 1, 1, 1, 1, 2, 2, 2, 2),
	"grouped":            shape(2, 8, 8, 8, 12, 4, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1),
	"depthwise":          shape(3, 6, 9, 9, 6, 6, 3, 3, 2, 2, 1, 1, 1, 1, 1, 1),
	"depthwise doubling": shape(2, 6, 8, 8, 12, 6, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1),
	"one-dimensional":    shape(2, 3, 1, 30, 4, 1, 1, 5, 1, 2, 1, 1, 0, 2, 0, 2),
	"one channel":        shape(5, 1, 8, 8, 1, 1, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1),
	"output of 1x1":      shape(4, 8, 4, 4, 33, 1, 4, 4, 1, 1, 1, 1, 0, 0, 0, 0),
	"strips":             shape(1, 16, 70, 61, 5, 1, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1),
	"strips, stride 2":   shape(2, 24, 90, 81, 8, 1, 3, 3, 2, 2, 1, 1, 1, 1, 1, 1),
	"strips of 1x1":      shape(1, 40, 64, 48, 30, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0),
	"wide padding":       shape(1, 2, 5, 20, 3, 1, 1, 40, 1, 1, 1, 1, 0, 30, 0, 30),
	"minimal":            shape(3, 24, 9, 13, 25, 1, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1),
	"minimal, few rows":  shape(7, 26, 8, 8, 24, 1, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1),
	"minimal, strips":    shape(1, 32, 66, 70, 26, 1, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1),
	"minimal, groups":    shape(2, 48, 10, 10, 52, 2, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1),
	"minimal, valid":     shape(2, 24, 12, 11, 24, 1, 3, 3, 1, 1, 1, 1, 0, 0, 0, 0),
	"minimal, padded":    shape(2, 24, 9, 8, 24, 1, 3, 3, 1, 1, 1, 1, 3, 0, 1, 4),
	"patches":            shape(11, 3, 12, 12, 5, 1, 6, 6, 6, 6, 1, 1, 0, 0, 0, 0),
	"few positions":      shape(9, 6, 3, 2, 14, 2, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1),
	"one position":       shape(70, 12, 1, 1, 7, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0),
	"rows left unread":   shape(1, 2, 10, 10, 4, 1, 2, 2, 3, 3, 1, 1, 0, 0, 0, 0),
}

func TestConv(t *testing.T) {
	for name, s := range convShapes {
		t.Run(name, func(t *testing.T) {
			eachWay(t, func(t *testing.T) {
				r := rand.New(rand.NewSource(1))
				x, w := random(r, s.N*s.C*s.H*s.W), random(r, s.O*s.C/s.Groups*s.KH*s.KW)
				dy, bias := random(r, s.N*s.O*s.OH*s.OW), random(r, s.O)
				y, dx, dw := make([]float64, len(dy)), make([]float64, len(x)), make([]float64, len(w))
				for i := range y {
					y[i] = float64(bias[i/(s.OH*s.OW)%s.O])
				}
				terms(s, func(iy, iw, ix int) {
					y[iy] += float64(w[iw]) * float64(x[ix])
					dx[ix] += float64(w[iw]) * float64(dy[iy])
					dw[iw] += float64(x[ix]) * float64(dy[iy])
				})
				var before [][]float32
				for _, threads := range []int{1, 3} {
					team, cv := NewTeam(threads), NewConv(s)
					gotY, gotX, gotW := random(r, len(y)), random(r, len(x)), random(r, len(w))
					cv.Forward(team, gotY, x, w, Epilogue{Bias: bias})
					cv.GradInput(team, gotX, dy, w, nil)
					cv.GradWeight(team, gotW, dy, x)
					near(t, "y", gotY, y)
					checkEpilogue(t, team, cv, x, w, bias, y)
					near(t, "dx", gotX, dx)
					cv.GradInput(team, gotX, dy, w, gotX)
					for i := range dx {
						dx[i] *= 2
					}
					near(t, "dx and itself", gotX, dx)
					for i := range dx {
						dx[i] /= 2
					}
					near(t, "dw", gotW, dw)
					if before != nil {
						same(t, "y by 3 threads", gotY, before[0])
						same(t, "dx by 3 threads", gotX, before[1])
						same(t, "dw by 3 threads", gotW, before[2])
					}
					before = [][]float32{gotY, gotX, gotW}
				}
			})
		})
	}
}

// Weights too many for several chunks of sums by Winograd's transforms are taken as others are.
func TestManyWeights(t *testing.T) {
	for _, c := range []int{24, 300, 1200} {
		cv := NewConv(shape(8, c, 8, 8, c, 1, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1))
		if got := cv.minimalWeight != nil; got != (c == 24) {
			t.Errorf("%d channels: transformed %v", c, got)
		}
	}
}

// checkEpilogue adds what the result's memory holds, and clamps; y is the convolution without.
func checkEpilogue(t *testing.T, team *Team, cv *Conv, x, w, bias []float32, y []float64) {
	t.Helper()
	bounds := [2]float32{-1, 2}
	got := random(rand.New(rand.NewSource(2)), len(y))
	want := make([]float64, len(y))
	for i, v := range got {
		want[i] = min(max(y[i]+float64(v), -1), 2)
	}
	frozen := *cv
	frozen.Freeze(w)
	frozen.Forward(team, got, x, nil, Epilogue{Bias: bias, Add: got, Clamp: &bounds})
	scale := 1.0 // of the sums
	for _, v := range y {
		scale = max(scale, math.Abs(v))
	}
	for i, v := range want {
		if !(math.Abs(float64(got[i])-v) <= tolerance*scale) {
			t.Fatalf("clamped: element %d is %v, want %v", i, got[i], v)
		}
	}
}

func BenchmarkConv(b *testing.B) {
	for _, s := range []ConvShape{
		shape(128, 3, 32, 32, 16, 1, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1),
		shape(128, 16, 32, 32, 16, 1, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1),
		shape(128, 16, 32, 32, 32, 1, 3, 3, 2, 2, 1, 1, 1, 1, 1, 1),
		shape(128, 32, 16, 16, 32, 1, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1),
		shape(128, 64, 8, 8, 64, 1, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1),
		shape(64, 64, 16, 16, 64, 1, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1),
		shape(64, 64, 16, 16, 64, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0),
		shape(128, 12, 8, 8, 12, 1, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1),
		shape(128, 24, 4, 4, 24, 1, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1),
		shape(64, 64, 16, 16, 64, 64, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1),
		shape(128, 3, 32, 32, 48, 1, 16, 16, 16, 16, 1, 1, 0, 0, 0, 0),
		shape(128, 64, 2, 2, 64, 1, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1),
		shape(128, 96, 1, 1, 24, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0),
	} {
		r := rand.New(rand.NewSource(1))
		x, w := random(r, s.N*s.C*s.H*s.W), random(r, s.O*s.C/s.Groups*s.KH*s.KW)
		y := random(r, s.N*s.O*s.OH*s.OW)
		team, cv := NewTeam(2), NewConv(s)
		run := func(what string, f func()) {
			b.Run(fmt.Sprintf("%d→%d %d×%d/%d g%d %dx%d %s", s.C, s.O, s.H, s.W, s.SH, s.Groups, s.KH, s.KW, what),
				func(b *testing.B) {
					for b.Loop() {
						f()
					}
					b.ReportMetric(float64(b.N)*2*float64(len(y)*s.C/s.Groups*s.KH*s.KW)/b.Elapsed().Seconds()/1e9, "GF/s")
				})
		}
		run("forward", func() { cv.Forward(team, y, x, w, Epilogue{}) })
		run("input", func() { cv.GradInput(team, x, y, w, nil) })
		run("weight", func() { cv.GradWeight(team, w, y, x) })
	}
}

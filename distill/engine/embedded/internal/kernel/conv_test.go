package kernel

import (
	"fmt"
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
	"rows left unread":   shape(1, 2, 10, 10, 4, 1, 2, 2, 3, 3, 1, 1, 0, 0, 0, 0),
}

func TestConv(t *testing.T) {
	for name, s := range convShapes {
		t.Run(name, func(t *testing.T) {
			withoutAssembly(t, func(t *testing.T) {
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
					cv.Forward(team, gotY, x, w, bias)
					cv.GradInput(team, gotX, dy, w)
					cv.GradWeight(team, gotW, dy, x)
					near(t, "y", gotY, y)
					near(t, "dx", gotX, dx)
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
		run("forward", func() { cv.Forward(team, y, x, w, nil) })
		run("input", func() { cv.GradInput(team, x, y, w) })
		run("weight", func() { cv.GradWeight(team, w, y, x) })
	}
}

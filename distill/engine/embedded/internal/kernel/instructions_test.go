package kernel

import (
	"fmt"
	"testing"
)

func BenchmarkTile(b *testing.B) {
	for _, by := range available() {
		for _, rows := range []int{1, 4, by.rows} {
			for _, k := range []int{9, 144, 576} {
				columns := by.columns(rows)
				b.Run(fmt.Sprintf("%s/%d×%d×%d", by.name, rows, columns, k), func(b *testing.B) {
					x, y, w := make([]float32, k*columns), make([]float32, rows*columns), make([]float32, k*rows)
					taps := multiples(k, columns)
					t := &tile{x: &x[0], y: &y[0], w: &w[0], taps: &taps[0], k: k, pitch: columns, step: rows, bias: &noBias[0]}
					for b.Loop() {
						by.run(t, rows, columns)
					}
					b.ReportMetric(float64(b.N)*2*float64(rows*columns*k)/b.Elapsed().Seconds()/1e9, "GF/s")
				})
			}
		}
	}
}

func BenchmarkDots(b *testing.B) {
	for _, by := range available() {
		for _, n := range []int{64, 1000} {
			rows, taps := by.dotRows, multiples(by.dotTaps, n)
			b.Run(fmt.Sprintf("%s/%d×%d×%d", by.name, rows, len(taps), n), func(b *testing.B) {
				x, d, sums := make([]float32, len(taps)*n), make([]float32, rows*n), make([]float32, rows*len(taps))
				t := &dots{x: &x[0], d: &d[0], sums: &sums[0], pitch: n, sumPitch: len(taps), runs: 1}
				for b.Loop() {
					by.sum(t, rows, n, taps)
				}
				b.ReportMetric(float64(b.N)*2*float64(rows*len(taps)*n)/b.Elapsed().Seconds()/1e9, "GF/s")
			})
		}
	}
}

package kernel

import "testing"

func BenchmarkTile(b *testing.B) {
	const k = 256
	t := tile{a: make([]float32, 4*k), b: make([]float32, 16*k), c: make([]float32, 64), ak: make([]int, k),
		bk: make([]int, k)}
	for i := range k {
		t.ak[i] = i
		t.bk[i] = 16 * i
	}
	t.ai, t.ci = [4]int{0, k, 2 * k, 3 * k}, [4]int{0, 16, 32, 48}
	t.bj, t.cj = adjacent(0), adjacent(0)
	for b.Loop() {
		t.run()
	}
	b.ReportMetric(float64(b.N)*2*k*64/b.Elapsed().Seconds()/1e9, "GF/s")
}

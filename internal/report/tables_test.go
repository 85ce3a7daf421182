package report

import "testing"

func TestBenchmarkTable(t *testing.T) {
	got := BenchmarkTable([]*Benchmark{
		{Model: "a.onnx", Engine: "ort", Batch: 1, Threads: 2, P50: 1.5, P90: 2, ImagesPerSecond: 666.6},
		{Model: "b.onnx", Engine: "embedded", Batch: 64, Threads: 2, P50: 10, P90: 12.3456, ImagesPerSecond: 6400,
			Training: true, Memory: MemoryUsage{Loaded: 1_600_000, Peak: 12_000_000}},
	})
	const want = `              model    engine  batch  threads  p50 ms  p90 ms  images/s  loaded MB  peak MB
             a.onnx       ort      1        2   1.500   2.000       667          -        -
  b.onnx (training)  embedded     64        2  10.000  12.346      6400          2       12
`
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestVerdicts(t *testing.T) {
	all := []Verdict{
		{Path: "a.onnx", Verdict: "plannable", Why: "macs=0.5x"},
		{Path: "b.onnx", Verdict: "declined", Why: "an op\nof shape a|b"},
	}
	const want = `| model | verdict | reached, or why not |
|---|---|---|
| a.onnx | plannable | macs=0.5x |
| b.onnx | declined | an op; of shape a\|b |
`
	if got := VerdictTable(all); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	const counts = "2 models: 1 plannable, 0 accepted only, 1 declined"
	if got := VerdictCounts(all); got != counts {
		t.Errorf("%q, want %q", got, counts)
	}
}

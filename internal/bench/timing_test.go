package bench

import (
	"errors"
	"math"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ildc/ildc/internal/report"
)

func TestTimingEnough(t *testing.T) {
	for _, c := range []struct {
		name  string
		t     Timing
		n     int
		total time.Duration
		want  bool
	}{
		{"fewer than the steps, though it took long", Timing{Steps: 3, Time: time.Second}, 2, time.Hour, false},
		{"the steps, though it took no time", Timing{Steps: 3, Time: time.Second}, 3, 0, true},
		{"a single step", Timing{Steps: 1}, 1, 0, true},
		{"four runs that took long", Timing{Time: time.Second}, 4, time.Hour, false},
		{"five runs of less than the time", Timing{Time: time.Second}, 5, time.Second - 1, false},
		{"five runs of the time", Timing{Time: time.Second}, 5, time.Second, true},
		{"nothing yet", Timing{Time: 1}, 0, 0, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := c.t.enough(c.n, c.total); got != c.want {
				t.Errorf("%v, want %v", got, c.want)
			}
		})
	}
}

// Runs are numbered through, those for warm-up first, and only the later ones are counted.
func TestMeasureCounts(t *testing.T) {
	for _, c := range []struct {
		name     string
		t        Timing
		runs     int // in all
		measured int
	}{
		{"steps", Timing{Warmup: 2, Steps: 4}, 6, 4},
		{"the default warm-up", Timing{Steps: 1}, 4, 1},
		{"the least number", Timing{Warmup: 1, Time: 1}, 6, 5},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got, want []int
			b := &report.Benchmark{Batch: 3}
			if err := measure(b, c.t, func(i int) error { got = append(got, i); return nil }); err != nil {
				t.Fatal(err)
			}
			for i := range c.runs {
				want = append(want, i)
			}
			if !slices.Equal(got, want) || b.Steps != c.measured {
				t.Errorf("runs %v, of which %d are counted; want %d of %d", got, b.Steps, c.measured, c.runs)
			}
		})
	}
}

// Runs are measured until the time is over, which is not counted while warming up.
func TestMeasureTime(t *testing.T) {
	const each, all = 2 * time.Millisecond, 30 * time.Millisecond
	b := &report.Benchmark{Batch: 8}
	if err := measure(b, Timing{Warmup: 1, Time: all}, func(int) error { time.Sleep(each); return nil }); err != nil {
		t.Fatal(err)
	}
	// A sleep is never shorter than it says, and may be much longer.
	most := int(all / each)
	if b.Steps < leastRuns || b.Steps > most || b.P50 < 2 || b.P90 < b.P50 {
		t.Errorf("%d runs, at the most %d; median %g ms, 9 of 10 within %g ms", b.Steps, most, b.P50, b.P90)
	}
	if most := 8 / each.Seconds(); !(b.ImagesPerSecond > 0 && b.ImagesPerSecond <= most) {
		t.Errorf("%g images/s, at the most %g", b.ImagesPerSecond, most)
	}
}

func TestMeasureMemory(t *testing.T) {
	for steps, tenths := range map[int]int{9: 0, 10: 10, 25: 10} {
		b := &report.Benchmark{Batch: 1}
		if err := measure(b, Timing{Warmup: 1, Steps: steps}, func(int) error { return nil }); err != nil {
			t.Fatal(err)
		}
		if len(b.Memory.Tenths) != tenths {
			t.Errorf("%d steps: %d tenths, want %d", steps, len(b.Memory.Tenths), tenths)
		}
		m := b.Memory
		if runtime.GOOS == "linux" && (m.Loaded <= 0 || m.End <= 0 || m.Loading < m.Loaded || m.Peak < m.End) {
			t.Errorf("%d steps: %+v", steps, m)
		}
	}
}

func TestMeasureErrors(t *testing.T) {
	third := errors.New("the third")
	for what, c := range map[string]Timing{
		"while warming up": {Warmup: 3, Steps: 1}, "while measuring": {Warmup: 1, Steps: 9},
	} {
		runs := 0
		err := measure(&report.Benchmark{}, c, func(i int) error {
			if runs++; i == 2 {
				return third
			}
			return nil
		})
		if !errors.Is(err, third) || runs != 3 {
			t.Errorf("%s: %d runs, %v", what, runs, err)
		}
	}
	for _, negative := range []Timing{{Warmup: -1}, {Steps: -1}, {Time: -1}} {
		err := measure(&report.Benchmark{}, negative, func(int) error { t.Error("it is run"); return third })
		if err == nil || !strings.Contains(err.Error(), "negative") {
			t.Errorf("%+v: %v", negative, err)
		}
	}
}

// By the nearest rank, a percentile of n values is the ⌈n·percent/100⌉-th.
func TestPercentile(t *testing.T) {
	for _, c := range []struct {
		n, percent int
		want       float64 // of 1 ms, 2 ms … n ms
	}{
		{1, 50, 1}, {1, 90, 1}, {2, 50, 1}, {3, 50, 2}, {4, 50, 2}, {5, 50, 3}, {5, 90, 5},
		{9, 90, 9}, {10, 90, 9}, {11, 90, 10}, {100, 50, 50}, {100, 90, 90}, {100, 100, 100}, {7, 1, 1},
	} {
		var sorted []time.Duration
		for i := range c.n {
			sorted = append(sorted, time.Duration(i+1)*time.Millisecond)
		}
		if got := percentile(sorted, c.percent); got != c.want {
			t.Errorf("%d %% of %d: %g ms, want %g", c.percent, c.n, got, c.want)
		}
	}
	if got := percentile([]time.Duration{1500 * time.Nanosecond}, 50); math.Abs(got-0.0015) > 1e-15 {
		t.Errorf("%g ms, want 0.0015", got)
	}
}

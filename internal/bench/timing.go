package bench

import (
	"cmp"
	"errors"
	"runtime/debug"
	"slices"
	"time"

	"github.com/ildc/ildc/internal/machine"
	"github.com/ildc/ildc/internal/report"
)

// Timing says how long to measure.
type Timing struct {
	Warmup int           // runs before the measured ones; default 3
	Steps  int           // measured runs; 0: Time says
	Time   time.Duration // of the measured runs, of which there are at least 5; default 3 s
}

const (
	defaultWarmup = 3
	defaultTime   = 3 * time.Second
	leastRuns     = 5
)

// enough says whether n runs that took total have been measured.
func (t Timing) enough(n int, total time.Duration) bool {
	if t.Steps > 0 {
		return n >= t.Steps
	}
	return n >= leastRuns && total >= t.Time
}

// measure times run(0), run(1) and so on, the first ones for warm-up, and writes what it has found into b.
func measure(b *report.Benchmark, t Timing, run func(i int) error) error {
	if t.Warmup < 0 || t.Steps < 0 || t.Time < 0 {
		return errors.New("ildc: a benchmark of negative length")
	}
	t.Warmup, t.Time = cmp.Or(t.Warmup, defaultWarmup), cmp.Or(t.Time, defaultTime)
	debug.FreeOSMemory() // what loading has left behind is not what runs need
	b.Memory.Loaded, b.Memory.Loading = machine.ResidentMemory()
	reset := machine.ResetPeak()
	for i := range t.Warmup {
		if err := run(i); err != nil {
			return err
		}
	}
	var total time.Duration
	var each []time.Duration
	for !t.enough(len(each), total) {
		start := time.Now()
		if err := run(t.Warmup + len(each)); err != nil {
			return err
		}
		each = append(each, time.Since(start))
		total += each[len(each)-1]
		if t.Steps >= 10 && len(each)*10/t.Steps > (len(each)-1)*10/t.Steps {
			now, _ := machine.ResidentMemory()
			b.Memory.Tenths = append(b.Memory.Tenths, now)
		}
	}
	b.Memory.End, b.Memory.Peak = machine.ResidentMemory()
	if !reset { // it may have been reached before the first run
		b.Memory.Loading = b.Memory.Peak
	}
	slices.Sort(each)
	b.Steps = len(each)
	b.P50, b.P90 = percentile(each, 50), percentile(each, 90)
	b.ImagesPerSecond = float64(b.Steps*b.Batch) / total.Seconds()
	return nil
}

// percentile is one of sorted durations, by the nearest rank, in milliseconds.
func percentile(sorted []time.Duration, percent int) float64 {
	rank := (len(sorted)*percent + 99) / 100
	return float64(sorted[rank-1]) / float64(time.Millisecond)
}

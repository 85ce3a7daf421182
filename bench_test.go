package ildc_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/ildc/ildc"
	"github.com/ildc/ildc/distill"
	"github.com/ildc/ildc/distill/dataset"
	"github.com/ildc/ildc/distill/loss"
	"github.com/ildc/ildc/exporter"
	"github.com/ildc/ildc/internal/shared"
)

// digits is a teacher; small is one of a twentieth of it, for what does not depend on a teacher's size; smallFolded
// has batch norm folded.
const (
	digits      = "testdata/digits/teacher.onnx"
	small       = "testdata/digits/small.onnx"
	smallFolded = "testdata/digits/small_folded.onnx"
)

func digitsData() ildc.Data {
	return ildc.Data{Path: "testdata/digits/data", Preprocess: dataset.Preprocess{Scale: 1. / 16}}
}

// checkBenchmark says what of a measurement cannot be.
func checkBenchmark(t *testing.T, b *ildc.Benchmark) {
	t.Helper()
	if !(b.P50 > 0) || b.P90 < b.P50 || !(b.ImagesPerSecond > 0) {
		t.Errorf("p50 %v ms, p90 %v ms, %v images/s", b.P50, b.P90, b.ImagesPerSecond)
	}
	// A run at the median time gives the rate within the spread of the runs: at most ten times off would be a wrong unit.
	if rate := float64(b.Batch) / b.P50 * 1000; rate > 10*b.ImagesPerSecond || rate < b.ImagesPerSecond/10 {
		t.Errorf("p50 %v ms of %d images, and %v images/s", b.P50, b.Batch, b.ImagesPerSecond)
	}
	m := b.Memory
	if runtime.GOOS == "linux" &&
		(m.Loaded <= 0 || m.End <= 0 || m.Peak < m.End || m.Peak < m.Loaded || m.Loading < m.Loaded) {
		t.Errorf("memory %+v", m)
	}
}

func TestBench(t *testing.T) {
	ctx := context.Background()
	for _, c := range []struct {
		name  string
		o     ildc.BenchOptions
		batch int
		least int
	}{
		{"by steps", ildc.BenchOptions{Timing: ildc.Timing{Steps: 20}}, 1, 20},
		{"by time, on data", ildc.BenchOptions{Batch: 8, Data: digitsData(),
			Timing: ildc.Timing{Time: time.Millisecond}}, 8, 5},
		{"more than the data has", ildc.BenchOptions{Batch: 3000, Data: digitsData(),
			Timing: ildc.Timing{Steps: 1, Warmup: 1}}, 3000, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.o.Model = ildc.File(small)
			b, err := ildc.Bench(ctx, c.o)
			if err != nil {
				t.Fatal(err)
			}
			checkBenchmark(t, b)
			if b.Model != small || b.Training || b.Engine != "embedded" || b.Batch != c.batch ||
				b.Steps < c.least || b.Threads < 1 || b.Device != "cpu" {
				t.Errorf("%+v", b)
			}
			if c.o.Timing.Steps >= 10 && len(b.Memory.Tenths) != 10 && runtime.GOOS == "linux" {
				t.Errorf("%d tenths", len(b.Memory.Tenths))
			}
		})
	}
	if _, err := ildc.Bench(ctx, ildc.BenchOptions{Model: ildc.File(digits), Timing: ildc.Timing{Steps: -1}}); err == nil {
		t.Error("a negative number of steps is accepted")
	}
	cancelled, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := ildc.Bench(cancelled, ildc.BenchOptions{Model: ildc.File(digits)}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

// A benchmark of the student that another one wrote takes the same step: with the same pairs, terms and first losses,
// but for the connectors, which know the kept channels in the first case only.
func TestBenchTraining(t *testing.T) {
	shared.Long(t)
	ctx := context.Background()
	images := filepath.Join(t.TempDir(), "batch.npy")
	writeImages(t, images, 16)
	o := ildc.Options{Teacher: ildc.File(small), Data: ildc.Data{Path: images}, Budget: "macs=0.5x",
		Train: distill.Options{Batch: 16, Losses: loss.Weights{"kd": 1, "at": 1}}}
	first, err := ildc.BenchTraining(ctx, o, ildc.Timing{Steps: 10})
	if err != nil {
		t.Fatal(err)
	}
	checkBenchmark(t, first)
	if !first.Training || first.Batch != 16 || first.Steps != 10 || len(first.Losses) != 2 || len(first.Pairs) == 0 {
		t.Errorf("%+v", first)
	}
	if s := first.Sides; 2*s.Student.MACs > s.Teacher.MACs || s.Student.Params == 0 {
		t.Errorf("sides %+v", s)
	}
	if !(first.Last["total"] < first.First["total"]) {
		t.Errorf("the loss on one batch goes from %v to %v", first.First, first.Last)
	}
	student, err := exporter.Marshal(first.Student, exporter.Options{})
	if err != nil {
		t.Fatal(err)
	}
	o.Budget, o.Student = "", ildc.Bytes(student)
	second, err := ildc.BenchTraining(ctx, o, ildc.Timing{Steps: 1})
	if err != nil {
		t.Fatal(err)
	}
	for term, loss := range first.First {
		if second.First[term] != loss {
			t.Errorf("%s: %v, and %v of the same student from a file", term, loss, second.First[term])
		}
	}
	o.Memory = 1000
	_, err = ildc.BenchTraining(ctx, o, ildc.Timing{Steps: 1})
	if !errors.Is(err, ildc.ErrMemory) || !strings.Contains(err.Error(), "batch of 1") {
		t.Errorf("with 1,000 bytes of memory: %v", err)
	}
}

// writeImages writes numbers [n,1,8,8] from 0 to 1 as .npy.
func writeImages(t *testing.T, path string, n int) {
	t.Helper()
	header := fmt.Sprintf("{'descr': '<f4', 'fortran_order': False, 'shape': (%d, 1, 8, 8), }", n)
	header += strings.Repeat(" ", 117-len(header)) + "\n"
	data := append([]byte("\x93NUMPY\x01\x00"), byte(len(header)), 0)
	data = append(data, header...)
	for i := range n * 64 {
		data = binary.LittleEndian.AppendUint32(data, math.Float32bits(float32(i*i%17)/16))
	}
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
}

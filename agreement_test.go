package ildc_test

import (
	"maps"
	"math"
	"slices"
	"testing"

	"github.com/ildc/ildc"
	"github.com/ildc/ildc/distill"
	"github.com/ildc/ildc/distill/engine"
	"github.com/ildc/ildc/distill/engine/embedded"
	"github.com/ildc/ildc/distill/loss"
	"github.com/ildc/ildc/exporter"
	"github.com/ildc/ildc/internal/shared"
)

// The engines share no code for running a step: they agree on the losses of the first distillation step, and on those
// of the tenth, after nine updates. One batch is none that blocks of channels divide.
func TestEnginesTakeTheSameSteps(t *testing.T) {
	fast := openORT(t)
	every := loss.Weights{"kd": 1, "ce": 1, "dkd": 1, "dist": 1, "hint": 0.1, "at": 0.1, "fsp": 0.1, "ab": 0.1, "sp": 0.1}
	// Sums of float32 in another order: some units in the seventh digit, of logits that a small loss is the difference of.
	// Updates amplify that, in a deep net much more than in one of ten layers.
	const first, shallow, deep = 2e-5, 2e-4, 2e-2
	for _, c := range []struct {
		name, teacher, budget string // no teacher: ../shared/teachers/resnet20_cifar10.onnx
		data                  ildc.Data
		batch                 int
		losses                loss.Weights
		tenth                 float64 // the tolerance of the tenth step
	}{
		{"the default losses", digits, "macs=0.5x", digitsData(), 32, loss.Default(), shallow},
		{"every loss", digits, "macs=0.5x", digitsData(), 20, every, shallow},
		{"batch norm folded", "testdata/digits/teacher_folded.onnx", "params=0.3x", digitsData(), 32, loss.Default(),
			shallow},
		{"ResNet-20", "", "macs=0.5x", ildc.Data{}, 16, loss.Weights{"kd": 1, "hint": 1}, deep},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.teacher == "" {
				c.teacher = shared.File(t, "teachers/resnet20_cifar10.onnx")
			}
			o := ildc.Options{Teacher: ildc.File(c.teacher), Data: c.data, Budget: c.budget,
				Train: distill.Options{Batch: c.batch, Losses: c.losses}}
			bench := func(e engine.Engine, steps int) *ildc.Benchmark {
				t.Helper()
				o.Engine = e
				b, err := ildc.BenchTraining(t.Context(), o, ildc.Timing{Warmup: 1, Steps: steps - 1})
				if err != nil {
					t.Fatal(err)
				}
				return b
			}
			// Of two channels that matter the same, rounding may decide which is kept: so the student is made once.
			student, err := exporter.Marshal(bench(embedded.New(), 2).Student, exporter.Options{})
			if err != nil {
				t.Fatal(err)
			}
			o.Budget, o.Student = "", ildc.Bytes(student)
			want, got := bench(embedded.New(), 10), bench(fast, 10)
			terms, others := slices.Sorted(maps.Keys(want.First)), slices.Sorted(maps.Keys(got.First))
			if len(terms) != len(c.losses)+1 || !slices.Equal(terms, others) {
				t.Errorf("terms %q and %q", terms, others)
			}
			for term, w := range want.First {
				if d := math.Abs(got.First[term] - w); !(d <= first*w) {
					t.Errorf("%s in the first step: %v, and %v on embedded", term, got.First[term], w)
				}
				if d, w := math.Abs(got.Last[term]-want.Last[term]), want.Last[term]; !(d <= c.tenth*w) || w == want.First[term] {
					t.Errorf("%s in the tenth step: %v, and %v on embedded", term, got.Last[term], w)
				}
			}
		})
	}
}

// openORT gives ONNX Runtime, or skips the test where there is none.
func openORT(t *testing.T) engine.Engine {
	t.Helper()
	e, _, err := ildc.OpenEngine(ildc.EngineChoice{Name: "ort"})
	if err != nil {
		t.Skip(err)
	}
	return e
}

package ildc_test

import (
	"context"
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/ildc/ildc"
	"github.com/ildc/ildc/distill"
	"github.com/ildc/ildc/distill/dataset"
	"github.com/ildc/ildc/distill/loss"
	"github.com/ildc/ildc/internal/report"
	"github.com/ildc/ildc/internal/shared"
)

// digitsStudy trains little, a small teacher's student on a tenth of the digits.
func digitsStudy(t *testing.T) ildc.StudyOptions {
	t.Helper()
	files, err := dataset.Open(context.Background(), "testdata/digits/data", dataset.Options{})
	if err != nil {
		t.Fatal(err)
	}
	_, few, err := dataset.Split(files.Train, 0.1, 1)
	if err != nil {
		t.Fatal(err)
	}
	return ildc.StudyOptions{
		Options: ildc.Options{
			Teacher: ildc.File(small),
			Data:    ildc.Data{Train: few, Test: few, Preprocess: dataset.Preprocess{Scale: 0.0625}},
			Train:   distill.Options{Steps: 8, Batch: 16},
		},
		Arms: []string{"scratch", "kd", "kd+hint", "default"}, Seeds: 2, Folder: t.TempDir(),
	}
}

// wholeStudy is a study that nothing interrupted, and the arms of its runs in order. It is run once, for all tests
// that look at it.
func wholeStudy(t *testing.T) (*ildc.Study, []string) {
	t.Helper()
	shared.Long(t)
	studied.Do(func() {
		o := digitsStudy(t)
		o.Started = func(number, runs int, arm string, seed uint64) { studied.runs = append(studied.runs, arm) }
		studied.study, studied.err = ildc.RunStudy(context.Background(), o)
	})
	if studied.err != nil {
		t.Fatal(studied.err)
	}
	return studied.study, slices.Clone(studied.runs)
}

var studied struct {
	sync.Once
	study *ildc.Study
	runs  []string
	err   error
}

// A student that is given has its own weights: no arm that starts from random ones is run on it under that name.
func TestStudyOfOwnStudent(t *testing.T) {
	o := digitsStudy(t)
	o.Student = ildc.File("testdata/digits/small_folded.onnx")
	o.Seeds, o.Train.Steps = 1, 1
	for _, arms := range [][]string{nil, {"kd", "scratch"}} {
		o.Arms = arms
		if _, err := ildc.RunStudy(context.Background(), o); err == nil || !strings.Contains(err.Error(), "arm scratch") {
			t.Errorf("arms %q: %v", arms, err)
		}
	}
	o.Arms = []string{"kd"}
	s, err := ildc.RunStudy(context.Background(), o)
	if err != nil || s.Budget != "the student given" || len(s.Arms[0].Runs) != 1 {
		t.Errorf("study %+v, %v", s, err)
	}
}

// A study that is interrupted goes on from its folder and ends in the same results; what is there is not run again.
func TestStudyGoesOn(t *testing.T) {
	want, whole := wholeStudy(t)
	distinct := 8
	if d := loss.Default(); d["hint"] == 1 && len(d) == 3 { // the default mix is kd+hint: one run serves both arms
		distinct = 6
	}
	if len(whole) != distinct {
		t.Errorf("runs %v, want %d", whole, distinct)
	}

	o := digitsStudy(t)
	o.Started = func(number, runs int, arm string, seed uint64) { whole = append(whole, arm) }
	ctx, cancel := context.WithCancel(context.Background())
	o.Progress = func(p distill.Progress) {
		if p.Step == 4 && len(whole) > distinct+2 {
			cancel()
		}
	}
	if _, err := ildc.RunStudy(ctx, o); !errors.Is(err, ildc.ErrInterrupted) {
		t.Fatalf("the interrupted study gives %v", err)
	}
	before := len(whole)
	got, err := ildc.RunStudy(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	if again := len(whole) - before; again != distinct-2 {
		t.Errorf("%d runs after the interruption, want %d", again, distinct-2)
	}
	for i, a := range want.Arms {
		if b := got.Arms[i]; a.Name != b.Name || a.Score != b.Score || a.Validation != b.Validation {
			t.Errorf("arm %s: %v, and %v after an interruption", a.Name, a, b)
		}
	}
	for _, a := range got.Arms {
		for _, r := range a.Runs {
			if _, err := ildc.Plan(context.Background(), ildc.Options{Teacher: ildc.File(r.Student.Path)}); err != nil {
				t.Errorf("the student of arm %s, seed %d: %v", a.Name, r.Seed, err)
			}
		}
	}
	if left, _ := filepath.Glob(filepath.Join(o.Folder, "*.checkpoint")); len(left) > 0 {
		t.Errorf("checkpoints are left: %v", left)
	}
}

func TestStudyCompares(t *testing.T) {
	s, _ := wholeStudy(t)
	if s.Baseline != "kd" || s.Metric != "accuracy" || s.Measured != "test" || len(s.Arms) != 4 {
		t.Fatalf("baseline %q, metric %q on %q, %d arms", s.Baseline, s.Metric, s.Measured, len(s.Arms))
	}
	kd, scratch := s.Arms[1], s.Arms[0]
	if kd.Difference != nil || scratch.Difference == nil {
		t.Fatal("differences are those from the baseline, which has none")
	}
	score := func(r *report.Run) float64 { return *r.Student.Metrics.Accuracy }
	d0 := score(scratch.Runs[0]) - score(kd.Runs[0])
	d1 := score(scratch.Runs[1]) - score(kd.Runs[1])
	mean := (d0 + d1) / 2
	deviation := math.Abs(d0-d1) / math.Sqrt2 // of two, by n−1
	if math.Abs(scratch.Difference.Mean-mean) > 1e-12 || math.Abs(scratch.Difference.Deviation-deviation) > 1e-12 {
		t.Errorf("difference %v, want %g ± %g", *scratch.Difference, mean, deviation)
	}
	if mean >= 0 {
		t.Errorf("8 steps from random weights are as good as from the teacher's: %+.3f", mean)
	}
	// With one degree of freedom, Student's distribution is Cauchy's: p = 1 − 2/π·atan(t), t = |d0+d1|/|d0−d1|.
	if p := 1 - 2/math.Pi*math.Atan(math.Abs(d0+d1)/math.Abs(d0-d1)); d0 != d1 && math.Abs(*scratch.P-p) > 1e-9 {
		t.Errorf("p = %g, want %g", *scratch.P, p)
	}
	for _, want := range []string{
		"scratch", "kd+hint", "overhead", "after so many steps", "paired t-test", "on validation",
	} {
		if !strings.Contains(s.Summary(), want) {
			t.Errorf("the summary has no %q:\n%s", want, s.Summary())
		}
	}
}

// Another setting is another run, and a damaged result is told of.
func TestStudyKeepsRunsApart(t *testing.T) {
	shared.Long(t)
	o := digitsStudy(t)
	o.Arms, o.Seeds = []string{"kd"}, 1
	for _, rate := range []float64{0.01, 0.02} {
		o.Train.LearnRate = rate
		if _, err := ildc.RunStudy(context.Background(), o); err != nil {
			t.Fatal(err)
		}
	}
	files, _ := filepath.Glob(filepath.Join(o.Folder, "*.json"))
	if len(files) != 2 {
		t.Fatalf("the folder has %v, want a file for each learning rate", files)
	}
	for _, f := range files {
		if err := os.WriteFile(f, []byte("{"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := ildc.RunStudy(context.Background(), o); err == nil || !strings.Contains(err.Error(), "damaged") {
		t.Errorf("a damaged result gives %v", err)
	}
}

func TestStudyArmsAreChecked(t *testing.T) {
	o := digitsStudy(t)
	o.Arms = []string{"kd", "kd", "magic", "kd+hint=-1"}
	_, err := ildc.RunStudy(context.Background(), o)
	for _, want := range []string{"twice", `"magic"`, "-1"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("the error has no %s: %v", want, err)
		}
	}
}

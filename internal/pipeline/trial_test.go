package pipeline

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/ildc/ildc/distill"
	"github.com/ildc/ildc/distill/dataset"
	"github.com/ildc/ildc/distill/engine/embedded"
	"github.com/ildc/ildc/distill/loss"
	"github.com/ildc/ildc/graph/pass"
	"github.com/ildc/ildc/internal/shared"
	"github.com/ildc/ildc/models"
)

// digitsJob compresses the digits' small teacher on its own data.
func digitsJob(t *testing.T, steps int) Job {
	t.Helper()
	budget, err := models.ParseBudget("macs=0.5x")
	if err != nil {
		t.Fatal(err)
	}
	j := Job{Teacher: Source{Path: shared.Testdata(t, "digits/small.onnx")},
		Choice: Choice{Asked: "macs=0.5x", Budget: budget}, Host: Host{Engine: embedded.New()},
		Data: Samples{Source: dataset.Source{Path: shared.Testdata(t, "digits/data"),
			Preprocess: dataset.Preprocess{Scale: 0.0625}}}}
	j.Train.Steps, j.Train.Batch = steps, 16
	return j
}

// Students that the budget allows are tried where the caller leaves the choice open and there are steps for it, and one
// of those whose longest trials ended nearest to the teacher is chosen. A run that goes on tries nothing again.
func TestStudentsAreTried(t *testing.T) {
	j := digitsJob(t, 320)
	j.Checkpoint = t.TempDir()
	d, err := Decide(context.Background(), j, true)
	if err != nil {
		t.Fatal(err)
	}
	if len(d.Trials) < 3 || len(d.Trials) > 6 {
		t.Fatalf("trials: %+v", d.Trials)
	}
	steps, chosen := 0, 0
	for i, c := range d.Trials {
		if steps += c.Steps; c.Chosen {
			chosen++
			for _, other := range d.Trials {
				if other.Steps > c.Steps || other.Steps == c.Steps && other.Distance < c.Distance {
					t.Errorf("trial %d is chosen of %+v", i, d.Trials)
				}
			}
			if c.MACs != d.Student.Cost.MACs {
				t.Errorf("trial %+v is chosen, and the student has %d MACs", c, d.Student.Cost.MACs)
			}
		}
	}
	if chosen != 1 || steps > 320/3 {
		t.Errorf("%d chosen, %d steps in all: %+v", chosen, steps, d.Trials)
	}
	tried := 0
	j.Resume = true
	j.Host.Progress = func(p distill.Progress) {
		if p.ImagesPerSecond > 0 {
			tried++
		}
	}
	again, err := Decide(context.Background(), j, true)
	if err != nil {
		t.Fatal(err)
	}
	if tried > 0 || !again.Student.same(d.Student) || !slices.Equal(again.Trials, d.Trials) ||
		again.Recipe.Train.Losses.String() != d.Recipe.Train.Losses.String() {
		t.Errorf("a run that goes on takes %d steps of trials, and has trials %+v", tried, again.Trials)
	}
}

// Groups are measured where that takes little beside the training, and nobody says otherwise.
func TestWhatIsMeasured(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*Job)
		want   bool
	}{
		"long":           {func(*Job) {}, true},
		"few samples":    {func(j *Job) { j.Data.Validation = 0.05 }, true},
		"channels":       {func(j *Job) { j.Choice.Shrink = models.Width }, true},
		"short":          {func(j *Job) { j.Train.Steps = 60 }, false},
		"both":           {func(j *Job) { j.Choice.Shrink = models.Both }, false},
		"random weights": {func(j *Job) { j.Choice.Random = true }, true},
		"a comparison":   {func(j *Job) { j.Choice.Untried = true }, true},
		"a latency":      {func(j *Job) { j.Choice.Budget[0].Measure = models.Latency }, false},
		"made-up data":   {func(j *Job) { j.Data.Path, j.Data.Synthetic = "", 64 }, false},
	} {
		t.Run(name, func(t *testing.T) {
			j := digitsJob(t, 3200)
			c.change(&j)
			if got, err := measures(j, undecided(t, j)); err != nil || got > 0 != c.want {
				t.Errorf("on %d samples, %v: want %v", got, err, c.want)
			}
		})
	}
}

// Many students are measured, each on fewer samples the shorter the training is.
func TestSamplesOfMeasurement(t *testing.T) {
	d := undecided(t, digitsJob(t, 0))
	students, err := models.Measurements(d.Teacher.Graph, pass.Binding{Batch: 1})
	if err != nil {
		t.Fatal(err)
	}
	for steps, want := range map[int]int{3200: 512, 400: 400 * 16 / 2 / students, 60: 0} {
		j := digitsJob(t, steps)
		got, err := samplesOfMeasurement(j, d.Teacher, d.Data)
		if err != nil || got != want {
			t.Errorf("%d samples in %d steps, %v: want %d", got, steps, err, want)
		}
	}
}

// Who reads the summary learns how channels were shared out, also where nothing was tried.
func TestMeasuredSharesAreSaid(t *testing.T) {
	for steps, said := range map[int]bool{310: true, 30: false} {
		d, err := Decide(context.Background(), digitsJob(t, steps), true)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(strings.Join(d.Recipe.Why, "\n"), "by sensitivity") != said || d.Trials != nil {
			t.Errorf("of %d steps it says %q, and tried %v", steps, d.Recipe.Why, d.Trials)
		}
	}
}

// undecided is a job's decision before a student is chosen.
func undecided(t *testing.T, j Job) Decision {
	t.Helper()
	teacher, err := Load(j.Teacher)
	if err != nil {
		t.Fatal(err)
	}
	d := Decision{Teacher: teacher}
	if d.Data, err = OpenOrMakeUp(context.Background(), j.Data, Inputs{teacher.Graph, teacher.Graph}, 0); err != nil {
		t.Fatal(err)
	}
	d.Recipe = Prescribe(j, d.Data)
	return d
}

// What is asked for is not tried, nor is anything where there are few steps, random weights or no data.
func TestWhatIsTried(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*Job)
		want   int
	}{
		"all":            {func(*Job) {}, 5},
		"channels":       {func(j *Job) { j.Choice.Shrink = models.Width }, 4},
		"blocks":         {func(j *Job) { j.Choice.Shrink = models.Depth }, 1},
		"a share":        {func(j *Job) { j.Choice.Share = models.ByReconstruction }, 2},
		"both":           {func(j *Job) { j.Choice.Share, j.Choice.Shrink = models.ByReconstruction, models.Width }, 1},
		"few steps":      {func(j *Job) { j.Train.Steps = 300 }, 0},
		"random weights": {func(j *Job) { j.Choice.Random = true }, 0},
		"a comparison":   {func(j *Job) { j.Choice.Untried = true }, 0},
		"a latency":      {func(j *Job) { j.Choice.Budget[0].Measure = models.Latency }, 1},
		"few samples":    {func(j *Job) { j.Data.Validation = 0.05 }, 0},
		"made-up data":   {func(j *Job) { j.Data.Path, j.Data.Synthetic = "", 64 }, 0},
	} {
		t.Run(name, func(t *testing.T) {
			j := digitsJob(t, 3200)
			c.change(&j)
			d := undecided(t, j)
			choices, err := candidates(j, d)
			if err != nil {
				t.Fatal(err)
			}
			if trialSteps(j, d) == 0 {
				choices = nil
			}
			if len(choices) != c.want {
				t.Errorf("%d choices: %+v", len(choices), choices)
			}
		})
	}
}

// Losses that the caller names stay; others are tried without those on feature maps, on the student that there is, and
// left out where it is nearer without.
func TestHintsAreTried(t *testing.T) {
	for _, named := range []loss.Weights{nil, {"kd": 1, "hint": 1}} {
		j := digitsJob(t, 320)
		j.Choice.Shrink, j.Choice.Share, j.Train.Losses = models.Width, models.ByReconstruction, named
		d, err := Decide(context.Background(), j, true)
		if err != nil {
			t.Fatal(err)
		}
		if named != nil {
			if d.Trials != nil || d.Recipe.Train.Losses.String() != named.String() {
				t.Errorf("losses %v were named: %+v, trials %+v", named, d.Recipe, d.Trials)
			}
			continue
		}
		if len(d.Trials) != 2 || d.Trials[0].Losses == d.Trials[1].Losses || d.Trials[0].Steps != d.Trials[1].Steps {
			t.Fatalf("trials %+v", d.Trials)
		}
		alone := d.Trials[1].Distance < d.Trials[0].Distance
		if d.Trials[1].Chosen != alone || (d.Recipe.Train.Losses != nil) != alone {
			t.Errorf("trials %+v, and the recipe is %+v", d.Trials, d.Recipe)
		}
	}
}

// A run that is cancelled while students are tried says so, and leaves nothing that a later one would take for a
// choice.
func TestTrialsAreCancelled(t *testing.T) {
	j := digitsJob(t, 3200)
	j.Checkpoint = t.TempDir()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	j.Host.Progress = func(p distill.Progress) {
		if p.ImagesPerSecond > 0 {
			cancel()
		}
	}
	if _, err := Decide(ctx, j, true); !errors.Is(err, distill.ErrInterrupted) {
		t.Errorf("the error is %v", err)
	}
	if _, err := os.Stat(filepath.Join(j.Checkpoint, searchFile)); err == nil {
		t.Error("a choice is kept that was not made")
	}
}

package report

import (
	"strings"
	"testing"

	"github.com/ildc/ildc/distill"
)

// studied is a study of four arms and two seeds.
func studied() *Study {
	arm := func(name string, scores [2]float64, p, difference float64) ArmStudy {
		a := ArmStudy{Name: name, About: "the teacher's weights", Losses: "kd=0.9,ce=0.1", StepTime: 12.6,
			Score: Spread{Mean: (scores[0] + scores[1]) / 2, Deviation: 0.01}}
		a.Validation = Spread{Mean: a.Score.Mean - 0.05, Deviation: 0.02}
		if difference != 0 {
			overhead := 0.26
			a.Difference, a.P, a.Overhead = &Spread{Mean: difference, Deviation: 0.005}, &p, &overhead
		}
		for seed, score := range scores {
			r := &Run{Arm: name, Seed: uint64(seed)}
			r.Steps, r.Batch, r.Student.MACs, r.Student.Metrics = 1200, 64, 617283, classified(360, score, score)
			for i, step := range []int{600, 1200} {
				m := *classified(143, score-0.1+0.05*float64(i), score)
				r.History = append(r.History, distill.Point{Step: step, Metrics: m})
			}
			a.Runs = append(a.Runs, r)
		}
		return a
	}
	return &Study{
		Schema: Schema, Teacher: Side{MACs: 1234567, Metrics: classified(360, 0.9875, 1)}, Budget: "macs=0.5x",
		Measured: "test", Metric: "accuracy", Baseline: "kd",
		Arms: []ArmStudy{
			arm("scratch", [2]float64{0.8, 0.82}, 0.001, -0.1),
			arm("kd", [2]float64{0.9, 0.92}, 0, 0),
			arm("kd+hint", [2]float64{0.95, 0.97}, 0.049, 0.05),
			arm("kd+at", [2]float64{0.91, 0.93}, 0.05, 0.01), // 0.05 itself is not below the bound
		},
	}
}

func TestStudySummary(t *testing.T) { golden(t, "study", studied().Summary()) }

func TestStudyVerdict(t *testing.T) {
	text := studied().Summary()
	for _, want := range []string{
		"scratch is worse than kd: -10.00 points, p = 0.001 in a paired t-test over 2 seeds\n",
		"kd+hint is better than kd: +5.00 points, p = 0.049",
		"kd+at can't be told from kd: +1.00 points, p = 0.05",
		"on validation kd+hint is best, with 91.00 ± 2.00 %\n",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the summary has no %q:\n%s", want, text)
		}
	}
}

// Without a teacher's accuracy, and of a single seed, nothing is said of either.
func TestStudyOfOneSeed(t *testing.T) {
	s := studied()
	s.Teacher = Side{}
	for i := range s.Arms {
		s.Arms[i].Runs, s.Arms[i].P = s.Arms[i].Runs[:1], nil
	}
	text := s.Summary()
	for _, unwanted := range []string{"t-test", "the teacher's is"} {
		if strings.Contains(text, unwanted) {
			t.Errorf("the summary has %q:\n%s", unwanted, text)
		}
	}
}

// Runs of a given duration may have other steps: what an arm has not measured is not shown as a score of 0.
func TestStudyOfOtherSteps(t *testing.T) {
	s := studied()
	for _, r := range s.Arms[3].Runs {
		r.History[1].Step = 1100
	}
	text := s.Summary()
	curve := text[strings.Index(text, "after so many steps"):]
	if want := "kd+at  82.00      -\n"; !strings.Contains(curve, want) {
		t.Errorf("the curves have no %q:\n%s", want, curve)
	}
}

package study

import (
	"math"
	"slices"

	"gonum.org/v1/gonum/stat/distuv"

	"github.com/ildc/ildc/internal/report"
)

// compare sums up the runs of each arm.
func compare(budget string, arms []report.ArmStudy) *report.Study {
	s := &report.Study{Schema: report.Schema, Budget: budget, Arms: arms}
	first := arms[0].Runs[0]
	s.Teacher, s.Measured = first.Teacher, first.Measured
	_, s.Metric = first.Student.Metrics.Score()
	base := max(0, slices.IndexFunc(arms, func(a report.ArmStudy) bool { return a.Name == baseline }))
	s.Baseline = arms[base].Name
	for i := range arms {
		a := &arms[i]
		a.Score = spread(scores(a))
		a.Validation = spread(each(a, func(r *report.Run) float64 { score, _ := r.Best.Score(); return score }))
		a.StepTime = median(each(a, func(r *report.Run) float64 { return r.StepTime }))
	}
	reference := scores(&arms[base])
	for i := range arms {
		if i == base {
			continue
		}
		differences := scores(&arms[i])
		for k := range differences {
			differences[k] -= reference[k]
		}
		d := spread(differences)
		arms[i].Difference, arms[i].P = &d, chance(d, len(differences))
		if t := arms[base].StepTime; t > 0 {
			overhead := arms[i].StepTime/t - 1
			arms[i].Overhead = &overhead
		}
	}
	return s
}

// scores are those of an arm's students, by seed.
func scores(a *report.ArmStudy) []float64 {
	return each(a, func(r *report.Run) float64 { score, _ := r.Student.Metrics.Score(); return score })
}

func each(a *report.ArmStudy, of func(*report.Run) float64) []float64 {
	v := make([]float64, len(a.Runs))
	for i, r := range a.Runs {
		v[i] = of(r)
	}
	return v
}

func spread(v []float64) report.Spread {
	var s report.Spread
	for _, x := range v {
		s.Mean += x / float64(len(v))
	}
	if len(v) > 1 {
		for _, x := range v {
			s.Deviation += (x - s.Mean) * (x - s.Mean) / float64(len(v)-1)
		}
		s.Deviation = math.Sqrt(s.Deviation)
	}
	return s
}

// chance is how likely n paired differences with no mean of their own have one as far from 0: the two-sided t-test. nil
// for a single one.
func chance(d report.Spread, n int) *float64 {
	if n < 2 {
		return nil
	}
	p := 1.0
	if d.Mean != 0 {
		t := math.Abs(d.Mean) / (d.Deviation / math.Sqrt(float64(n))) // ∞ where all are the same
		p = 2 * distuv.StudentsT{Sigma: 1, Nu: float64(n - 1)}.Survival(t)
	}
	return &p
}

func median(v []float64) float64 {
	v = slices.Sorted(slices.Values(v))
	if len(v) == 0 {
		return 0
	}
	return (v[(len(v)-1)/2] + v[len(v)/2]) / 2
}

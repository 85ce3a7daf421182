package study

import (
	"math"
	"testing"

	"github.com/ildc/ildc/distill"
	"github.com/ildc/ildc/internal/report"
)

// tolerance is some rounding errors of float64.
const tolerance = 1e-12

func near(a, b, within float64) bool { return math.Abs(a-b) <= within }

func TestSpread(t *testing.T) {
	for _, c := range []struct {
		v    []float64
		want report.Spread
	}{
		{nil, report.Spread{}},
		{[]float64{3}, report.Spread{Mean: 3}},
		{[]float64{1, 1, 1}, report.Spread{Mean: 1}},
		{[]float64{1, 3}, report.Spread{Mean: 2, Deviation: math.Sqrt2}},
		{[]float64{1, 2, 3, 4, 5}, report.Spread{Mean: 3, Deviation: math.Sqrt(2.5)}}, // of 1 … n: √(n(n+1)/12)
	} {
		if got := spread(c.v); !near(got.Mean, c.want.Mean, tolerance) || !near(got.Deviation, c.want.Deviation, tolerance) {
			t.Errorf("%v: %v, want %v", c.v, got, c.want)
		}
	}
}

func TestMedian(t *testing.T) {
	for _, c := range []struct {
		v    []float64
		want float64
	}{{nil, 0}, {[]float64{2}, 2}, {[]float64{5, 1}, 3}, {[]float64{9, 1, 2}, 2}, {[]float64{4, 1, 3, 2}, 2.5}} {
		if got := median(c.v); got != c.want {
			t.Errorf("%v: %g, want %g", c.v, got, c.want)
		}
	}
	v := []float64{3, 1, 2}
	if median(v); v[0] != 3 {
		t.Errorf("the values are sorted in place: %v", v)
	}
}

// The chance is that of tables of Student's t, which have three decimals of t: 1e-4 of a chance.
func TestChance(t *testing.T) {
	for _, c := range []struct {
		freedom int
		t, p    float64
	}{
		{1, 1, 0.5}, {1, 12.706, 0.05}, {1, 63.657, 0.01},
		{2, 4.303, 0.05}, {2, 9.925, 0.01},
		{4, 2.776, 0.05}, {4, 4.604, 0.01},
		{9, 2.262, 0.05}, {9, 3.250, 0.01},
		{30, 2.042, 0.05},
	} {
		n := c.freedom + 1
		for _, sign := range []float64{1, -1} {
			p := chance(report.Spread{Mean: sign * c.t, Deviation: math.Sqrt(float64(n))}, n) // t = mean/(deviation/√n)
			if p == nil || !near(*p, c.p, 1e-4) {
				t.Errorf("t = %g with %d degrees of freedom: %v, want %g", sign*c.t, c.freedom, p, c.p)
			}
		}
	}
	// With two degrees of freedom, p = 1 − t/√(t²+2).
	for _, x := range []float64{0.1, 1, 3, 20} {
		want := 1 - x/math.Sqrt(x*x+2)
		if p := chance(report.Spread{Mean: x, Deviation: math.Sqrt(3)}, 3); !near(*p, want, 1e-10) {
			t.Errorf("t = %g: %g, want %g", x, *p, want)
		}
	}
	if p := chance(report.Spread{Mean: 1}, 1); p != nil {
		t.Errorf("a single difference has a chance of %g", *p)
	}
	if p := chance(report.Spread{}, 3); p == nil || *p != 1 {
		t.Errorf("no difference at all: %v, want 1", p)
	}
	if p := chance(report.Spread{Mean: 0.1}, 3); p == nil || *p != 0 {
		t.Errorf("differences that are all the same: %v, want 0", p)
	}
}

// accuracy is metrics of one measure.
func accuracy(v float64) *distill.Metrics { return &distill.Metrics{Samples: 100, Accuracy: &v} }

// made is an arm whose students have these scores, 0.1 less on validation, and these times of a step.
func made(name string, scores, times []float64) report.ArmStudy {
	a := report.ArmStudy{Name: name}
	for i, score := range scores {
		r := &report.Run{Arm: name, Seed: uint64(i)}
		r.Student.Metrics, r.Best, r.StepTime, r.Measured = accuracy(score), accuracy(score-0.1), times[i], "test"
		r.Teacher.MACs = 1000
		a.Runs = append(a.Runs, r)
	}
	return a
}

func TestCompare(t *testing.T) {
	s := compare("macs=0.5x", []report.ArmStudy{
		made("scratch", []float64{0.5, 0.6, 0.7}, []float64{20, 10, 12}),
		made("kd", []float64{0.8, 0.7, 0.9}, []float64{8, 7, 9}),
	})
	if s.Schema != report.Schema || s.Budget != "macs=0.5x" || s.Metric != "accuracy" || s.Measured != "test" ||
		s.Baseline != "kd" || s.Teacher.MACs != 1000 {
		t.Errorf("%+v", s)
	}
	scratch, kd := s.Arms[0], s.Arms[1]
	if kd.Difference != nil || kd.P != nil || kd.Overhead != nil {
		t.Errorf("the baseline differs from itself: %+v", kd)
	}
	for _, c := range []struct {
		what      string
		got, want float64
	}{
		{"the score", scratch.Score.Mean, 0.6},
		{"its deviation", scratch.Score.Deviation, 0.1},
		{"the score on validation", scratch.Validation.Mean, 0.5},
		{"the baseline's score", kd.Score.Mean, 0.8},
		{"the step", scratch.StepTime, 12},
		{"the overhead", *scratch.Overhead, 0.5},
		{"the difference", scratch.Difference.Mean, -0.2},               // of −0.3, −0.1 and −0.2, seed by seed
		{"its deviation by seed", scratch.Difference.Deviation, 0.1},    // and not √2/10, as of arms that are not paired
		{"the chance", *scratch.P, 1 - math.Sqrt(12)/math.Sqrt(12.0+2)}, // t = 0.2/(0.1/√3) = √12
	} {
		if !near(c.got, c.want, 1e-10) {
			t.Errorf("%s: %g, want %g", c.what, c.got, c.want)
		}
	}
}

// Without kd, others are compared with the first arm. A single seed tells of no chance, and no time of no overhead.
func TestCompareWithoutBaseline(t *testing.T) {
	s := compare("", []report.ArmStudy{
		made("finetune", []float64{0.5}, []float64{0}), made("kd+hint", []float64{0.75}, []float64{1}),
	})
	if s.Baseline != "finetune" || s.Arms[0].Difference != nil {
		t.Errorf("the baseline is %q: %+v", s.Baseline, s.Arms[0])
	}
	if a := s.Arms[1]; a.Difference == nil || a.Difference.Mean != 0.25 || a.P != nil || a.Overhead != nil {
		t.Errorf("%+v", a)
	}
}

package report

import (
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/ildc/ildc/distill"
)

// Summary is the study as text: the table of arms, then the course of each arm's validation score.
func (s *Study) Summary() string {
	var b strings.Builder
	first := s.Arms[0].Runs[0]
	fmt.Fprintf(&b, "budget %s: %s steps of %d, %d seeds, %s on the %s part",
		s.Budget, thousands(int64(first.Steps)), first.Batch, len(s.Arms[0].Runs), s.Metric, s.Measured)
	if m := s.Teacher.Metrics; m != nil && m.Accuracy != nil {
		fmt.Fprintf(&b, "; the teacher's is %.2f %%", 100**m.Accuracy)
	}
	b.WriteString("\n\n")
	t := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "arm\tMACs\t%s, %%\tvalidation, %%\tto %s\tper seed\tstep, ms\toverhead\tlosses\n",
		s.Metric, s.Baseline)
	for _, a := range s.Arms {
		difference, overhead := "-", "-"
		if a.Difference != nil {
			difference = fmt.Sprintf("%+.2f ± %.2f", 100*a.Difference.Mean, 100*a.Difference.Deviation)
		}
		if a.Overhead != nil {
			overhead = fmt.Sprintf("%+.0f %%", 100**a.Overhead)
		}
		var each []string
		for _, r := range a.Runs {
			score, _ := r.Student.Metrics.Score()
			each = append(each, fmt.Sprintf("%.2f", 100*score))
		}
		macs := float64(a.Runs[0].Student.MACs) / float64(max(1, s.Teacher.MACs))
		fmt.Fprintf(t, "%s\t%.3f×\t%s\t%s\t%s\t%s\t%.0f\t%s\t%s\n", a.Name, macs, percents(a.Score), percents(a.Validation),
			difference, strings.Join(each, " "), a.StepTime, overhead, a.Losses)
	}
	t.Flush()
	s.writeVerdict(&b)
	s.writeCurves(&b)
	return b.String()
}

func percents(s Spread) string { return fmt.Sprintf("%.2f ± %.2f", 100*s.Mean, 100*s.Deviation) }

// unlikely is the chance below which a difference is called one.
const unlikely = 0.05

// writeVerdict says in words what the differences tell, and which arm to take, by the scores that were not measured on.
func (s *Study) writeVerdict(b *strings.Builder) {
	b.WriteString("\n")
	best := s.Arms[0]
	for _, a := range s.Arms {
		if a.Validation.Mean > best.Validation.Mean {
			best = a
		}
		if a.P == nil {
			continue
		}
		what := "can't be told from"
		switch {
		case *a.P < unlikely && a.Difference.Mean > 0:
			what = "is better than"
		case *a.P < unlikely:
			what = "is worse than"
		}
		fmt.Fprintf(b, "%s %s %s: %+.2f points, p = %.2g in a paired t-test over %d seeds\n",
			a.Name, what, s.Baseline, 100*a.Difference.Mean, *a.P, len(a.Runs))
	}
	fmt.Fprintf(b, "on validation %s is best, with %s %%\n", best.Name, percents(best.Validation))
}

// writeCurves shows the mean validation score of each arm over the steps.
func (s *Study) writeCurves(b *strings.Builder) {
	steps := []int{}
	for _, p := range s.Arms[0].Runs[0].History {
		steps = append(steps, p.Step)
	}
	fmt.Fprintf(b, "\nvalidation %s, %%, after so many steps (mean over seeds):\n", s.Metric)
	t := tabwriter.NewWriter(b, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprint(t, "arm\t")
	for _, step := range steps {
		fmt.Fprintf(t, "%d\t", step)
	}
	fmt.Fprintln(t)
	for _, a := range s.Arms {
		fmt.Fprintf(t, "%s\t", a.Name)
		for _, step := range steps {
			var at []float64
			for _, r := range a.Runs {
				if i := slices.IndexFunc(r.History, func(p distill.Point) bool { return p.Step == step }); i >= 0 {
					score, _ := r.History[i].Metrics.Score()
					at = append(at, score)
				}
			}
			if at == nil { // runs of a given duration may differ in their steps
				fmt.Fprint(t, "-\t")
				continue
			}
			fmt.Fprintf(t, "%.2f\t", 100*mean(at))
		}
		fmt.Fprintln(t)
	}
	t.Flush()
}

func mean(v []float64) float64 {
	var sum float64
	for _, x := range v {
		sum += x / float64(len(v))
	}
	return sum
}

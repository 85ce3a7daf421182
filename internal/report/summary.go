package report

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/ildc/ildc/distill"
)

// Summary is the result as text: both models side by side, what was done, and the alignment; or why the model is
// declined.
func (r *Result) Summary() string {
	var s strings.Builder
	if len(r.Declined) > 0 {
		for _, d := range r.Declined {
			fmt.Fprintf(&s, "declined: %s (%s): %s\n", d.Node, d.Op, d.Why)
		}
		return s.String()
	}
	t := tabwriter.NewWriter(&s, 0, 0, 2, ' ', tabwriter.AlignRight)
	row := func(cells ...string) { fmt.Fprintln(t, strings.Join(cells, "\t")+"\t") }
	row("", "teacher", "student", "ratio")
	sizes := func(name string, a, b int64) {
		ratio := "-"
		if a > 0 {
			ratio = fmt.Sprintf("%.3f×", float64(b)/float64(a))
		}
		row(name, thousands(a), thousands(b), ratio)
	}
	sizes("params", r.Teacher.Params, r.Student.Params)
	sizes("MACs", r.Teacher.MACs, r.Student.MACs)
	if r.Student.Bytes > 0 {
		sizes("bytes", r.Teacher.Bytes, r.Student.Bytes)
	}
	r.writeMeasures(row)
	t.Flush()
	fmt.Fprintf(&s, "\nbudget %s, reached %s", r.Budget.Asked, r.Budget.Reached)
	r.writeTraining(&s)
	if v := r.Verified; v != nil {
		fmt.Fprintf(&s, "\nthe exported file, run by %s, gives the trained student's outputs within %.1e of their largest",
			v.Engine, v.MaxRelativeError)
		if !v.Independent {
			s.WriteString(" (with ONNX Runtime it is run there, too)")
		}
	}
	s.WriteString("\n\n" + r.Alignment)
	r.writeWidths(&s)
	for _, w := range r.Warnings {
		fmt.Fprintf(&s, "warning: %s\n", w)
	}
	if r.Student.Path != "" {
		fmt.Fprintf(&s, "written to %s\n", r.Student.Path)
	}
	return s.String()
}

// writeTraining shows what was trained on, and what became of each loss, where there was a training.
func (r *Result) writeTraining(s *strings.Builder) {
	if r.Steps == 0 {
		return
	}
	fmt.Fprintf(s, "\n%s as a task to %s: %d steps of %d in %.1f s (%.0f images/s) on engine %s, best at step %d",
		r.Data, r.Task, r.Steps, r.Batch, r.Seconds, r.ImagesPerSecond, r.Engine, r.BestStep)
	for _, t := range r.Trials {
		verdict := "left"
		if t.Chosen {
			verdict = "chosen"
		}
		fmt.Fprintf(s, "\ntried %s with %s: %.3g from the teacher after %d steps, %s", t.Student(), t.Losses, t.Distance,
			t.Steps, verdict)
	}
	for _, why := range r.Recipe {
		s.WriteString("\n" + why)
	}
	for _, l := range r.Losses {
		fmt.Fprintf(s, "\nloss %s × %g", l.Name, l.Weight)
		if l.Balance > 0 {
			fmt.Fprintf(s, " (balanced: × %.3g)", l.Balance)
		}
		switch {
		case l.Unused:
			s.WriteString(" left out")
		case l.Pairs != nil:
			fmt.Fprintf(s, " on %d pairs", len(l.Pairs))
		case l.Outputs != nil:
			fmt.Fprintf(s, " on %s", strings.Join(l.Outputs, ", "))
		}
		for _, why := range l.Refused {
			fmt.Fprintf(s, "\n  not on %s", why)
		}
	}
}

// writeMeasures shows the metrics of both sides, as far as there are any.
func (r *Result) writeMeasures(row func(...string)) {
	if r.Student.Metrics == nil {
		return
	}
	teacher := r.Teacher.Metrics
	if teacher == nil {
		teacher = &distill.Metrics{}
	}
	show := func(name, format string, a, b *float64, by float64) {
		if b == nil {
			return
		}
		left := "-"
		if a != nil {
			left = fmt.Sprintf(format, *a*by)
		}
		row(r.Measured+" "+name, left, fmt.Sprintf(format, *b*by), "")
	}
	m := r.Student.Metrics
	show("accuracy", "%.2f %%", teacher.Accuracy, m.Accuracy, 100)
	show("agreement", "%.2f %%", nil, m.Agreement, 100)
	show("KL", "%.4f", nil, m.KL, 1)
	if m.Agreement == nil || m.Outputs != nil {
		show("relative L2", "%.4f", nil, m.RelativeL2, 1)
		show("cosine", "%.4f", nil, m.Cosine, 1)
	}
	for _, name := range slices.Sorted(maps.Keys(m.Outputs)) {
		o := m.Outputs[name]
		show(name+": agreement", "%.2f %%", nil, o.Agreement, 100)
		show(name+": relative L2", "%.4f", nil, o.RelativeL2, 1)
	}
}

// writeWidths shows what shrank, and what stays and why.
func (r *Result) writeWidths(s *strings.Builder) {
	if len(r.Groups) > 0 {
		t := tabwriter.NewWriter(s, 0, 0, 2, ' ', 0)
		fmt.Fprintln(t, "channels of\tteacher\tstudent")
		for _, g := range r.Groups {
			fmt.Fprintf(t, "%s\t%d\t%d\n", g.Name, g.Before, g.After)
		}
		t.Flush()
	}
	for _, c := range r.Removed {
		into := ""
		if c.Into != "" {
			into = ", its work taken over by " + c.Into
		}
		fmt.Fprintf(s, "left out: %s%s (%s MACs; by itself it adds %.3f to kd)\n",
			c.Node, into, thousands(c.MACs), c.Disturbance)
	}
	for _, f := range r.Frozen {
		fmt.Fprintf(s, "stays as it is, with all that depends on it: %s (%s): %s\n", f.Node, f.Op, f.Why)
	}
	for _, u := range r.Untouched {
		fmt.Fprintf(s, "left alone: %s (%s): %s\n", u.Node, u.Op, u.Why)
	}
}

// thousands writes 1234567 as 1,234,567.
func thousands(n int64) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

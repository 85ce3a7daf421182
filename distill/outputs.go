package distill

import (
	"errors"
	"fmt"
	"slices"

	"github.com/ildc/ildc/graph"
	"github.com/ildc/ildc/graph/op"
	"github.com/ildc/ildc/graph/pass"
)

// output is one of the models' outputs, with the values of it that losses compare.
type output struct {
	name             string // of the teacher's
	teacher, student string // logits are taken before a trailing softmax
	classify         bool   // they are logits over the last axis
	labelled         bool   // labels are of it, and it is [N,classes]
	scored           bool   // labels are of it: it has an element for each class
}

// pairOutputs pairs the outputs of teacher and student by position, or what those are decided by that are no floats,
// and settles what each is. Labels are of the first one that has a logit per class.
func pairOutputs(teacher, student *graph.Graph, task Task, classes int) ([]output, error) {
	if len(teacher.Outputs) != len(student.Outputs) {
		return nil, fmt.Errorf("distill: the teacher has %d outputs, the student %d",
			len(teacher.Outputs), len(student.Outputs))
	}
	var outputs []output
	var errs []error
	for i, declared := range teacher.Outputs {
		ts, ss := pass.Decides(teacher, declared), pass.Decides(student, student.Outputs[i])
		if len(ts) != len(ss) {
			errs = append(errs, fmt.Errorf("distill: output %q is decided by %d values of the teacher, and by %d of the student",
				declared.Name, len(ts), len(ss)))
			continue
		}
		for k, t := range ts {
			s := ss[k]
			if !t.Shape.Equal(s.Shape) {
				errs = append(errs, fmt.Errorf("distill: output %q is %v, the student's %q is %v: they must agree",
					t.Name, t.Shape, s.Name, s.Shape))
				continue
			}
			o := outputOf(t, s, task, classes)
			if slices.Contains(teacher.Outputs, t) {
				o.name = declared.Name
			}
			if slices.ContainsFunc(outputs, func(o output) bool { return o.scored }) {
				o.scored, o.labelled = false, false
			}
			outputs = append(outputs, o)
		}
	}
	if len(outputs) == 0 && len(errs) == 0 {
		return nil, errors.New("distill: no output of the teacher depends on a weight")
	}
	return outputs, errors.Join(errs...)
}

// outputOf settles what an output is, or what decides it, were it the only one: values of teacher and student.
func outputOf(t, s *graph.Value, task Task, classes int) output {
	o := output{name: t.Name, teacher: t.Name, student: s.Name}
	behind := logits(t)
	fits := classes > 0 && len(t.Shape) > 1 && t.Shape[len(t.Shape)-1].Is(classes)
	o.scored = task != Regress && classes > 1 && t.Shape.Static() && t.Shape.Elements() == t.Shape[0].Size*classes
	if o.classify = task == Classify || task == Auto && (behind != t || fits); o.classify {
		o.teacher, o.student = behind.Name, logits(s).Name
		o.labelled = o.scored && fits && len(t.Shape) == 2
	}
	return o
}

// logits steps behind a trailing Softmax or LogSoftmax over the last axis.
func logits(v *graph.Value) *graph.Value {
	last := v
	for last.Producer != nil && last.Producer.OpName() == "Identity" {
		last = last.Producer.Inputs[0]
	}
	if n := last.Producer; n != nil {
		last := []int64{-1, int64(len(v.Shape) - 1)}
		if s := op.Of(n); s != nil && s.FromLogits && slices.Contains(last, n.Int("axis", -1)) {
			return n.Inputs[0]
		}
	}
	return v
}

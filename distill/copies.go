package distill

import (
	"errors"
	"fmt"
	"slices"

	"github.com/ildc/ildc/distill/loss"
	"github.com/ildc/ildc/graph"
	"github.com/ildc/ildc/graph/op"
	"github.com/ildc/ildc/graph/pass"
)

// Task says what the outputs are.
type Task string

// The tasks. Auto takes outputs for logits where they come from a Softmax or LogSoftmax, or where there are labels that fit them.
const (
	Auto     Task = "auto"
	Classify Task = "classify"
	Regress  Task = "regress"
)

// Pair names an aligned pair of feature maps.
type Pair struct {
	Role             loss.Role `json:",omitempty"` // what the values are
	Teacher, Student string    // value names
	Channel          int       // the channel axis of both; of attention, that of the heads
	Kept             []int     // for each student channel the teacher channel it came from; nil where that is not known

	First *Pair // the first maps of the stage that these are the last of, for fsp; nil where there are none
	Pre   *Pair // what the activations read that gave these maps, for ab; nil where there are none
}

// copies are the training copies of teacher and student, with static shapes, and what of the student is trained.
type copies struct {
	teacher, student *graph.Graph
	training         *graph.Graph      // the student in training form
	running          map[string]string // running statistics of the student → their next values in training
	params           []string          // the student's trainable initializers, in the file's order
	outputs          []output

	teacherFeeds, studentFeeds []string // what each input is fed under
}

// output is one of the models' outputs, with the values of it that losses compare.
type output struct {
	name             string // of the teacher's
	teacher, student string // logits are taken before a trailing softmax
	classify         bool   // they are logits over the last axis
	labelled         bool   // labels are of it, and it is [N,classes]
	scored           bool   // labels are of it: it has an element for each class
}

// classify says whether any output is one of logits.
func (c *copies) classify() bool {
	return slices.ContainsFunc(c.outputs, func(o output) bool { return o.classify })
}

// labelled says whether labels belong to any output.
func (c *copies) labelled() bool {
	return slices.ContainsFunc(c.outputs, func(o output) bool { return o.labelled })
}

// normalised says whether most of the student's layers with weights have batch norm, which has two running statistics.
func (c *copies) normalised() bool {
	layers, values := 0, c.student.ByName()
	for _, name := range c.params {
		if v := values[name]; v != nil && len(v.Shape) > 1 {
			layers++
		}
	}
	return len(c.running) > layers
}

// prepare makes training copies for a batch. classes is the number of classes of the labels, 0 without.
// ownInputs says that the student is fed apart from the teacher, under names led by [StudentPrefix].
func prepare(teacher, student *graph.Graph, bind pass.Binding, task Task, classes int, ownInputs bool) (*copies, error) {
	t, err := pass.Bound(teacher, bind)
	if err != nil {
		return nil, fmt.Errorf("distill: teacher: %w", err)
	}
	params := trainable(student)
	bind.Keep = map[string]bool{}
	for _, name := range params {
		bind.Keep[name] = true
	}
	s, err := pass.Bound(student, bind)
	if err != nil {
		return nil, fmt.Errorf("distill: student: %w", err)
	}
	c := &copies{teacher: t, student: s, params: params}
	if c.training, c.running, err = pass.TrainingForm(s); err != nil {
		return nil, fmt.Errorf("distill: student: %w", err)
	}
	c.params = slices.DeleteFunc(c.params, func(name string) bool { _, runs := c.running[name]; return runs })
	if len(t.Inputs) != len(s.Inputs) {
		return nil, fmt.Errorf("distill: the teacher has %d inputs, the student %d", len(t.Inputs), len(s.Inputs))
	}
	for i, v := range t.Inputs {
		c.teacherFeeds = append(c.teacherFeeds, v.Name)
		switch w := s.Inputs[i]; {
		case ownInputs:
			c.studentFeeds = append(c.studentFeeds, StudentPrefix+w.Name)
		case v.DType != w.DType || !v.Shape.Equal(w.Shape):
			return nil, fmt.Errorf("distill: input %q is %v%v, the student's %q is %v%v: a student with other inputs needs its own preprocessing", v.Name, v.DType, v.Shape, w.Name, w.DType, w.Shape)
		default:
			c.studentFeeds = append(c.studentFeeds, v.Name)
		}
	}
	return c, c.findOutputs(task, classes)
}

// StudentPrefix leads the names of the student's inputs in a batch, where it has its own preprocessing.
const StudentPrefix = "student/"

// trainable lists the values of a graph that hold float32 constants and may be trained: initializers and outputs of Constant nodes.
// A single number is a setting rather than a weight (an exponent, a scale), unless a linear op reads it.
func trainable(g *graph.Graph) []string {
	consumers := g.Consumers()
	var names []string
	for _, v := range g.Values() {
		t := v.Const
		if n := v.Producer; n != nil && len(n.Inputs) == 0 {
			t = constant(n)
		}
		if t == nil || t.DType != graph.Float32 {
			continue
		}
		linear := slices.ContainsFunc(consumers[v], func(n *graph.Node) bool { s := op.Of(n); return s != nil && s.MACs != nil })
		setting := slices.ContainsFunc(consumers[v], func(n *graph.Node) bool {
			s := op.Of(n)
			return s != nil && slices.ContainsFunc(s.Settings, func(k int) bool { return n.Input(k) == v })
		})
		if (t.Len() > 1 || linear) && !setting {
			names = append(names, v.Name)
		}
	}
	return names
}

// constant is what a node without inputs gives; nil where that is not known.
func constant(n *graph.Node) *graph.Tensor {
	s := op.Of(n)
	if s == nil || s.Eval == nil {
		return nil
	}
	out, err := s.Eval(n, nil)
	if err != nil {
		return nil
	}
	return out[0]
}

// findOutputs pairs the outputs of teacher and student by position, or what those are decided by that are no floats, and settles what each is. Labels are of the first one that has a logit per class.
func (c *copies) findOutputs(task Task, classes int) error {
	var errs []error
	if len(c.teacher.Outputs) != len(c.student.Outputs) {
		return fmt.Errorf("distill: the teacher has %d outputs, the student %d", len(c.teacher.Outputs), len(c.student.Outputs))
	}
	for i, declared := range c.teacher.Outputs {
		ts, ss := pass.Decides(c.teacher, declared), pass.Decides(c.student, c.student.Outputs[i])
		if len(ts) != len(ss) {
			errs = append(errs, fmt.Errorf("distill: output %q is decided by %d values of the teacher, and by %d of the student", declared.Name, len(ts), len(ss)))
			continue
		}
		for k, t := range ts {
			s := ss[k]
			if !t.Shape.Equal(s.Shape) {
				errs = append(errs, fmt.Errorf("distill: output %q is %v, the student's %q is %v: they must agree", t.Name, t.Shape, s.Name, s.Shape))
				continue
			}
			c.outputs = append(c.outputs, c.outputOf(declared.Name, t, s, task, classes))
		}
	}
	if len(c.outputs) == 0 && len(errs) == 0 {
		return errors.New("distill: no output of the teacher depends on a weight")
	}
	return errors.Join(errs...)
}

// outputOf settles what an output is, or what decides it: values of teacher and student.
func (c *copies) outputOf(name string, t, s *graph.Value, task Task, classes int) output {
	if !slices.ContainsFunc(c.teacher.Outputs, func(v *graph.Value) bool { return v == t }) {
		name = t.Name
	}
	o := output{name: name, teacher: t.Name, student: s.Name}
	behind := logits(t)
	fits := classes > 0 && len(t.Shape) > 1 && t.Shape[len(t.Shape)-1].Is(classes)
	o.scored = task != Regress && classes > 1 && t.Shape.Static() && t.Shape.Elements() == t.Shape[0].Size*classes &&
		!slices.ContainsFunc(c.outputs, func(o output) bool { return o.scored })
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
		if s := op.Of(n); s != nil && s.FromLogits && slices.Contains([]int64{-1, int64(len(v.Shape) - 1)}, n.Int("axis", -1)) {
			return n.Inputs[0]
		}
	}
	return v
}

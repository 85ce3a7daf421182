package distill

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/ildc/ildc/distill/dataset"
	"github.com/ildc/ildc/distill/loss"
	"github.com/ildc/ildc/graph"
	"github.com/ildc/ildc/graph/op"
	"github.com/ildc/ildc/graph/pass"
)

// Task says what the outputs are.
type Task string

// The tasks. Auto takes outputs for logits where they come from a Softmax or LogSoftmax, or where there are labels that
// fit them.
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

// classify says whether any output is one of logits.
func (c *copies) classify() bool {
	return slices.ContainsFunc(c.outputs, func(o output) bool { return o.classify })
}

// labelled says whether labels belong to any output.
func (c *copies) labelled() bool {
	return slices.ContainsFunc(c.outputs, func(o output) bool { return o.labelled })
}

// prepare makes training copies for a batch. classes is the number of classes of the labels, 0 without.
// ownInputs says that the student is fed apart from the teacher, under names led by [StudentPrefix].
func prepare(
	teacher, student *graph.Graph, bind pass.Binding, task Task, classes int, ownInputs bool,
) (*copies, error) {
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
			return nil, fmt.Errorf("distill: input %q is %v%v, the student's %q is %v%v: "+
				"a student with other inputs needs its own preprocessing", v.Name, v.DType, v.Shape, w.Name, w.DType, w.Shape)
		default:
			c.studentFeeds = append(c.studentFeeds, v.Name)
		}
	}
	c.outputs, err = pairOutputs(t, s, task, classes)
	return c, err
}

// StudentPrefix leads the names of the student's inputs in a batch, where it has its own preprocessing.
const StudentPrefix = "student/"

// ownInputs says whether the student is fed apart from the teacher.
func ownInputs(bindings []*dataset.Binding) bool {
	return slices.ContainsFunc(bindings, func(b *dataset.Binding) bool {
		return strings.HasPrefix(b.Prefix, StudentPrefix)
	})
}

// inlineTeacher makes the teacher part of a step.
func (c *copies) inlineTeacher(a *assembly) (inlined, error) {
	return a.inline("teacher", c.teacher, c.teacherFeeds, nil)
}

// carryStudent declares the student's trained tensors and running statistics as a step's state, but for those in
// frozen.
func (c *copies) carryStudent(
	a *assembly, frozen map[string]bool,
) (state map[string]*graph.Value, next map[string]func(*graph.Value)) {
	state, next = map[string]*graph.Value{}, map[string]func(*graph.Value){}
	byName := c.student.ByName()
	for _, name := range slices.Concat(c.params, slices.Sorted(maps.Keys(c.running))) {
		if v := byName[name]; v != nil && !frozen[name] {
			state[name], next[name] = a.carry(studentState(name), v.Const)
		}
	}
	return state, next
}

// studentState is the state's name of a student's initializer, in every step.
func studentState(name string) string { return "student/" + name }

// setRunning lets the running statistics move.
func (c *copies) setRunning(student inlined, next map[string]func(*graph.Value)) {
	for _, name := range slices.Sorted(maps.Keys(c.running)) {
		if set := next[name]; set != nil {
			set(student[c.running[name]])
		}
	}
}

// trainable lists the values of a graph that hold float32 constants and may be trained: initializers and outputs of
// Constant nodes. A single number is a setting rather than a weight (an exponent, a scale), unless a linear op reads
// it.
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
		linear := slices.ContainsFunc(consumers[v], func(n *graph.Node) bool {
			s := op.Of(n)
			return s != nil && s.MACs != nil
		})
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

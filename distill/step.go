package distill

import (
	"fmt"
	"slices"

	"github.com/ildc/ildc/distill/engine"
	"github.com/ildc/ildc/distill/loss"
	"github.com/ildc/ildc/graph"
	"github.com/ildc/ildc/graph/pass"
)

// objective is what a training step minimises, and how.
type objective struct {
	weights     loss.Weights // of the terms that there are; a step is fed them, since they may move
	temperature float64      // 0: see [loss.Temperature]
	pairs       []Pair
	labelled    bool
	optimiser   Optimiser
	variances   variances
	balance     balance
}

// variances are those of teacher-side transforms per element, by the names of the outputs of [copies.calibrationStep].
type variances map[string]float64

// minVariance keeps a teacher-side transform that hardly varies from dominating the objective.
const minVariance = 1e-6

func (v variances) of(name string) float64 { return max(v[name], minVariance) }

// trainingStep assembles a whole step: teacher, student in training form, losses, gradients, update.
func (c *copies) trainingStep(o objective) (*engine.Step, error) {
	frozen := map[string]bool{}
	for {
		step, unreached, err := c.tryTrainingStep(o, frozen)
		if err != nil || len(unreached) == 0 {
			return step, err
		}
		for _, name := range unreached { // no loss depends on them: they are constants after all
			frozen[name] = true
		}
	}
}

func (c *copies) tryTrainingStep(
	o objective, frozen map[string]bool,
) (step *engine.Step, unreached []string, err error) {
	a := newAssembly("distillation step")
	defer a.Guard(&err)
	state, next := c.carryStudent(a, frozen)
	var names []string // of what is trained: the student's, then the connectors
	var trained []*graph.Value
	var set []func(*graph.Value)
	for _, name := range c.params {
		if v := state[name]; v != nil {
			names, trained, set = append(names, name), append(trained, v), append(set, next[name])
		}
	}
	a.Param = func(name string, initial *graph.Tensor) *graph.Value {
		v, next := a.carry(name, initial)
		names, trained, set = append(names, name), append(trained, v), append(set, next)
		return v
	}
	teacher, err := c.inlineTeacher(a)
	if err != nil {
		return nil, nil, err
	}
	student, err := a.inline("student", c.training, c.studentFeeds, state)
	if err != nil {
		return nil, nil, err
	}
	total, err := c.losses(a, o, teacher, student)
	if err != nil {
		return nil, nil, err
	}
	grads, err := pass.Gradient(a.In("gradient"), total, trained)
	if err != nil {
		return nil, nil, fmt.Errorf("distill: %w", err)
	}
	for i, g := range grads {
		if g == nil {
			unreached = append(unreached, names[i])
		}
	}
	if len(unreached) > 0 {
		return nil, unreached, nil
	}
	a.give(lossOutput, total)
	rate := a.feed(learningRateInput, graph.Float32, graph.Dims(1))
	updated := o.optimiser.update(&loss.Emitter{Builder: a.In("update")}, trained, grads, rate, a.carry)
	for i, v := range updated {
		set[i](v)
	}
	c.setRunning(student, next)
	step, err = a.finish()
	return step, nil, err
}

// losses appends the terms and their weighted sum, [1].
func (c *copies) losses(a *assembly, o objective, teacher, student inlined) (*graph.Value, error) {
	var sum *graph.Value
	add := func(name string, term *graph.Value) {
		if term != nil {
			a.give(lossOutput+"/"+name, term)
			sum = plus(a, sum, a.Mul(term, a.feed(weightInput+name, graph.Float32, graph.Dims(1))))
		}
	}
	for _, l := range loss.Outputs() {
		if _, named := o.weights[l.Name]; named {
			add(l.Name, c.outputTerm(a, l, o, teacher, student))
		}
	}
	for _, l := range loss.Features() {
		if _, named := o.weights[l.Name]; named {
			add(l.Name, c.featureTerm(a, l, o, teacher, student))
		}
	}
	if err := a.Err(); err != nil {
		return nil, fmt.Errorf("distill: losses: %w", err)
	}
	if sum == nil {
		return nil, fmt.Errorf("distill: no loss is left: weights %q, %d pairs, labels %v",
			o.weights, len(o.pairs), o.labelled)
	}
	return sum, nil
}

// outputTerm appends a loss on outputs, summed over those that it takes, [1]; nil where it takes none.
func (c *copies) outputTerm(a *assembly, l loss.OutputLoss, o objective, teacher, student inlined) (sum *graph.Value) {
	for _, of := range c.outputs {
		if refusal(l, of) != "" {
			continue
		}
		t, s := teacher[of.teacher], student[of.student]
		out := loss.Output{Name: of.name, Teacher: t, Student: s, Classify: of.classify,
			Temperature: loss.Temperature(o.temperature, t), Variance: o.variances.of(of.name)}
		if l.Labels {
			out.Labels = a.feed(labelsInput, graph.Float32, s.Shape.Clone())
		}
		sum = plus(a, sum, l.Emit(a.Emitter, out))
	}
	return sum
}

// featureTerm appends a loss on feature maps, the mean over the pairs that it takes, [1]; nil where it takes none.
func (c *copies) featureTerm(
	a *assembly, l loss.FeatureLoss, o objective, teacher, student inlined,
) (mean *graph.Value) {
	features := c.features(o.pairs, l, teacher, student)
	for _, f := range features {
		t := l.Term(a.Emitter, f, o.variances.of(featureName(l, f)))
		mean = plus(a, mean, a.Scale(t, 1/float64(len(features))))
	}
	return mean
}

// plus appends sum + v; sum is nil at first.
func plus(a *assembly, sum, v *graph.Value) *graph.Value {
	if sum == nil {
		return v
	}
	return a.Add(sum, v)
}

// features lists the pairs that a loss takes.
func (c *copies) features(pairs []Pair, l loss.FeatureLoss, teacher, student inlined) []loss.Feature {
	var all []loss.Feature
	for _, p := range pairs {
		if f := p.feature(teacher, student); p.Role == l.Role && l.Refuse(*f) == "" {
			all = append(all, *f)
		}
	}
	return all
}

// feature looks a pair's values up; p may be nil.
func (p *Pair) feature(teacher, student inlined) *loss.Feature {
	if p == nil {
		return nil
	}
	return &loss.Feature{Name: p.Student, Teacher: teacher[p.Teacher], Student: student[p.Student],
		Channel: p.Channel, Kept: p.Kept, First: p.First.feature(teacher, student), Pre: p.Pre.feature(teacher, student)}
}

func featureName(l loss.FeatureLoss, f loss.Feature) string { return l.Name + "/" + f.Name }

// checkPairs reports every pair that names a value which is not there, or not a feature map.
func (c *copies) checkPairs(pairs []Pair) error {
	t, s := c.teacher.ByName(), c.training.ByName()
	for len(pairs) > 0 {
		p := pairs[0]
		pairs = pairs[1:]
		for _, beside := range []*Pair{p.First, p.Pre} {
			if beside != nil {
				pairs = append(slices.Clone(pairs), *beside)
			}
		}
		switch {
		case t[p.Teacher] == nil:
			return fmt.Errorf("distill: pair %s:%s: the teacher has no value %q", p.Teacher, p.Student, p.Teacher)
		case s[p.Student] == nil:
			return fmt.Errorf("distill: pair %s:%s: the student has no value %q", p.Teacher, p.Student, p.Student)
		}
		for _, v := range []*graph.Value{t[p.Teacher], s[p.Student]} {
			if v.DType != graph.Float32 || p.Channel < 1 || p.Channel >= len(v.Shape) {
				return fmt.Errorf("distill: pair %s:%s: %q is %v%v, which has no channel axis %d",
					p.Teacher, p.Student, v.Name, v.DType, v.Shape, p.Channel)
			}
		}
	}
	return nil
}

// calibrationStep assembles the teacher-side transforms whose variances scale the terms: one output for each feature
// loss and pair, and one for each model output.
func (c *copies) calibrationStep(o objective) (_ *engine.Step, err error) {
	a := newAssembly("calibration")
	defer a.Guard(&err)
	teacher, err := c.inlineTeacher(a)
	if err != nil {
		return nil, err
	}
	student, err := a.inline("student", c.student, c.studentFeeds, nil)
	if err != nil {
		return nil, err
	}
	for _, l := range loss.Features() {
		if _, named := o.weights[l.Name]; !named {
			continue
		}
		for _, f := range c.features(o.pairs, l, teacher, student) {
			a.give(featureName(l, f), l.Teacher(a.Emitter, f))
		}
	}
	for _, o := range c.outputs {
		a.give(o.name, teacher[o.teacher])
	}
	return a.finish()
}

// statisticsStep assembles the student's forward pass in training form; a run moves the running statistics and nothing
// else.
func (c *copies) statisticsStep() (*engine.Step, error) {
	a := newAssembly("batch norm statistics")
	state, next := c.carryStudent(a, nil)
	student, err := a.inline("student", c.training, c.studentFeeds, state)
	if err != nil {
		return nil, err
	}
	c.setRunning(student, next)
	return a.finish()
}

// evaluationStep assembles the inference of the teacher, or of the student by its state. Its outputs are the values
// that losses compare: logits where the task is to classify.
func (c *copies) evaluationStep(student bool) (*engine.Step, error) {
	a := newAssembly("evaluation")
	var m inlined
	var err error
	if student {
		state, _ := c.carryStudent(a, nil)
		m, err = a.inline("student", c.student, c.studentFeeds, state)
	} else {
		m, err = c.inlineTeacher(a)
	}
	if err != nil {
		return nil, err
	}
	for _, o := range c.outputs {
		v := m[o.teacher]
		if student {
			v = m[o.student]
		}
		a.give(o.name, v)
	}
	return a.finish()
}

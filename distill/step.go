package distill

import (
	"fmt"
	"maps"
	"slices"

	"github.com/ildc/ildc/distill/engine"
	"github.com/ildc/ildc/distill/loss"
	"github.com/ildc/ildc/graph"
	"github.com/ildc/ildc/graph/op"
	"github.com/ildc/ildc/graph/pass"
)

// Names of what a step is fed besides the models' inputs, and of what it gives.
const (
	learningRateInput = "ildc.learning_rate" // [1]
	labelsInput       = "ildc.labels"        // one-hot [N,K]
	weightInput       = "ildc.weight/"       // [1], of the term that follows
	lossOutput        = "ildc.loss"          // [1]; each term by itself, before its weight, is "ildc.loss/<term>"
)

// objective is what a training step minimises, and how.
type objective struct {
	weights     loss.Weights // of the terms that there are; a step is fed them, since they may move
	temperature float64      // 0: see [temperature]
	pairs       []Pair
	labelled    bool
	optimiser   Optimiser
	variances   variances
}

// variances are those of teacher-side transforms per element, by the names of the outputs of [copies.calibration].
type variances map[string]float64

// minVariance keeps a teacher-side transform that hardly varies from dominating the objective.
const minVariance = 1e-6

func (v variances) of(name string) float64 { return max(v[name], minVariance) }

// assembly is a step graph in the making.
type assembly struct {
	*loss.Emitter
	c     *copies
	step  *engine.Step
	feeds map[string]*graph.Value
}

func newAssembly(c *copies, name string) *assembly {
	g := graph.New(name)
	g.Opsets[""], g.Opsets[op.Macro] = op.Opset, 1
	a := &assembly{c: c, step: &engine.Step{Graph: g}, feeds: map[string]*graph.Value{}}
	a.Emitter = &loss.Emitter{Builder: graph.NewBuilder(g, op.Infer)}
	return a
}

// feed declares, once, what a run is given.
func (a *assembly) feed(name string, dtype graph.DType, shape graph.Shape) *graph.Value {
	if a.feeds[name] == nil {
		a.feeds[name] = a.Input(name, dtype, shape)
	}
	return a.feeds[name]
}

// carry declares a state tensor, and gives its value in this run and a function that sets the next. State that is given
// no next value changes by SetState only.
func (a *assembly) carry(name string, initial *graph.Tensor) (now *graph.Value, next func(*graph.Value)) {
	now = a.Input(name, initial.DType, initial.Shape())
	k := len(a.step.State)
	a.step.State = append(a.step.State, engine.Carry{In: now.Name, Initial: initial})
	return now, func(v *graph.Value) {
		a.step.State[k].Out = v.Name
		a.Output(v)
	}
}

// inlined gives the values of a model that has become part of the step, by their names in the model.
type inlined map[string]*graph.Value

// inline appends a model's nodes. Its inputs are fed by feeds' names, and the initializers in state are read from there.
func (a *assembly) inline(scope string, g *graph.Graph, feeds []string, state map[string]*graph.Value) (inlined, error) {
	bind := maps.Clone(state)
	if bind == nil {
		bind = map[string]*graph.Value{}
	}
	for i, v := range g.Inputs {
		bind[v.Name] = a.feed(feeds[i], v.DType, v.Shape.Clone())
	}
	to, err := pass.Inline(a.In(scope), g, bind)
	if err != nil {
		return nil, fmt.Errorf("distill: %w", err)
	}
	m := inlined{}
	for old, v := range to {
		m[old.Name] = v
	}
	return m, nil
}

func (a *assembly) teacher() (inlined, error) {
	return a.inline("teacher", a.c.teacher, a.c.teacherFeeds, nil)
}

// studentState declares the student's trained tensors and running statistics as state, but for those in frozen.
func (a *assembly) studentState(frozen map[string]bool) (state map[string]*graph.Value, next map[string]func(*graph.Value)) {
	state, next = map[string]*graph.Value{}, map[string]func(*graph.Value){}
	byName := a.c.student.ByName()
	for _, name := range a.c.stateNames() {
		if v := byName[name]; v != nil && !frozen[name] {
			state[name], next[name] = a.carry(studentState(name), v.Const)
		}
	}
	return state, next
}

// studentState is the state's name of a student's initializer, in every step.
func studentState(name string) string { return "student/" + name }

// stateNames lists the trained initializers, then those that hold running statistics.
func (c *copies) stateNames() []string {
	return slices.Concat(c.params, slices.Sorted(maps.Keys(c.running)))
}

// setRunning lets the running statistics move.
func (a *assembly) setRunning(student inlined, next map[string]func(*graph.Value)) {
	for _, name := range slices.Sorted(maps.Keys(a.c.running)) {
		if set := next[name]; set != nil {
			set(student[a.c.running[name]])
		}
	}
}

// result names a value as an output of the step.
func (a *assembly) result(name string, v *graph.Value) {
	a.Output(a.Rename(v, name))
}

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

func (c *copies) tryTrainingStep(o objective, frozen map[string]bool) (step *engine.Step, unreached []string, err error) {
	a := newAssembly(c, "distillation step")
	defer a.Guard(&err)
	state, next := a.studentState(frozen)
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
	teacher, err := a.teacher()
	if err != nil {
		return nil, nil, err
	}
	student, err := a.inline("student", c.training, c.studentFeeds, state)
	if err != nil {
		return nil, nil, err
	}
	total, err := a.losses(o, teacher, student)
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
	a.result(lossOutput, total)
	rate := a.feed(learningRateInput, graph.Float32, graph.Dims(1))
	updated := o.optimiser.update(&loss.Emitter{Builder: a.In("update")}, trained, grads, rate, a.carry)
	for i, v := range updated {
		set[i](v)
	}
	a.setRunning(student, next)
	return a.finish()
}

// losses appends the terms and their weighted sum, [1].
func (a *assembly) losses(o objective, teacher, student inlined) (*graph.Value, error) {
	var sum *graph.Value
	add := func(name string, term *graph.Value) {
		a.result(lossOutput+"/"+name, term)
		term = a.Mul(term, a.feed(weightInput+name, graph.Float32, graph.Dims(1)))
		if sum == nil {
			sum = term
			return
		}
		sum = a.Add(sum, term)
	}
	for _, l := range loss.Outputs() {
		if _, named := o.weights[l.Name]; !named {
			continue
		}
		var term *graph.Value
		for _, of := range a.c.outputs {
			if refusal(l, of) != "" {
				continue
			}
			out := loss.Output{Name: of.name, Teacher: teacher[of.teacher], Student: student[of.student],
				Classify: of.classify, Temperature: loss.Temperature(o.temperature, teacher[of.teacher]), Variance: o.variances.of(of.name)}
			if l.Labels {
				out.Labels = a.feed(labelsInput, graph.Float32, out.Student.Shape.Clone())
			}
			t := l.Emit(a.Emitter, out)
			if term == nil {
				term = t
			} else {
				term = a.Add(term, t)
			}
		}
		if term != nil {
			add(l.Name, term)
		}
	}
	for _, l := range loss.Features() {
		features := a.c.features(o.pairs, l, teacher, student)
		if _, named := o.weights[l.Name]; !named || len(features) == 0 {
			continue
		}
		var term *graph.Value
		for _, f := range features {
			t := l.Term(a.Emitter, f, o.variances.of(featureName(l, f)))
			t = a.Scale(t, 1/float64(len(features)))
			if term == nil {
				term = t
			} else {
				term = a.Add(term, t)
			}
		}
		add(l.Name, term)
	}
	if err := a.Err(); err != nil {
		return nil, fmt.Errorf("distill: losses: %w", err)
	}
	if sum == nil {
		return nil, fmt.Errorf("distill: no loss is left: weights %q, %d pairs, labels %v", o.weights, len(o.pairs), o.labelled)
	}
	return sum, nil
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
	return &loss.Feature{Name: p.Student, Teacher: teacher[p.Teacher], Student: student[p.Student], Channel: p.Channel, Kept: p.Kept,
		First: p.First.feature(teacher, student), Pre: p.Pre.feature(teacher, student)}
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
				return fmt.Errorf("distill: pair %s:%s: %q is %v%v, which has no channel axis %d", p.Teacher, p.Student, v.Name, v.DType, v.Shape, p.Channel)
			}
		}
	}
	return nil
}

// calibrationStep assembles the teacher-side transforms whose variances scale the terms: one output for each feature loss and pair, and
// one for each model output.
func (c *copies) calibrationStep(o objective) (_ *engine.Step, err error) {
	a := newAssembly(c, "calibration")
	defer a.Guard(&err)
	teacher, err := a.teacher()
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
			a.result(featureName(l, f), l.Teacher(a.Emitter, f))
		}
	}
	for _, o := range c.outputs {
		a.result(o.name, teacher[o.teacher])
	}
	step, _, err := a.finish()
	return step, err
}

// statisticsStep assembles the student's forward pass in training form; a run moves the running statistics and nothing else.
func (c *copies) statisticsStep() (*engine.Step, error) {
	a := newAssembly(c, "batch norm statistics")
	state, next := a.studentState(nil)
	student, err := a.inline("student", c.training, c.studentFeeds, state)
	if err != nil {
		return nil, err
	}
	a.setRunning(student, next)
	step, _, err := a.finish()
	return step, err
}

// evaluationStep assembles the inference of the teacher, or of the student by its state. Its outputs are the values that losses
// compare: logits where the task is to classify.
func (c *copies) evaluationStep(student bool) (*engine.Step, error) {
	a := newAssembly(c, "evaluation")
	var m inlined
	var err error
	if student {
		state, _ := a.studentState(nil)
		m, err = a.inline("student", c.student, c.studentFeeds, state)
	} else {
		m, err = a.teacher()
	}
	if err != nil {
		return nil, err
	}
	for _, o := range c.outputs {
		v := m[o.teacher]
		if student {
			v = m[o.student]
		}
		a.result(o.name, v)
	}
	step, _, err := a.finish()
	return step, err
}

func (a *assembly) finish() (*engine.Step, []string, error) {
	if err := a.Err(); err != nil {
		return nil, nil, fmt.Errorf("distill: %s: %w", a.step.Graph.Name, err)
	}
	pass.DeadCode(a.step.Graph)
	if err := a.step.Graph.Check(); err != nil {
		return nil, nil, fmt.Errorf("distill: %s: %w", a.step.Graph.Name, err)
	}
	return a.step, nil, nil
}

package distill

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"strings"

	"github.com/ildc/ildc/distill/dataset"
	"github.com/ildc/ildc/distill/loss"
	"github.com/ildc/ildc/graph"
	"github.com/ildc/ildc/graph/pass"
	"github.com/ildc/ildc/internal/setting"
)

// errNotFinite says that training has diverged.
var errNotFinite = errors.New("the loss is no longer finite: lower the learning rate, or check the scale of the data")

// session holds what a run is made of, and its compiled programs.
type session struct {
	job      *Job
	o        Options // settled
	copies   *copies
	labelled bool
	goal     objective
	terms    []Term // of the compiled training step

	train, evalTeacher, evalStudent *compiled
	teacherOutputs                  []tensors // on the validation part, by batch
}

// open settles the batch, and assembles what a run is made of. It refuses a job whose training step the memory there is
// does not hold.
func (j *Job) open(ctx context.Context, o Options) (*session, error) {
	bind := pass.Binding{Batch: o.Batch, Symbols: j.Symbols}
	models := []model{{"teacher", j.Teacher}, {"student", j.Student}}
	var err error
	if o.Batch, err = settleBatch(ctx, j.backend(), bind, j.log(), models...); err != nil {
		return nil, err
	}
	whole := *j
	whole.Train = filled(j.Train, o.Batch)
	j = &whole
	s, err := j.assemble(o)
	if err != nil {
		return nil, err
	}
	if err := s.copies.checkPairs(j.Pairs); err != nil {
		return nil, err
	}
	return s, s.checkMemory()
}

// assemble prepares the training copies, and settles what depends on them.
func (j *Job) assemble(o Options) (*session, error) {
	classes := j.Train.Spec().Classes
	bind := pass.Binding{Batch: o.Batch, Symbols: j.Symbols}
	c, err := prepare(j.Teacher, j.Student, bind, o.Task, classes, ownInputs(j.Bindings))
	if err != nil {
		return nil, err
	}
	s := &session{job: j, o: o, copies: c}
	s.labelled = c.labelled()
	s.goal = objective{weights: o.used(), temperature: o.Temperature, pairs: j.Pairs, labelled: s.labelled,
		optimiser: o.Optimiser}
	return s, nil
}

// compileTraining compiles the training step, and tells its terms.
func (s *session) compileTraining(ctx context.Context) error {
	step, err := s.copies.trainingStep(s.goal)
	if err != nil {
		return err
	}
	emitted := map[string]bool{}
	for _, v := range step.Graph.Outputs {
		if name, ok := strings.CutPrefix(v.Name, lossOutput+"/"); ok {
			emitted[name] = true
		}
	}
	if s.terms, err = s.usedTerms(emitted); err != nil {
		return err
	}
	s.train, err = s.job.backend().compile(ctx, step)
	return err
}

// step takes training step i, and gives the loss of each term, before its weight, and "total".
func (s *session) step(
	ctx context.Context, batch map[string]*graph.Tensor, rate float64, weights loss.Weights, i int,
) (map[string]float64, error) {
	in := maps.Clone(batch)
	number := func(name string, v float64) { in[name] = graph.FromFloat32([]int{1}, []float32{float32(v)}) }
	number(learningRateInput, rate)
	for term, w := range weights {
		number(weightInput+term, s.goal.balance.balanced(term, w))
	}
	out, err := s.train.run(ctx, in)
	if err != nil {
		return nil, err
	}
	losses := map[string]float64{}
	for name, t := range out {
		term, isTerm := strings.CutPrefix(name, lossOutput+"/")
		if name == lossOutput {
			term, isTerm = "total", true
		}
		if !isTerm {
			continue
		}
		value := float64(t.Float32s()[0])
		if math.IsNaN(value) || math.IsInf(value, 0) {
			return nil, setting.Mends(fmt.Errorf("distill: step %d: %w", i, errNotFinite), "LearnRate", "Scale")
		}
		losses[term] = value
	}
	return losses, nil
}

func (s *session) close() {
	for _, c := range []*compiled{s.train, s.evalTeacher, s.evalStudent} {
		if c != nil {
			c.Close()
		}
	}
}

// training says how training batches are drawn; labels come along where the objective needs them.
func (s *session) training() dataset.LoaderOptions {
	o := dataset.LoaderOptions{Batch: s.o.Batch, Bindings: s.job.Bindings, Train: true, Augment: s.job.Augment,
		Seed: s.o.Seed}
	if s.labelled {
		o.OneHot = labelsInput
	}
	return o
}

// How many batches of training data tell the variances of terms, which are single numbers, and the batch norm
// statistics, which are averages that move by a tenth in a step.
const (
	varianceBatches   = 8
	statisticsBatches = 50
)

// calibrate settles on training batches what the terms' sizes depend on.
func (s *session) calibrate(ctx context.Context) (err error) {
	if s.goal.variances, err = s.estimateVariances(ctx); err != nil {
		return err
	}
	s.goal.balance, err = s.balanceTerms(ctx)
	return err
}

// estimateVariances estimates the variances of the teacher-side transforms.
func (s *session) estimateVariances(ctx context.Context) (variances, error) {
	step, err := s.copies.calibrationStep(s.goal)
	if err != nil || len(step.Graph.Outputs) == 0 {
		return variances{}, err
	}
	p, err := s.job.backend().compile(ctx, step)
	if err != nil {
		return nil, err
	}
	defer p.Close()
	type moments struct{ n, sum, squares float64 }
	of := map[string]*moments{}
	err = eachOf(ctx, varianceBatches, s.job.Train, s.training(), func(b *dataset.Batch) error {
		out, err := p.run(ctx, b.Inputs)
		for name, t := range out {
			m := of[name]
			if m == nil {
				m = &moments{}
				of[name] = m
			}
			for _, x := range t.Float32s() {
				m.n, m.sum, m.squares = m.n+1, m.sum+float64(x), m.squares+float64(x)*float64(x)
			}
		}
		return err
	})
	v := variances{}
	for name, m := range of {
		mean := m.sum / m.n
		v[name] = m.squares/m.n - mean*mean
	}
	return v, err
}

// reestimate estimates anew the running statistics of a student whose channels were removed.
func (s *session) reestimate(ctx context.Context) error {
	if len(s.copies.running) == 0 {
		return nil
	}
	step, err := s.copies.statisticsStep()
	if err != nil {
		return err
	}
	p, err := s.job.backend().compile(ctx, step)
	if err != nil {
		return err
	}
	defer p.Close()
	if err := eachOf(ctx, statisticsBatches, s.job.Train, s.training(), func(b *dataset.Batch) error {
		_, err := p.run(ctx, b.Inputs)
		return err
	}); err != nil {
		return err
	}
	return copyState(s.train, p)
}

// validateTeacher measures the teacher on the validation part, and keeps its outputs for those of the student.
func (s *session) validateTeacher(ctx context.Context) (m Metrics, err error) {
	m, s.teacherOutputs, err = s.measureOn(ctx, s.evalTeacher, nil)
	return m, err
}

// validate measures the student as it is by now on the validation part.
func (s *session) validate(ctx context.Context) (Metrics, error) {
	if err := copyState(s.evalStudent, s.train); err != nil {
		return Metrics{}, err
	}
	m, _, err := s.measureOn(ctx, s.evalStudent, s.teacherOutputs)
	return m, err
}

func (s *session) measureOn(ctx context.Context, p *compiled, teacher []tensors) (Metrics, []tensors, error) {
	o := dataset.LoaderOptions{Batch: s.o.Batch, Bindings: s.job.Bindings}
	return measure(ctx, p, s.copies.outputs, s.job.Validation, o, teacher)
}

// checkTeacher refuses a teacher that is no better than guessing on labelled data.
func (s *session) checkTeacher(m Metrics) error {
	if m.Accuracy == nil || s.job.Force {
		return nil
	}
	chance := 1 / float64(s.job.Validation.Spec().Classes)
	// Two standard deviations above guessing, and half as much again as chance, or, of few classes, a quarter of what is
	// above it.
	limit := max(min(1.5*chance, chance+(1-chance)/4), chance+2*math.Sqrt(chance*(1-chance)/float64(m.Samples)))
	if *m.Accuracy >= min(limit, 1) {
		return nil
	}
	return setting.Mends(fmt.Errorf("distill: accuracy of the teacher on %d samples is %.1f %%, chance is %.1f %%: %w",
		m.Samples, 100**m.Accuracy, 100*chance, ErrTeacherNearChance), "Scale", "Mean", "Std", "Layout", "Force")
}

// cancelled says whether an error is the context's.
func cancelled(ctx context.Context, err error) bool {
	return ctx.Err() != nil && (errors.Is(err, ctx.Err()) || errors.Is(err, context.Cause(ctx)))
}

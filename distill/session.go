package distill

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"strings"

	"github.com/ildc/ildc/distill/dataset"
	"github.com/ildc/ildc/distill/engine"
	"github.com/ildc/ildc/distill/loss"
	"github.com/ildc/ildc/graph"
	"github.com/ildc/ildc/graph/pass"
)

// session holds what a run is made of, and its compiled programs.
type session struct {
	job      *Job
	o        Options // settled
	copies   *copies
	labelled bool
	goal     objective
	terms    []Term // of the compiled training step

	train, evalTeacher, evalStudent *compiled
	teacherOutputs                  []map[string]*graph.Tensor // on the validation part, by batch
}

// open settles the batch, and assembles what a run is made of. It refuses a job whose training step the memory there is does not hold.
func (j *Job) open(ctx context.Context, o Options) (*session, error) {
	if err := j.batchable(ctx, &o); err != nil {
		return nil, err
	}
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
	c, err := prepare(j.Teacher, j.Student, j.binding(o.Batch), o.Task, classes, j.ownInputs())
	if err != nil {
		return nil, err
	}
	o.settle(c.normalised())
	s := &session{job: j, o: o, copies: c}
	s.labelled = c.labelled()
	s.goal = objective{weights: o.used(), temperature: o.Temperature, pairs: j.Pairs, labelled: s.labelled, optimiser: o.Optimiser}
	return s, nil
}

// compiled is a program with the step it runs.
type compiled struct {
	engine.Program
	step *engine.Step
}

func (j *Job) compile(ctx context.Context, s *engine.Step) (*compiled, error) {
	o := j.EngineOptions
	o.Deterministic = true
	p, err := engine.Compile(ctx, j.Engine, s, o)
	if err != nil {
		return nil, fmt.Errorf("distill: %s on engine %s: %w", s.Graph.Name, j.Engine.Name(), err)
	}
	return &compiled{p, s}, nil
}

func (c *compiled) run(ctx context.Context, batch map[string]*graph.Tensor) (map[string]*graph.Tensor, error) {
	return runOn(ctx, c.Program, c.step, batch)
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
	s.train, err = s.job.compile(ctx, step)
	return err
}

// step takes training step i, and gives the loss of each term, before its weight, and "total".
func (s *session) step(ctx context.Context, batch map[string]*graph.Tensor, rate float64, weights loss.Weights, i int) (map[string]float64, error) {
	in := maps.Clone(batch)
	number := func(name string, v float64) { in[name] = graph.FromFloat32([]int{1}, []float32{float32(v)}) }
	number(learningRateInput, rate)
	for term, w := range weights {
		number(weightInput+term, w)
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
			return nil, fmt.Errorf("distill: step %d: %w", i, errNotFinite)
		}
		losses[term] = value
	}
	return losses, nil
}

// stateNames lists those state tensors of c that another program has, too.
func (c *compiled) shared(with *compiled) []string {
	has := map[string]bool{}
	for _, s := range with.step.State {
		has[s.In] = true
	}
	var names []string
	for _, s := range c.step.State {
		if has[s.In] {
			names = append(names, s.In)
		}
	}
	return names
}

// copyState moves what two programs share from one to the other.
func copyState(to, from *compiled) error {
	names := to.shared(from)
	if len(names) == 0 {
		return nil
	}
	state, err := from.State(names...)
	if err != nil {
		return err
	}
	return to.SetState(state)
}

func (s *session) close() {
	for _, c := range []*compiled{s.train, s.evalTeacher, s.evalStudent} {
		if c != nil {
			c.Close()
		}
	}
}

// trainLoader gives training batches from a step on; labels come along where the objective needs them.
func (s *session) trainLoader(seed uint64) (*dataset.Loader, error) {
	o := dataset.LoaderOptions{Batch: s.o.Batch, Bindings: s.job.Bindings, Train: true, Augment: s.job.Augment, Seed: seed}
	if s.labelled {
		o.OneHot = labelsInput
	}
	return dataset.NewLoader(s.job.Train, o)
}

// calibrationBatches bounds how much data the variances and the batch norm statistics are estimated on.
const calibrationBatches = 50

// calibrate estimates the variances of the teacher-side transforms on training batches.
func (s *session) calibrate(ctx context.Context) (variances, error) {
	step, err := s.copies.calibrationStep(s.goal)
	if err != nil || len(step.Graph.Outputs) == 0 {
		return variances{}, err
	}
	p, err := s.job.compile(ctx, step)
	if err != nil {
		return nil, err
	}
	defer p.Close()
	type moments struct{ n, sum, squares float64 }
	of := map[string]*moments{}
	err = s.someBatches(ctx, 8, func(b *dataset.Batch) error {
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

// restatistics estimates anew the running statistics of a student whose channels were removed.
func (s *session) restatistics(ctx context.Context) error {
	if len(s.copies.running) == 0 {
		return nil
	}
	step, err := s.copies.statisticsStep()
	if err != nil {
		return err
	}
	p, err := s.job.compile(ctx, step)
	if err != nil {
		return err
	}
	defer p.Close()
	if err := s.someBatches(ctx, calibrationBatches, func(b *dataset.Batch) error {
		_, err := p.run(ctx, b.Inputs)
		return err
	}); err != nil {
		return err
	}
	return copyState(s.train, p)
}

// someBatches gives batches of the training data from a random stream of their own.
func (s *session) someBatches(ctx context.Context, n int, f func(*dataset.Batch) error) error {
	loader, err := s.trainLoader(s.o.Seed ^ 0x9e3779b97f4a7c15)
	if err != nil {
		return err
	}
	for b, err := range loader.Batches(ctx, 0) {
		if err == nil {
			err = f(b)
		}
		if err != nil || b.Step+1 >= n {
			return err
		}
	}
	return nil
}

// validate measures the student, or the teacher, on the validation part.
func (s *session) validate(ctx context.Context, student bool) (Metrics, error) {
	if !student {
		m, outputs, err := measure(ctx, s.copies, s.evalTeacher, nil, s.job.Validation, s.job.Bindings, s.o.Batch)
		s.teacherOutputs = outputs
		return m, err
	}
	if err := copyState(s.evalStudent, s.train); err != nil {
		return Metrics{}, err
	}
	m, _, err := measure(ctx, s.copies, s.evalStudent, s.teacherOutputs, s.job.Validation, s.job.Bindings, s.o.Batch)
	return m, err
}

// measure runs a program over a data set and compares its outputs with labels, and with the teacher's where they are given.
func measure(ctx context.Context, c *copies, p *compiled, teacher []map[string]*graph.Tensor, ds dataset.Dataset, bindings []*dataset.Binding, batch int) (Metrics, []map[string]*graph.Tensor, error) {
	loader, err := dataset.NewLoader(ds, dataset.LoaderOptions{Batch: batch, Bindings: bindings})
	if err != nil {
		return Metrics{}, nil, err
	}
	meters := make([]*meter, len(c.outputs))
	for i, o := range c.outputs {
		meters[i] = &meter{classify: o.classify}
	}
	var outputs []map[string]*graph.Tensor
	for b, err := range loader.Batches(ctx, 0) {
		if err != nil {
			return Metrics{}, nil, err
		}
		out, err := p.run(ctx, b.Inputs)
		if err != nil {
			return Metrics{}, nil, err
		}
		for i, o := range c.outputs {
			var want *graph.Tensor
			if teacher != nil {
				want = teacher[b.Step][o.name]
			}
			var labels []int
			if o.scored {
				labels = b.Labels
			}
			meters[i].add(out[o.name], want, labels, b.N)
		}
		if teacher == nil {
			outputs = append(outputs, out)
		}
	}
	return joined(c.outputs, meters, teacher != nil), outputs, nil
}

// checkTeacher refuses a teacher that is no better than guessing on labelled data.
func (s *session) checkTeacher(m Metrics) error {
	if m.Accuracy == nil || s.job.Force {
		return nil
	}
	chance := 1 / float64(s.job.Validation.Spec().Classes)
	// Two standard deviations above guessing, and half as much again as chance.
	limit := max(1.5*chance, chance+2*math.Sqrt(chance*(1-chance)/float64(m.Samples)))
	if *m.Accuracy >= min(limit, 1) {
		return nil
	}
	return fmt.Errorf("distill: accuracy of the teacher on %d samples is %.1f %%, chance is %.1f %%: %w", m.Samples, 100**m.Accuracy, 100*chance, ErrTeacherNearChance)
}

// verifyBatch checks a model with a fixed batch of 1 that has been rebatched.
func (j *Job) verifyBatch(ctx context.Context, g *graph.Graph) error {
	n, err := pass.Normalise(g)
	if err != nil {
		return err
	}
	const batch = 3
	if !pass.Rebatched(n, batch) {
		return nil
	}
	bind := j.binding(batch)
	many, err := pass.Specialise(n, bind)
	if err != nil {
		return err
	}
	bind.Batch = 1
	one, err := pass.Specialise(n, bind)
	if err != nil {
		return err
	}
	programs := map[*graph.Graph]*compiled{}
	for _, g := range []*graph.Graph{one, many} {
		if programs[g], err = j.compile(ctx, &engine.Step{Graph: g}); err != nil {
			return err
		}
		defer programs[g].Close()
	}
	return pass.SameByBatch(one, many, func(g *graph.Graph, in map[string]*graph.Tensor) (map[string]*graph.Tensor, error) {
		return programs[g].Run(ctx, in)
	})
}

// cancelled says whether an error is the context's.
func cancelled(ctx context.Context, err error) bool {
	return ctx.Err() != nil && (errors.Is(err, ctx.Err()) || errors.Is(err, context.Cause(ctx)))
}

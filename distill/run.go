package distill

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/ildc/ildc/distill/dataset"
	"github.com/ildc/ildc/graph"
	"github.com/ildc/ildc/internal/setting"
)

// Run distils: it prepares training copies, checks the teacher on the data, trains the student, and gives the state
// that validated best.
//
// A cancelled run writes a checkpoint where it has a folder for it, and returns [ErrInterrupted]. A resumed run ends in
// the same bytes as one that was never stopped.
func (j Job) Run(ctx context.Context) (*Result, error) {
	o := j.Options.withDefaults()
	if err := o.check(); err != nil {
		return nil, err
	}
	j.report(Progress{Phase: "preparing"})
	r, err := j.start(ctx, o)
	if err != nil {
		return nil, err
	}
	defer r.close()
	if err := r.loop(ctx); err != nil {
		return nil, err
	}
	return r.result()
}

// run is a distillation under way.
type run struct {
	session
	at      checkpoint // where it is; State is filled in when it is written
	started time.Time
	written time.Time
	before  float64         // seconds of earlier parts of the run
	each    []time.Duration // of each step of this part
}

// start prepares everything that comes before the first step, or goes on from a checkpoint.
func (j *Job) start(ctx context.Context, o Options) (_ *run, err error) {
	s, err := j.open(ctx, o)
	if err != nil {
		return nil, err
	}
	r := &run{session: *s}
	defer func() {
		if err != nil {
			r.close()
		}
	}()
	fingerprint, err := j.fingerprint(r.o)
	if err != nil {
		return nil, err
	}
	old, err := j.readResumable(fingerprint)
	if err != nil {
		return nil, err
	}
	if old != nil {
		r.goal.variances, r.goal.balance = old.Variances, old.Balance
	} else if err = r.calibrate(ctx); err != nil {
		return nil, err
	}
	if err := r.compileAll(ctx); err != nil {
		return nil, err
	}
	teacher, err := r.validateTeacher(ctx)
	if err != nil {
		return nil, err
	}
	if old != nil {
		r.at, r.before = *old, old.Seconds
		state, err := restore(old.State)
		if err != nil {
			return nil, err
		}
		return r, r.train.SetState(state)
	}
	if err := r.checkTeacher(teacher); err != nil {
		return nil, err
	}
	return r, r.begin(ctx, fingerprint, teacher)
}

// readResumable reads the checkpoint that a run goes on from; nil where it begins anew.
func (j *Job) readResumable(fingerprint string) (*checkpoint, error) {
	if j.Checkpoint == "" {
		return nil, nil
	}
	old, err := readCheckpoint(j.Checkpoint)
	if err != nil || old == nil {
		return nil, err
	}
	if !j.Resume {
		return nil, setting.Mends(fmt.Errorf("distill: %s holds the checkpoint of a run, at step %d of %d: "+
			"resume it, or name another folder", j.Checkpoint, old.Step, old.Steps), "Resume", "Checkpoint")
	}
	if old.Fingerprint != fingerprint {
		return nil, fmt.Errorf("distill: the checkpoint in %s belongs to another run: models, data, options or engine "+
			"differ; resume with the same ones, or start in another folder", j.Checkpoint)
	}
	j.log().Info("resuming", "step", old.Step, "steps", old.Steps)
	return old, nil
}

func (r *run) compileAll(ctx context.Context) error {
	if err := r.compileTraining(ctx); err != nil {
		return err
	}
	for _, e := range []struct {
		student bool
		to      **compiled
	}{{false, &r.evalTeacher}, {true, &r.evalStudent}} {
		step, err := r.copies.evaluationStep(e.student)
		if err != nil {
			return err
		}
		if *e.to, err = r.job.backend().compile(ctx, step); err != nil {
			return err
		}
	}
	return nil
}

// begin is what a run does before its first step, and a resumed one does not.
func (r *run) begin(ctx context.Context, fingerprint string, teacher Metrics) error {
	if err := r.reestimate(ctx); err != nil {
		return err
	}
	before, err := r.validate(ctx)
	if err != nil {
		return err
	}
	r.at = checkpoint{Version: checkpointVersion, Fingerprint: fingerprint, Batch: r.o.Batch, Variances: r.goal.variances,
		Balance: r.goal.balance, Teacher: teacher, Before: before, Sums: map[string]float64{}, Widths: map[string]int{}}
	for _, v := range r.job.Student.Initializers {
		if len(v.Const.Dims) > 0 {
			r.at.Widths[v.Name] = v.Const.Dims[0]
		}
	}
	if r.at.Steps = r.o.Steps; r.at.Steps == 0 && r.o.Epochs > 0 {
		r.at.Steps = max(r.o.least, r.o.Epochs*(r.job.Train.Len()/r.o.Batch))
	}
	return r.keepBest(before)
}

// keepBest remembers the state as the best so far.
func (r *run) keepBest(m Metrics) error {
	state, err := r.train.State(r.evalStudent.shared(r.train)...)
	if err != nil {
		return err
	}
	r.at.Best, r.at.BestStep, r.at.BestMetrics = save(state), r.at.Step, m
	return nil
}

// timedSteps is how many steps are timed to turn a duration into a number of steps.
const timedSteps = 8

// loop trains from where the run is to its last step.
func (r *run) loop(ctx context.Context) error {
	loader, err := dataset.NewLoader(r.job.Train, r.training())
	if err != nil {
		return err
	}
	r.started, r.written = time.Now(), time.Now()
	first := r.at.Step
	if _, err := r.validateIfDue(ctx, loader.Steps()); cancelled(ctx, err) { // between a step and its validation
		return r.stop()
	} else if err != nil {
		return err
	}
	if r.at.Steps > 0 && first >= r.at.Steps {
		return nil
	}
	for b, err := range loader.Batches(ctx, first) {
		if err == nil {
			err = r.advance(ctx, b.Inputs)
		}
		if err == nil {
			r.settleSteps(first)
			err = r.finishStep(ctx, loader.Steps())
		}
		switch {
		case cancelled(ctx, err):
			return r.stop()
		case err != nil:
			return err
		case r.at.Steps > 0 && r.at.Step >= r.at.Steps:
			return nil
		}
	}
	return nil
}

// advance takes one step.
func (r *run) advance(ctx context.Context, batch map[string]*graph.Tensor) error {
	steps := r.at.Steps
	if steps == 0 {
		steps = 1000 // while the number of steps is being timed, all of them warm up
	}
	start := time.Now()
	losses, err := r.step(ctx, batch, r.o.Schedule.At(r.at.Step, steps), r.o.weightsAt(r.at.Step, steps), r.at.Step)
	if err != nil {
		return err
	}
	r.each = append(r.each, time.Since(start))
	for term, loss := range losses {
		r.at.Sums[term] += loss
	}
	r.at.Step++
	r.at.Count++
	return nil
}

// settleSteps turns a duration into a number of steps, once some have been timed. From then on it is fixed, and part of
// the checkpoint.
func (r *run) settleSteps(first int) {
	if r.at.Steps > 0 || r.at.Step-first < timedSteps {
		return
	}
	each := time.Since(r.started) / timedSteps
	r.at.Steps = max(r.at.Step+1, int(r.o.Duration/max(each, 1)))
}

// writeCheckpoint saves where the run is, if it has a folder for it.
func (r *run) writeCheckpoint() error {
	r.written = time.Now()
	if r.job.Checkpoint == "" {
		return nil
	}
	state, err := r.train.State()
	if err != nil {
		return err
	}
	r.at.State = save(state)
	return r.at.write(r.job.Checkpoint)
}

// stop ends a cancelled run.
func (r *run) stop() error {
	r.at.Seconds = r.before + time.Since(r.started).Seconds()
	if err := r.writeCheckpoint(); err != nil {
		return err
	}
	where := "no checkpoint folder was given"
	if r.job.Checkpoint != "" {
		where = "resume from " + r.job.Checkpoint
	}
	return fmt.Errorf("distill: %w after step %d of %d: %s", ErrInterrupted, r.at.Step, r.at.Steps, where)
}

// result puts the best state into a copy of the student as it was given.
func (r *run) result() (*Result, error) {
	best, err := restore(r.at.Best)
	if err != nil {
		return nil, err
	}
	student, _ := r.job.Student.Clone()
	for _, v := range student.Values() {
		if t := best[studentState(v.Name)]; t != nil {
			student.Fix(v, t) // also where a Constant node gave it
		}
	}
	task := Regress
	if r.copies.classify() {
		task = Classify
	}
	res := &Result{Student: student, Task: task,
		Teacher: r.at.Teacher, Before: r.at.Before, Best: r.at.BestMetrics, BestStep: r.at.BestStep,
		Steps: r.at.Step, Batch: r.at.Batch, Seconds: r.at.Seconds, History: r.at.History, Losses: r.terms}
	if n := len(r.each); n > 0 {
		slices.Sort(r.each)
		res.StepTime = float64(r.each[n/2]) / float64(time.Millisecond)
	}
	if res.Seconds > 0 {
		res.ImagesPerSecond = float64(res.Steps*res.Batch) / res.Seconds
	}
	return res, nil
}

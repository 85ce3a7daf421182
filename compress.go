package ildc

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"time"

	"github.com/ildc/ildc/distill"
	"github.com/ildc/ildc/distill/engine"
	"github.com/ildc/ildc/distill/engine/embedded"
	"github.com/ildc/ildc/exporter"
	"github.com/ildc/ildc/graph"
	"github.com/ildc/ildc/graph/pass"
	"github.com/ildc/ildc/importer"
	"github.com/ildc/ildc/layermatch"
)

// Errors of a run that callers tell apart.
var (
	ErrInterrupted       = distill.ErrInterrupted
	ErrTeacherNearChance = distill.ErrTeacherNearChance
	ErrMemory            = distill.ErrMemory
)

// Compress runs the whole pipeline. A result whose requirements (budget, least score) are not all met is given without an error, with
// Met false and the reasons in NotMet.
func Compress(ctx context.Context, o Options) (*Result, error) {
	if err := writable(o); err != nil {
		return nil, err
	}
	p, err := newPlan(ctx, o, true)
	if err != nil {
		if p != nil {
			return p.result, err
		}
		return nil, err
	}
	data := p.data
	if data.train.Spec().Synthetic {
		p.result.warn("there is no data: the student was trained and measured on synthetic inputs; on real ones expect it to be clearly worse. Give data with --data, labels are not needed")
	}
	if p.options.Data.made != nil {
		p.result.warn("there is no data: the student was trained and measured on inputs made from the teacher's batch norm statistics; on real ones expect it to be worse. Give data with --data, labels are not needed")
	}
	trained, err := p.train(ctx, data)
	if err != nil {
		return nil, err
	}
	if err := p.export(ctx, trained); err != nil {
		return nil, err
	}
	if err := p.measure(ctx, data); err != nil {
		return nil, err
	}
	if err := p.require(ctx); err != nil {
		return nil, err
	}
	if err := p.compareFeatures(ctx); err != nil {
		return nil, err
	}
	return p.result, p.write()
}

// compareFeatures tells how alike the feature maps are after training, as [plan.align] does of those before.
func (p *plan) compareFeatures(ctx context.Context) error {
	if p.result.Similarity == nil {
		return nil
	}
	bind := pass.Binding{Batch: 1, Symbols: p.options.Data.Symbols}
	teacher, err := pass.Analyse(p.teacher.graph, bind)
	if err != nil {
		return err
	}
	student, err := pass.Analyse(p.student, bind)
	if err != nil {
		return err
	}
	p.result.Trained, err = layermatch.Similar(teacher, student, p.features(ctx, teacher))
	return err
}

// metadata is what the student's file says of its making.
func (p *plan) metadata() map[string]string {
	pre := p.options.Data.Preprocess
	if p.options.Data.Student != nil {
		pre = *p.options.Data.Student
	}
	return map[string]string{"ildc.teacher_sha256": p.teacher.sha256, "ildc.budget": p.result.Budget.Asked, "ildc.preprocess": pre.String()}
}

func engineOf(e engine.Engine) engine.Engine {
	if e == nil {
		return embedded.New()
	}
	return e
}

// writable finds out before hours of training whether the output can be written.
func writable(o Options) error {
	if o.Output == "" {
		return nil
	}
	if info, err := os.Stat(o.Output); err == nil && info.IsDir() {
		return fmt.Errorf("ildc: output %s is a folder: name a file", o.Output)
	} else if err == nil && !o.Overwrite {
		return fmt.Errorf("ildc: output %s exists: name another one, or ask for it to be overwritten", o.Output)
	} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("ildc: output: %w", err)
	}
	f, err := os.CreateTemp(filepath.Dir(o.Output), ".ildc-*")
	if err != nil {
		return fmt.Errorf("ildc: output %s cannot be written: %w", o.Output, err)
	}
	return errors.Join(f.Close(), os.Remove(f.Name()))
}

// job is the distillation of a student.
func (p *plan) job(student *graph.Graph) distill.Job {
	o := p.options
	o.Train.Random = o.Random
	return distill.Job{Teacher: p.teacher.graph, Student: student, Pairs: p.pairs, Engine: engineOf(o.Engine), EngineOptions: o.EngineOptions,
		Train: p.data.train, Validation: p.data.validation, Bindings: p.data.bindings, Augment: o.Data.Augment, Options: o.Train,
		Checkpoint: o.Checkpoint, Resume: o.Resume, Force: o.Force, Symbols: p.data.symbols, Progress: o.Progress, Logger: o.Logger}
}

// trainingJob is the distillation of the student in the form that it is trained in. It says whether there is batch norm to fold again.
func (p *plan) trainingJob(ctx context.Context) (job distill.Job, unfolded bool, err error) {
	job = p.job(p.student)
	if job.Memory = p.options.Memory; job.Memory == 0 && onProcessor(p.options.EngineOptions) {
		job.Memory = freeMemory(machine)
	}
	unfolded, err = p.unfold(ctx, &job)
	return job, unfolded, err
}

// onProcessor says whether steps run in the machine's own memory.
func onProcessor(o engine.Options) bool { return o.Device == "" || o.Device == "cpu" }

// train distils, and gives the trained student in the form that it was trained in.
func (p *plan) train(ctx context.Context, data *parts) (*graph.Graph, error) {
	job, unfolded, err := p.trainingJob(ctx)
	if err != nil {
		return nil, err
	}
	r, err := job.Run(ctx)
	if err != nil {
		return nil, err
	}
	p.fold = unfolded
	res := p.result
	res.Task, res.Engine, res.Data = string(r.Task), job.Engine.Version(), data.about
	res.Steps, res.BestStep, res.Batch, res.Seconds, res.ImagesPerSecond = r.Steps, r.BestStep, r.Batch, r.Seconds, r.ImagesPerSecond
	res.Losses, res.History, res.Before, res.Best, res.StepTime = r.Losses, r.History, &r.Before, &r.Best, r.StepTime
	return r.Student, nil
}

// export folds the batch norm that was added for training, encodes the student, reads it back, and runs it.
func (p *plan) export(ctx context.Context, trained *graph.Graph) error {
	student, _ := trained.Clone()
	if p.fold {
		pass.FoldBatchNorm(student)
	}
	written := p.written(student)
	data, err := exporter.Marshal(written, exporter.Options{Metadata: p.metadata()})
	if err != nil {
		return err
	}
	if err := importer.Verify(data, importer.Options{}, written); err != nil {
		return fmt.Errorf("ildc: the exported student does not read back as it was trained: %w", err)
	}
	p.student = student
	p.result.Model = data
	p.result.Student.Bytes = int64(len(data))
	p.result.Student.SHA256 = sum(data)
	return p.verify(ctx, trained)
}

// measure runs teacher and exported student over the part that nothing was chosen on.
func (p *plan) measure(ctx context.Context, data *parts) error {
	student, err := Bytes(p.result.Model).load(p.source(p.student).unsupported...)
	if err != nil {
		return err
	}
	part, name := data.measured()
	p.result.Measured = name
	e := distill.Evaluation{Model: student.graph, Teacher: p.teacher.graph, Engine: engineOf(p.options.Engine), EngineOptions: p.options.EngineOptions,
		Data: part, Bindings: data.bindings, Batch: p.options.Train.Batch, Task: distill.Task(p.result.Task), Symbols: data.symbols}
	m, err := e.Run(ctx)
	if err != nil {
		return err
	}
	p.result.Student.Metrics = &m
	e.Model, e.Teacher, e.Bindings = p.teacher.graph, nil, data.bindings[:1]
	t, err := e.Run(ctx)
	p.result.Teacher.Metrics = &t
	return err
}

// require checks what was asked against what was written.
func (p *plan) require(ctx context.Context) error {
	r := p.result
	student, err := pass.Analyse(p.student, pass.Binding{Batch: 1, Symbols: p.options.Data.Symbols})
	if err == nil {
		cost := pass.CostOf(student)
		r.Student.Params, r.Student.MACs = cost.Params, cost.MACs
	}
	if p.generated != nil {
		var times [2]time.Duration
		if p.generated.Found.MACs > 0 {
			measured, err := p.latencies(ctx, p.teacher.graph, p.student)
			if err != nil {
				return err
			}
			times = [2]time.Duration(measured)
			r.Teacher.Latency, r.Student.Latency = milliseconds(measured[:1], 50), milliseconds(measured[1:], 50)
		}
		reached, met := p.generated.Check(r.Student.MACs, r.Student.Params, r.Student.Bytes, times[0], times[1])
		r.Budget.Reached, r.Budget.Met = reached, met
		if !met {
			r.NotMet = append(r.NotMet, fmt.Sprintf("budget %s: the written student has %s", r.Budget.Asked, reached))
		}
	}
	if score, name := r.Student.Metrics.Score(); p.options.MinScore > 0 && !(score >= p.options.MinScore) || math.IsNaN(score) {
		r.NotMet = append(r.NotMet, fmt.Sprintf("%s %.4f is below %.4f", name, score, p.options.MinScore))
	}
	r.Met = len(r.NotMet) == 0
	return nil
}

// write writes the student where a file is wanted.
func (p *plan) write() error {
	if p.options.Output == "" {
		return nil
	}
	if err := exporter.File(p.options.Output, p.written(p.student), exporter.Options{Metadata: p.metadata()}); err != nil {
		return err
	}
	p.result.Student.Path = p.options.Output
	return nil
}

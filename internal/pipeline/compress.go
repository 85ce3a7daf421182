package pipeline

import (
	"context"
	"fmt"

	"github.com/ildc/ildc/distill"
	"github.com/ildc/ildc/graph/pass"
	"github.com/ildc/ildc/internal/report"
)

// Compress runs the whole pipeline. A result whose requirements are not all met is given without an error, with Met
// false and the reasons in NotMet. A result is also given beside [ErrDeclined], and where the student can't be written:
// it has the student's bytes.
func Compress(ctx context.Context, j Job) (*report.Result, error) {
	if err := checkOutput(j.Output, j.Overwrite); err != nil {
		return nil, err
	}
	decided, err := Decide(ctx, j, true)
	if err != nil {
		return decided.declined(err), err
	}
	trained, err := Train(ctx, j, decided)
	if err != nil {
		return nil, err
	}
	file, err := Export(j, decided, trained)
	if err != nil {
		return nil, err
	}
	verified, err := Verify(ctx, j.Host, decided.Data, trained.Student, file)
	if err != nil {
		return nil, err
	}
	measured, err := Measure(ctx, j, decided, trained, file)
	if err != nil {
		return nil, err
	}
	checked, err := Check(ctx, j, decided, file, measured)
	if err != nil {
		return nil, err
	}
	similar, err := Compare(ctx, j, decided, file)
	if err != nil {
		return nil, err
	}
	r := done{decided, trained, file, verified, measured, checked, similar}.result()
	if err := file.Write(j.Output); err != nil {
		return r, err
	}
	r.Student.Path = j.Output
	return r, nil
}

// Plan decides, and stops before training. With data it is the plan that [Compress] would follow on these data.
func Plan(ctx context.Context, j Job) (*report.Result, error) {
	decided, err := Decide(ctx, j, false)
	if err != nil {
		return decided.declined(err), err
	}
	r := decided.Result()
	r.Met = true
	return r, nil
}

// Decision is what is decided before training: the student, and who teaches whom.
type Decision struct {
	Teacher   *Model
	Data      *Data // nil where none is given, and none was needed
	Recipe    Recipe
	Student   *Student
	Alignment *Alignment
	Trials    []report.Trial // of students that were tried, the chosen one among them; nil where there was no choice
}

// Decide runs the stages before training. Data that is not given is made up where it is needed. What was decided until
// an error is given beside it.
func Decide(ctx context.Context, j Job, needData bool) (d Decision, err error) {
	teacher, err := Load(j.Teacher)
	if err != nil {
		return d, err
	}
	to := Inputs{Teacher: teacher.Graph, Student: teacher.Graph} // a generated student has the teacher's inputs
	var own *Model
	if j.Student.Given() {
		if own, err = Load(j.Student); err != nil {
			return d, err
		}
		to.Student = own.Graph
	}
	j.Data.Scored = j.MinScore > 0
	if j.Data.Given() { // before anything is counted: it tells the sizes of symbolic extents
		if d.Data, err = Open(ctx, j.Data, to, j.Train.Seed); err != nil {
			return d, err
		}
	}
	if d.Teacher, err = teacher.Analyse(j.bind(d.Data)); err != nil {
		return d, err
	}
	if err := d.Teacher.decline(); err != nil {
		return d, err
	}
	if err := ctx.Err(); err != nil {
		return d, err
	}
	if needData && d.Data == nil {
		to.Teacher = d.Teacher.Graph
		if d.Data, err = Synthesise(ctx, j.Host, j.Data, d.Teacher, to, j.Train.Seed); err != nil {
			return d, err
		}
	}
	d.Recipe = Prescribe(j, d.Data)
	d, err = decideStudent(ctx, j, d, own)
	if err != nil && ctx.Err() != nil {
		err = fmt.Errorf("ildc: %w while a student was chosen: %w", distill.ErrInterrupted, context.Cause(ctx))
	}
	return d, err
}

// bind binds models to one sample of the data, if there are any.
func (j Job) bind(d *Data) pass.Binding {
	if d != nil {
		return pass.Binding{Batch: 1, Symbols: d.Symbols}
	}
	return pass.Binding{Batch: 1, Symbols: j.Data.Symbols}
}

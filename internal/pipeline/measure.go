package pipeline

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/ildc/ildc/distill"
	"github.com/ildc/ildc/graph/pass"
	"github.com/ildc/ildc/internal/report"
	"github.com/ildc/ildc/layermatch"
)

// Measured are the metrics of both models on one part of the data.
type Measured struct {
	Part             string // "test" or "validation"
	Teacher, Student distill.Metrics
}

// Measure runs teacher and exported student over the part that nothing was chosen on.
func Measure(ctx context.Context, j Job, d Decision, t *Trained, f *File) (*Measured, error) {
	student, err := f.load()
	if err != nil {
		return nil, err
	}
	part, name := d.Data.measured()
	m := &Measured{Part: name}
	e := distill.Evaluation{Model: student.Graph, Teacher: d.Teacher.Graph, Engine: j.Host.Engine,
		EngineOptions: j.Host.Options, Data: part, Bindings: d.Data.Bindings, Batch: j.Train.Batch, Task: t.Task,
		Symbols: d.Data.Symbols}
	if m.Student, err = e.Run(ctx); err != nil {
		return nil, err
	}
	e.Model, e.Teacher, e.Bindings = d.Teacher.Graph, nil, d.Data.Bindings[:1]
	m.Teacher, err = e.Run(ctx)
	return m, err
}

// Checked is what was asked against what was written.
type Checked struct {
	Cost             pass.Cost // of the written student
	Teacher, Student time.Duration
	Budget           report.Budget
	NotMet           []string // requirements, and what there is instead
}

// Check counts, and times where the budget limits that, what was written, and holds it against what was asked.
func Check(ctx context.Context, j Job, d Decision, f *File, m *Measured) (*Checked, error) {
	c := &Checked{Budget: d.Student.Budget, Cost: d.Student.Cost}
	bind := j.bind(d.Data)
	if student, err := pass.Analyse(f.Graph, bind); err == nil {
		c.Cost = pass.CostOf(student)
	}
	if g := d.Student.Generated; g != nil {
		if g.Found.MACs > 0 {
			times, err := timeModels(ctx, j.Host, d.Teacher, bind, d.Teacher.Graph, f.Graph)
			if err != nil {
				return nil, err
			}
			c.Teacher, c.Student = times[0], times[1]
		}
		c.Budget.Reached, c.Budget.Met = g.Check(c.Cost.MACs, c.Cost.Params, int64(len(f.Bytes)), c.Teacher, c.Student)
		if !c.Budget.Met {
			c.NotMet = append(c.NotMet, fmt.Sprintf("budget %s: the written student has %s", c.Budget.Asked, c.Budget.Reached))
		}
	}
	if score, name := m.Student.Score(); j.MinScore > 0 && !(score >= j.MinScore) || math.IsNaN(score) {
		c.NotMet = append(c.NotMet, fmt.Sprintf("%s %.4f is below %.4f", name, score, j.MinScore))
	}
	return c, nil
}

// Compare tells how alike the feature maps are after training, where the alignment has told how alike they were before.
func Compare(ctx context.Context, j Job, d Decision, f *File) (*layermatch.Similarity, error) {
	if d.Alignment.Similarity == nil {
		return nil, nil
	}
	student, err := pass.Analyse(f.Graph, j.bind(d.Data))
	if err != nil {
		return nil, err
	}
	return layermatch.Similar(d.Teacher.Analysed, student, j.activations(ctx, d.Teacher, f.Graph, d.Data))
}

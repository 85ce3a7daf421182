package pipeline

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/ildc/ildc/distill"
	"github.com/ildc/ildc/graph"
	"github.com/ildc/ildc/graph/pass"
	"github.com/ildc/ildc/internal/report"
	"github.com/ildc/ildc/models"
)

// Student is what is to be trained.
type Student struct {
	Graph     *graph.Graph
	Analysed  *graph.Graph    // with shapes, of one sample
	Generated *models.Student // nil where it is the caller's
	Of        *Model          // whose types and frozen nodes its file has: the teacher, or the caller's student
	Cost      pass.Cost
	Budget    report.Budget // asked, and reached before training
}

// Choose takes the caller's student, or generates one from the teacher where own is nil. d is nil without data.
func Choose(ctx context.Context, j Job, teacher, own *Model, d *Data) (*Student, error) {
	bind := j.bind(d)
	if own == nil {
		return generate(ctx, j, teacher, d, bind)
	}
	own, err := own.Analyse(bind)
	if err != nil {
		return nil, fmt.Errorf("student: %w", err)
	}
	return &Student{Graph: own.Graph, Analysed: own.Analysed, Of: own, Cost: pass.CostOf(own.Analysed),
		Budget: report.Budget{Asked: j.Choice.Asked, Reached: j.Choice.Asked, Met: true}}, nil
}

// What the importance of channels is told by: training samples, fewer where their activations are large.
const (
	calibrationSamples = 256
	calibrationBytes   = 1 << 29
)

// How far a student is from the teacher before any training is measured on so many training samples. Where channels are
// shared out by sensitivity, many students are measured, and each on fewer samples in a short training: on so many that
// all take no more than a quarter of it, if that is enough to tell them apart. A sample that is measured takes less
// than half as long as one that is trained on.
const (
	divergenceSamples = 512
	divergenceLeast   = 128
	measuredPerSeen   = 2
	measuredPart      = 4
)

// samplesOfMeasurement is on how many training samples each student is measured where channels are shared out by
// sensitivity; 0 where the training is too short.
func samplesOfMeasurement(j Job, teacher *Model, d *Data) (int, error) {
	students, err := models.Measurements(teacher.Graph, j.bind(d))
	if err != nil {
		return 0, err
	}
	all := d.Train.Len()
	seen := j.Train.Passes(all) * float64(all)
	samples := min(divergenceSamples, all, int(seen*measuredPerSeen/measuredPart)/students)
	if samples < min(divergenceLeast, all) {
		return 0, nil
	}
	return samples, nil
}

// samplesWithin is how many samples of these values, with the shapes of one sample, fit into so many bytes.
func samplesWithin(bytes int64, g *graph.Graph, names []string) int {
	each := int64(1)
	values := g.ByName()
	for _, name := range names {
		if v := values[name]; v != nil {
			each += int64(max(0, v.Shape.Elements())) * int64(v.DType.Size())
		}
	}
	return int(min(calibrationSamples, max(1, bytes/each)))
}

// generate makes a student from the teacher that meets the budget.
func generate(ctx context.Context, j Job, teacher *Model, d *Data, bind pass.Binding) (*Student, error) {
	o, err := j.generation(ctx, teacher, d, bind)
	if err != nil {
		return nil, err
	}
	earlier, err := j.readSearch(teacher)
	if err != nil {
		return nil, err
	}
	if earlier != nil {
		o.Found = &earlier.Found
	}
	made, err := models.Generate(teacher.Graph, j.Choice.Budget, o)
	if errors.Is(err, models.ErrWhole) && teacher.Frozen != nil {
		return nil, &declinedError{teacher.Name, teacher.Frozen}
	}
	if err != nil {
		return nil, err
	}
	if made.Found.MACs > 0 {
		if err := j.writeSearch(teacher, search{Found: made.Found}); err != nil {
			return nil, err
		}
	}
	analysed, err := pass.Analyse(made.Graph, bind)
	if err != nil {
		return nil, fmt.Errorf("student: %w", err)
	}
	return &Student{Graph: made.Graph, Analysed: analysed, Generated: made, Of: teacher, Cost: pass.CostOf(analysed),
		Budget: report.Budget{Asked: j.Choice.Asked, Reached: made.Reached(), Met: true}}, nil
}

// generation says how to generate a student. What channels and blocks are worth is told by what they do on the data,
// where there are any.
func (j Job) generation(ctx context.Context, teacher *Model, d *Data, bind pass.Binding) (models.Options, error) {
	c := j.Choice
	o := models.Options{Keep: c.Keep, Importance: c.Importance, Shrink: c.Shrink, Share: c.Share,
		LeastCuts: c.LeastCuts, Init: models.Inherited, Seed: j.Train.Seed, Binding: bind,
		FileBytes: teacher.side.Bytes}
	if c.Random {
		o.Init = models.Random
	}
	tries := 0
	reportTry := func() { // one more student was made, to choose among
		tries++
		j.Host.report(distill.Progress{Phase: "choosing", Step: tries})
	}
	samples := func(names []string) int { return samplesWithin(calibrationBytes, teacher.Analysed, names) }
	if d.real() {
		probe := j.probe(d, teacher.Graph, false)
		o.Activations = func(names []string) (map[string]*graph.Tensor, error) {
			return probe.Activations(ctx, names, samples(names))
		}
		if d.Train.Spec().Classes > 0 {
			o.Gradients = func(names []string) (map[string]*graph.Tensor, error) {
				return probe.Gradients(ctx, names, samples(names))
			}
		}
		samples := divergenceSamples
		if c.Share == models.BySensitivity {
			few, err := samplesOfMeasurement(j, teacher, d)
			if err != nil {
				return o, err
			}
			samples = cmp.Or(few, divergenceLeast)
		}
		distance := j.divergence(d, teacher.Graph).Measure(samples)
		o.Divergence = func(student *graph.Graph) (float64, error) {
			reportTry()
			return distance(ctx, student)
		}
	}
	if j.Host.timer() != nil {
		o.Latency = func(models ...*graph.Graph) ([]time.Duration, error) {
			reportTry()
			return timeModels(ctx, j.Host, teacher, bind, models...)
		}
	}
	return o, nil
}

package distill

import (
	"context"
	"fmt"
	"math"
	"strings"

	"github.com/ildc/ildc/distill/dataset"
	"github.com/ildc/ildc/distill/engine"
	"github.com/ildc/ildc/distill/loss"
	"github.com/ildc/ildc/graph"
	"github.com/ildc/ildc/graph/pass"
)

// balance is what the weights of feature terms are multiplied by, so that weight 1 means the same for any network: a
// term that pulls at the student, before its first step, as hard as kd does. The pull of a term is the norm of its
// gradient in the student's parameters, connectors left out, a mean over batches. It is the ratio that GradNorm (Chen
// et al. 2018, arXiv:1711.02257, section 3) would keep up at every step, taken once.
type balance map[string]float64

// maxBalance keeps a term that hardly pulls, such as one of maps that no channel was removed before, from being blown
// up.
const maxBalance = 1000

// pullBatches is how many batches tell a pull: a factor need not be exact.
const pullBatches = 4

// Names of what [copies.pullStep] gives, [1] each: the square of a pull.
const pullOutput = "ildc.pull/"

// balanced multiplies a term's weight.
func (b balance) balanced(term string, weight float64) float64 {
	if by, ok := b[term]; ok {
		return weight * by
	}
	return weight
}

// balanceTerms measures how hard the terms pull on training batches.
func (s *session) balanceTerms(ctx context.Context) (balance, error) {
	step, err := s.copies.pullStep(s.goal)
	if err != nil || len(step.Graph.Outputs) < 2 {
		return nil, err
	}
	p, err := s.job.backend().compile(ctx, step)
	if err != nil {
		return nil, err
	}
	defer p.Close()
	pulls := map[string]float64{}
	err = eachOf(ctx, pullBatches, s.job.Train, s.training(), func(b *dataset.Batch) error {
		out, err := p.run(ctx, b.Inputs)
		for name, t := range out {
			pulls[strings.TrimPrefix(name, pullOutput)] += math.Sqrt(float64(t.Float32s()[0]))
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	of := balance{}
	reference := pulls[loss.KD().Name]
	for _, l := range loss.Features() {
		if pull, there := pulls[l.Name]; there {
			if of[l.Name] = min(reference/pull, maxBalance); math.IsNaN(of[l.Name]) {
				of[l.Name] = 1 // neither pulls: the student is the teacher
			}
		}
	}
	return of, nil
}

// pullStep assembles the pulls of kd and of the feature terms, squared. Nothing moves.
func (c *copies) pullStep(o objective) (_ *engine.Step, err error) {
	a := newAssembly("balance of terms")
	defer a.Guard(&err)
	state, _ := c.carryStudent(a, nil)
	var trained []*graph.Value
	for _, name := range c.params {
		if v := state[name]; v != nil {
			trained = append(trained, v)
		}
	}
	a.Param = func(name string, initial *graph.Tensor) *graph.Value { return a.Const(name, initial) }
	teacher, err := c.inlineTeacher(a)
	if err != nil {
		return nil, err
	}
	student, err := a.inline("student", c.training, c.studentFeeds, state)
	if err != nil {
		return nil, err
	}
	give := func(name string, term *graph.Value) {
		if term == nil {
			return
		}
		grads, e := pass.Gradient(a.In("gradient"), term, trained)
		if e != nil {
			a.Fail("distill: balance: %w", e)
			return
		}
		var sum *graph.Value
		for _, g := range grads {
			if g != nil {
				sum = plus(a, sum, a.Fold("ReduceSumSquare", g))
			}
		}
		if sum != nil {
			a.give(pullOutput+name, sum)
		}
	}
	kd := loss.KD()
	give(kd.Name, c.outputTerm(a, kd, o, teacher, student))
	for _, l := range loss.Features() {
		if _, named := o.weights[l.Name]; named {
			give(l.Name, c.featureTerm(a, l, o, teacher, student))
		}
	}
	if err := a.Err(); err != nil {
		return nil, fmt.Errorf("distill: balance: %w", err)
	}
	return a.finish()
}

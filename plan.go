package ildc

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ildc/ildc/distill"
	"github.com/ildc/ildc/graph"
	"github.com/ildc/ildc/graph/op"
	"github.com/ildc/ildc/graph/pass"
	"github.com/ildc/ildc/layermatch"
	"github.com/ildc/ildc/models"
)

// plan is what is decided before training: the student, and who teaches whom.
type plan struct {
	options   Options
	teacher   *loaded
	student   *graph.Graph
	generated *models.Student // nil where the student is the caller's
	own       *loaded         // nil where it is generated
	alignment *layermatch.Alignment
	pairs     []distill.Pair
	result    *Result
	data      *parts // nil where there is only a plan
	tries     int    // of students, to choose among
	fold      bool   // the student was given batch norm for training, which its export has not
}

// Plan generates the student and aligns it with the teacher, without training. With data it is the plan that [Compress] would follow on these data. The
// result is also given beside [ErrDeclined].
func Plan(ctx context.Context, o Options) (*Result, error) {
	p, err := newPlan(ctx, o, o.Data.given())
	if p == nil {
		return nil, err
	}
	if err == nil {
		p.result.Met = true
	}
	return p.result, err
}

// newPlan decides. With data, which is opened then, it tells the importance of channels by what they do on it.
func newPlan(ctx context.Context, o Options, data bool) (*plan, error) {
	teacher, err := o.Teacher.load()
	if err != nil {
		return nil, err
	}
	p := &plan{options: o, teacher: teacher, result: &Result{Schema: Schema, Pairs: []Pair{}}}
	inputs := teacher.graph // a generated student has the teacher's inputs
	if o.Student.given() {
		if err := p.takeStudent(); err != nil {
			return nil, err
		}
		inputs = p.student
	}
	if data && o.Data.given() { // before anything is counted: it tells the sizes of symbolic extents
		if err := p.open(ctx, inputs); err != nil {
			return nil, err
		}
	}
	bind := pass.Binding{Batch: 1, Symbols: p.options.Data.Symbols}
	analysed, err := teacher.analyse(bind)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", teacher.name, err)
	}
	cost := pass.CostOf(analysed)
	p.result.Teacher = Side{Path: o.Teacher.Path, SHA256: teacher.sha256, Params: cost.Params, MACs: cost.MACs, Bytes: teacher.bytes}
	p.result.Frozen = teacher.frozen
	if p.result.Declined = declined(analysed, teacher.frozen); len(p.result.Declined) > 0 {
		return p, &declinedError{teacher.name, p.result.Declined}
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if data && !o.Data.given() {
		if err := p.synthesise(ctx); err != nil {
			return nil, err
		}
		if err := p.open(ctx, inputs); err != nil {
			return nil, err
		}
	}
	if !o.Student.given() {
		err := p.generate(ctx, analysed, bind)
		if errors.Is(err, models.ErrWhole) && teacher.frozen != nil {
			p.result.Declined = teacher.frozen
			return p, &declinedError{teacher.name, teacher.frozen}
		}
		if err != nil {
			return nil, err
		}
	}
	return p, p.align(ctx, analysed, bind)
}

// open opens the data, which tells the sizes of symbolic extents.
func (p *plan) open(ctx context.Context, inputs *graph.Graph) (err error) {
	if p.data, err = p.options.Data.open(ctx, p.teacher.graph, inputs, p.options.Train.Seed); err == nil {
		p.options.Data.Symbols = p.data.symbols
	}
	return err
}

// takeStudent loads a student of the caller's.
func (p *plan) takeStudent() (err error) {
	if p.options.Budget != "" || len(p.options.Keep) > 0 || p.options.Random || p.options.Rank != "" || p.options.Shrink != "" {
		return errors.New("ildc: budget, kept nodes, importance and random weights are for a generated student, and a student was given")
	}
	if p.own, err = p.options.Student.load(); err != nil {
		return err
	}
	p.student = p.own.graph
	p.result.Budget = Budget{Asked: "the student given", Reached: "the student given", Met: true}
	return nil
}

// source is the model that a student was made of, and so the one whose types and frozen nodes its file has; or the teacher's own.
func (p *plan) source(g *graph.Graph) *loaded {
	if p.own != nil && g != p.teacher.graph {
		return p.own
	}
	return p.teacher
}

// written is a student as its file has it; or the teacher.
func (p *plan) written(g *graph.Graph) *graph.Graph { return p.source(g).complete(g) }

// What the importance of channels is told by: training samples, fewer where their activations are large.
const (
	calibrationSamples = 256
	divergenceSamples  = 512
	calibrationBytes   = 1 << 29
)

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

// generate makes the student from the teacher.
func (p *plan) generate(ctx context.Context, teacher *graph.Graph, bind pass.Binding) error {
	asked := p.options.Budget
	if asked == "" {
		asked = defaultBudget
	}
	budget, err := models.ParseBudget(asked)
	if err != nil {
		return err
	}
	init := models.Inherited
	if p.options.Random {
		init = models.Random
	}
	o := models.Options{Keep: p.options.Keep, Importance: p.options.Rank, Shrink: p.options.Shrink, Init: init, Seed: p.options.Train.Seed, Binding: bind, FileBytes: p.teacher.bytes}
	if p.data != nil && p.data.real() {
		o.Activations = func(names []string) (map[string]*graph.Tensor, error) {
			job := p.job(p.teacher.graph)
			return job.Activations(ctx, names, samplesWithin(calibrationBytes, teacher, names))
		}
		o.Divergence = func(student *graph.Graph) (float64, error) {
			p.tried()
			job := p.job(student)
			return job.Divergence(ctx, divergenceSamples)
		}
		if p.data.train.Spec().Classes > 0 {
			o.Gradients = func(names []string) (map[string]*graph.Tensor, error) {
				job := p.job(p.teacher.graph)
				return job.Gradients(ctx, names, samplesWithin(calibrationBytes, teacher, names))
			}
		}
	}
	if p.timer() != nil {
		o.Latency = func(models ...*graph.Graph) ([]time.Duration, error) {
			p.tried()
			return p.latencies(ctx, models...)
		}
	}
	if o.Found, err = p.searched(asked); err != nil {
		return err
	}
	p.generated, err = models.Generate(p.teacher.graph, budget, o)
	if err != nil {
		return err
	}
	if err := p.keepSearch(asked); err != nil {
		return err
	}
	p.student = p.generated.Graph
	p.result.Budget = Budget{Asked: asked, Reached: p.generated.Reached(), Met: true}
	for _, g := range p.generated.Groups {
		p.result.Groups = append(p.result.Groups, Group{Name: g.Name, Before: g.Before, After: g.After})
	}
	for _, c := range p.generated.Removed {
		p.result.Removed = append(p.result.Removed, Cut{Node: c.Node, Into: c.Into, MACs: c.MACs, Disturbance: c.Disturbance})
	}
	for _, u := range p.generated.Untouched {
		p.result.Untouched = append(p.result.Untouched, Reason{Node: u.Node, Op: u.Op, Why: u.Why})
	}
	return nil
}

// tried reports that one more student was made, to choose among.
func (p *plan) tried() {
	p.tries++
	if p.options.Progress != nil {
		p.options.Progress(distill.Progress{Phase: "choosing", Step: p.tries})
	}
}

// align pairs the values of both models.
func (p *plan) align(ctx context.Context, teacher *graph.Graph, bind pass.Binding) error {
	var student *graph.Graph
	var err error
	if p.own != nil {
		student, err = p.own.analyse(bind)
		p.student = p.own.graph
	} else {
		student, err = pass.Analyse(p.student, bind)
	}
	if err != nil {
		return fmt.Errorf("student: %w", err)
	}
	cost := pass.CostOf(student)
	p.result.Student.Params, p.result.Student.MACs = cost.Params, cost.MACs
	o, err := p.overrides(teacher, student)
	if err != nil {
		return err
	}
	if p.data != nil && p.data.real() {
		o.Activations = p.features(ctx, teacher)
	}
	if p.alignment, err = layermatch.Align(teacher, student, o); err != nil {
		return err
	}
	p.result.Similarity = p.alignment.Similarity
	for _, pair := range p.alignment.Chosen() {
		p.pairs = append(p.pairs, p.taught(pair))
		p.result.Pairs = append(p.result.Pairs, Pair{Teacher: pair.Teacher.Name, Student: pair.Student.Name, Score: pair.Score, Bridge: pair.Bridge})
	}
	p.pairs = append(p.pairs, p.attention()...)
	var table strings.Builder
	if err := p.alignment.Table(&table, false); err != nil {
		return err
	}
	p.result.Alignment = table.String()
	return nil
}

// similaritySamples is how many training samples tell how alike values are.
const similaritySamples = 128

// features gives values of the teacher, as analysed, or else of the student as it is by then.
func (p *plan) features(ctx context.Context, teacher *graph.Graph) layermatch.Activations {
	return func(g *graph.Graph, names []string) (map[string]*graph.Tensor, error) {
		job := p.job(p.student)
		if g == teacher {
			job.Student = p.teacher.graph
		} else {
			job.Teacher = p.student
		}
		job.Bindings = p.data.of(g != teacher)
		return job.Features(ctx, names, similaritySamples)
	}
}

// taught is an aligned pair as losses take it.
func (p *plan) taught(pair layermatch.Pair) distill.Pair {
	beside := func(names layermatch.Names, ok bool) *distill.Pair {
		if !ok {
			return nil
		}
		b := &distill.Pair{Teacher: names.Teacher, Student: names.Student, Channel: pair.Teacher.Channel}
		if p.generated != nil {
			if l := p.generated.Lineage[names.Student]; l.Teacher == names.Teacher || slices.Contains(l.Instead, names.Teacher) {
				b.Kept = l.Channels()
			}
		}
		return b
	}
	return distill.Pair{Teacher: pair.Teacher.Name, Student: pair.Student.Name, Channel: pair.Teacher.Channel, Kept: pair.Kept,
		First: beside(p.alignment.First(pair)), Pre: beside(pair.Pre())}
}

// attention are the attention layers that correspond, as losses take them: scores and values.
func (p *plan) attention() (pairs []distill.Pair) {
	for _, a := range p.alignment.Attention {
		scores := distill.Pair{Role: distill.Scores, Teacher: a.Teacher.Scores, Student: a.Student.Scores, Channel: 1}
		if p.generated != nil {
			if l := p.generated.Lineage[a.Student.Scores]; l.Teacher == a.Teacher.Scores && len(l.Kept) > 1 {
				scores.Kept = l.Kept[1]
			}
		}
		pairs = append(pairs, scores, distill.Pair{Role: distill.Values, Teacher: a.Teacher.Values, Student: a.Student.Values, Channel: 1})
	}
	return pairs
}

// overrides turns the caller's wishes, and lineage where it is known, into the matcher's.
func (p *plan) overrides(teacher, student *graph.Graph) (layermatch.Options, error) {
	o := layermatch.Options{Select: p.options.Select}
	var errs []error
	for _, text := range p.options.Pairs {
		n, err := layermatch.ParseNames(text, teacher, student)
		o.Pairs, errs = append(o.Pairs, n), append(errs, err)
	}
	for _, text := range p.options.NoPairs {
		n, err := layermatch.ParseNames(text, teacher, student)
		o.Exclude, errs = append(o.Exclude, n), append(errs, err)
	}
	if p.generated != nil {
		o.Lineage = map[string]layermatch.Source{}
		for name, l := range p.generated.Lineage {
			v := student.ByName()[name]
			if v == nil || len(v.Shape) < 2 {
				continue
			}
			o.Lineage[name] = layermatch.Source{Teacher: l.Teacher, Instead: l.Instead, Kept: l.Channels()}
		}
	}
	return o, errors.Join(errs...)
}

// declined lists why a model cannot be compressed: none where it can. Ops that the table does not have leave the shapes behind them
// unknown, so that only they are named where there are any; so are those that keep the model from being run where nothing that is left of it can be trained.
func declined(g *graph.Graph, frozen []Reason) []Reason {
	var unknown, shapeless, reasons, unbound []Reason
	for _, v := range g.Inputs {
		for a, d := range v.Shape {
			if !d.Known() {
				unbound = append(unbound, Reason{Node: v.Name, Op: "input", Why: fmt.Sprintf("extent %d of %v is symbolic: --bind %s=SIZE", a, v.Shape, pass.SymbolOf(v, a))})
			}
		}
	}
	for _, n := range pass.CostOf(g).Uncounted {
		if op.Of(n) == nil {
			unknown = append(unknown, Reason{Node: pass.NodeName(n), Op: n.OpName(), Why: op.Unknown(n)})
		} else {
			shapeless = append(shapeless, Reason{Node: pass.NodeName(n), Op: n.OpName(), Why: "its shapes are not known before the model runs"})
		}
	}
	switch {
	case unknown != nil:
		return unknown
	case shapeless != nil && unbound != nil:
		return unbound
	case shapeless != nil:
		return shapeless
	case slices.ContainsFunc(g.Outputs, func(v *graph.Value) bool { return pass.Decides(g, v) != nil }):
	case frozen != nil:
		return frozen
	default:
		for _, v := range g.Outputs {
			reasons = append(reasons, Reason{Node: v.Name, Op: "output", Why: fmt.Sprintf("it is %v, and depends on no weight through anything that a gradient goes through", v.DType)})
		}
	}
	return reasons
}

// declinedError is [ErrDeclined] with every reason.
type declinedError struct {
	model   string
	reasons []Reason
}

// ErrDeclined says that a model cannot be compressed. The error's text and [Result.Declined] name what is in the way, and why.
var ErrDeclined = errors.New("the model is declined")

func (e *declinedError) Error() string {
	s := fmt.Sprintf("%s: %v", e.model, ErrDeclined)
	for i, r := range e.reasons {
		if i == 12 {
			s += fmt.Sprintf("\n  and %d more", len(e.reasons)-i)
			break
		}
		s += fmt.Sprintf("\n  node %s (%s): %s", r.Node, r.Op, r.Why)
	}
	return s
}

func (e *declinedError) Is(target error) bool { return target == ErrDeclined }

// warn adds a warning, once.
func (r *Result) warn(text string) {
	if !slices.Contains(r.Warnings, text) {
		r.Warnings = append(r.Warnings, text)
	}
}

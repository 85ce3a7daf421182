package pipeline

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/ildc/ildc/distill"
	"github.com/ildc/ildc/distill/dataset"
	"github.com/ildc/ildc/graph"
	"github.com/ildc/ildc/graph/pass"
)

// What data are where nothing else is asked for.
const (
	DefaultValidation = 0.1  // of the training samples
	DefaultSynthetic  = 2048 // samples that are made up

	leastHeldOut = 100 // fewer samples tell too little to hold them out
)

// Data are samples in parts, bound to the models' inputs.
type Data struct {
	Train, Validation, Test dataset.Dataset // Test is nil where there is none
	HeldOut                 bool            // Validation is no part of Train, but held out
	Bindings                []*dataset.Binding
	Symbols                 map[string]int // sizes of symbolic extents: given, or those of the data
	About                   string         // in words
	Warning                 string         // what it costs that they are not real data; "" where they are
}

// measured gives the part that results are measured on, and its name.
func (d *Data) measured() (dataset.Dataset, string) {
	if d.Test != nil {
		return d.Test, "test"
	}
	if !d.HeldOut {
		return d.Validation, "training"
	}
	return d.Validation, "validation"
}

// mixes says whether samples can be mixed with each other.
func (d *Data) mixes() bool {
	return !slices.ContainsFunc(d.Bindings, func(b *dataset.Binding) bool { return !b.Mixes() })
}

// real says whether the inputs tell something of what the models will be used on; d may be nil.
func (d *Data) real() bool { return d != nil && !d.Train.Spec().Synthetic }

// binding gives the binding to the inputs of one model by itself.
func (d *Data) binding(student bool) *dataset.Binding {
	b := *d.Bindings[0]
	if student {
		b = *d.Bindings[len(d.Bindings)-1]
	}
	b.Prefix = ""
	return &b
}

// Inputs are the graphs that read the data. Student may be nil; it matters where the student has its own preprocessing.
type Inputs struct{ Teacher, Student *graph.Graph }

// Open reads data that are there, and parts them. Validation is always carved from the training part.
func Open(ctx context.Context, s Samples, to Inputs, seed uint64) (*Data, error) {
	if s.Path == "" {
		return divide(s, parts{train: s.Train, test: s.Test, about: fmt.Sprintf("%d samples given", s.Train.Len())}, to, seed)
	}
	if s.Train != nil {
		return nil, errors.New("ildc: data is given by a path and by a dataset: give one of them")
	}
	if s.Whole {
		s.Open.Holdout = 1
	}
	files, err := dataset.Open(ctx, s.Path, s.Open)
	if err != nil {
		return nil, err
	}
	about := fmt.Sprintf("%s (%s): %d training and %d test samples", s.Path, files.Format,
		files.Train.Len(), files.Test.Len())
	return divide(s, parts{train: files.Train, test: files.Test, about: about}, to, seed)
}

// makeUp makes data up as noise and shapes.
func makeUp(s Samples, to Inputs, seed uint64) (*Data, error) {
	n := cmp.Or(s.Synthetic, DefaultSynthetic)
	o := dataset.SyntheticOptions{N: n, Seed: seed, Pixels: s.Preprocess.String() != "raw"}
	made, err := dataset.Synthetic(bound(to.Teacher.Inputs, s.Symbols), o)
	if err != nil {
		return nil, err
	}
	return divide(s, parts{train: made, about: fmt.Sprintf("%d synthetic samples", n)}, to, seed)
}

// OpenOrMakeUp is [Open] where data are given, else [makeUp].
func OpenOrMakeUp(ctx context.Context, s Samples, to Inputs, seed uint64) (*Data, error) {
	if s.Given() {
		return Open(ctx, s, to, seed)
	}
	return makeUp(s, to, seed)
}

// few says whether there are too few samples to hold some out, unless that is asked for, or a score is to be measured
// on them.
func (s Samples) few(p parts) bool {
	n := p.train.Len()
	if s.Validation != 0 || !s.Given() || s.Scored && (p.test == nil || p.test.Len() == 0) || p.train.Spec().Synthetic {
		return false
	}
	return n > 0 && float64(n)*DefaultValidation < leastHeldOut
}

// parts are samples that are not bound yet.
type parts struct {
	train, test    dataset.Dataset // test may be nil
	about, warning string
}

// divide carves the validation part, and binds all parts to the models' inputs.
func divide(s Samples, p parts, to Inputs, seed uint64) (*Data, error) {
	d := &Data{Test: p.test, About: p.about, Warning: p.warning}
	if p.train.Spec().Synthetic {
		d.Warning = "there is no data: the student was trained and measured on synthetic inputs; on real ones expect it " +
			"to be clearly worse. Give data, labels are not needed"
	}
	if d.Test != nil && d.Test.Len() == 0 {
		d.Test = nil
	}
	if p.train.Len() == 0 && d.Test == nil {
		return nil, errors.New("ildc: data without samples")
	}
	var err error
	switch {
	case !s.Whole && s.few(p):
		d.Train, d.Validation = p.train, p.train
	case !s.Whole:
		d.HeldOut = true
		d.Train, d.Validation, err = dataset.Split(p.train, cmp.Or(s.Validation, DefaultValidation), seed)
	case p.train.Len() == 0: // a path that is not split by itself is all held out
		d.Train, d.Validation, d.Test = d.Test, d.Test, nil
	default:
		d.Train, d.Validation, d.Test = p.train, p.train, nil
	}
	if err != nil {
		return nil, err
	}
	if d.Test == nil && !d.HeldOut && !s.Whole && d.Warning == "" {
		d.Warning = "there is no test part, and few samples: the figures are of those that were trained on; on others " +
			"expect worse ones"
	}
	return d, d.bind(s, to)
}

// bound copies inputs with the sizes given for symbolic extents, which synthetic data can't tell.
func bound(inputs []*graph.Value, symbols map[string]int) []*graph.Value {
	out := make([]*graph.Value, len(inputs))
	for i, v := range inputs {
		c := *v
		c.Shape = v.Shape.Clone()
		for a, extent := range c.Shape {
			if n, ok := symbols[pass.SymbolOf(v, a)]; ok && a > 0 && !extent.Known() {
				c.Shape[a] = graph.D(n)
			}
		}
		out[i] = &c
	}
	return out
}

// bind matches the data with the inputs of teacher and student, and takes the sizes of symbolic extents from it.
func (d *Data) bind(s Samples, to Inputs) error {
	b, err := dataset.Bind(d.Train.Spec(), to.Teacher.Inputs, s.Preprocess)
	if err != nil {
		return err
	}
	d.Bindings = []*dataset.Binding{b}
	d.Symbols = map[string]int{}
	sizes := b.Dims()
	for _, v := range to.Teacher.Inputs {
		for a, n := range sizes[v.Name] {
			if extent := v.Shape[a+1]; !extent.Known() {
				d.Symbols[pass.SymbolOf(v, a+1)] = n
			}
		}
	}
	for name, n := range s.Symbols {
		d.Symbols[name] = n
	}
	if s.Student == nil || to.Student == nil {
		return nil
	}
	own, err := dataset.Bind(d.Train.Spec(), to.Student.Inputs, *s.Student)
	if err != nil {
		return fmt.Errorf("the student's preprocessing: %w", err)
	}
	own.Prefix = distill.StudentPrefix
	d.Bindings = append(d.Bindings, own)
	return nil
}

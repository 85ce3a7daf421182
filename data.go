package ildc

import (
	"context"
	"errors"
	"fmt"

	"github.com/ildc/ildc/distill"
	"github.com/ildc/ildc/distill/dataset"
	"github.com/ildc/ildc/graph"
	"github.com/ildc/ildc/graph/pass"
)

// parts is the data of a run, bound to the models' inputs.
type parts struct {
	train, validation, test dataset.Dataset // test is nil where there is none
	bindings                []*dataset.Binding
	symbols                 map[string]int // sizes of symbolic extents: given, or those of the data
	about                   string         // in words
}

// measured gives the part that results are measured on, and its name.
func (p *parts) measured() (dataset.Dataset, string) {
	if p.test != nil {
		return p.test, "test"
	}
	return p.validation, "validation"
}

// real says whether the inputs tell something of what the models will be used on.
func (p *parts) real() bool { return !p.train.Spec().Synthetic }

// of gives the bindings to the inputs of one model by itself.
func (p *parts) of(student bool) []*dataset.Binding {
	b := *p.bindings[0]
	if student {
		b = *p.bindings[len(p.bindings)-1]
	}
	b.Prefix = ""
	return []*dataset.Binding{&b}
}

// open reads the data, or makes it up, and parts it. Validation is always carved from the training part.
func (d Data) open(ctx context.Context, teacher, student *graph.Graph, seed uint64) (*parts, error) {
	p := &parts{}
	all := d.Train
	if d.whole {
		d.Open.Holdout = 1
	}
	switch {
	case d.Path != "" && d.Train != nil:
		return nil, errors.New("ildc: data is given by a path and by a dataset: give one of them")
	case d.Path != "":
		files, err := dataset.Open(ctx, d.Path, d.Open)
		if err != nil {
			return nil, err
		}
		all, p.test = files.Train, files.Test
		p.about = fmt.Sprintf("%s (%s): %d training and %d test samples", d.Path, files.Format, all.Len(), p.test.Len())
	case d.Train != nil:
		p.test = d.Test
		p.about = fmt.Sprintf("%d samples given", all.Len())
	case d.made != nil:
		all, d.Preprocess = d.made, dataset.Preprocess{}
		p.about = fmt.Sprintf("%d inputs made from the teacher's batch norm statistics", all.Len())
	default:
		n := d.Synthetic
		if n == 0 {
			n = defaultSynthetic
		}
		made, err := dataset.Synthetic(d.bound(teacher.Inputs), dataset.SyntheticOptions{N: n, Seed: seed, Pixels: d.Preprocess.String() != "raw"})
		if err != nil {
			return nil, err
		}
		all = made
		p.about = fmt.Sprintf("%d synthetic samples", n)
	}
	if p.test != nil && p.test.Len() == 0 {
		p.test = nil
	}
	if d.whole {
		if all.Len() == 0 { // a path that is not split by itself is all held out
			all = p.test
		}
		p.train, p.validation, p.test = all, all, nil
		return p, p.bind(d, teacher, student)
	}
	fraction := d.Validation
	if fraction == 0 {
		fraction = defaultValidation
	}
	var err error
	if p.train, p.validation, err = dataset.Split(all, fraction, seed); err != nil {
		return nil, err
	}
	return p, p.bind(d, teacher, student)
}

// bound copies inputs with the sizes given for symbolic extents, which synthetic data can't tell.
func (d Data) bound(inputs []*graph.Value) []*graph.Value {
	out := make([]*graph.Value, len(inputs))
	for i, v := range inputs {
		c := *v
		c.Shape = v.Shape.Clone()
		for a, extent := range c.Shape {
			if n, ok := d.Symbols[pass.SymbolOf(v, a)]; ok && a > 0 && !extent.Known() {
				c.Shape[a] = graph.D(n)
			}
		}
		out[i] = &c
	}
	return out
}

// bind matches the data with the inputs of teacher and student, and takes the sizes of symbolic extents from it.
func (p *parts) bind(d Data, teacher, student *graph.Graph) error {
	b, err := dataset.Bind(p.train.Spec(), teacher.Inputs, d.Preprocess)
	if err != nil {
		return err
	}
	p.bindings = []*dataset.Binding{b}
	p.symbols = map[string]int{}
	sizes := b.Dims()
	for _, v := range teacher.Inputs {
		for a, n := range sizes[v.Name] {
			if extent := v.Shape[a+1]; !extent.Known() {
				p.symbols[pass.SymbolOf(v, a+1)] = n
			}
		}
	}
	for name, n := range d.Symbols {
		p.symbols[name] = n
	}
	if d.Student == nil || student == nil {
		return nil
	}
	own, err := dataset.Bind(p.train.Spec(), student.Inputs, *d.Student)
	if err != nil {
		return fmt.Errorf("the student's preprocessing: %w", err)
	}
	own.Prefix = distill.StudentPrefix
	p.bindings = append(p.bindings, own)
	return nil
}

package golden

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/ildc/ildc/distill/engine"
	"github.com/ildc/ildc/graph"
	"github.com/ildc/ildc/graph/pass"
	"github.com/ildc/ildc/importer"
)

// maxModel bounds a model's file, in bytes: the limit of the protobuf format.
const maxModel = 1 << 31

// model is an imported model and the programs that run it, one per shape of its inputs.
type model struct {
	path, sha256 string
	graph        *graph.Graph
	engine       engine.Engine
	options      engine.Options
	programs     map[string]engine.Program
}

func openModel(path string, e engine.Engine, o engine.Options) (*model, error) {
	if e == nil {
		return nil, errors.New("no engine to run the model")
	}
	data, err := readFile(path, maxModel)
	if err != nil {
		return nil, err
	}
	g, err := importer.Import(data, importer.Options{Dir: filepath.Dir(path)})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return &model{path: path, sha256: fmt.Sprintf("%x", sha256.Sum256(data)), graph: g,
		engine: e, options: o, programs: map[string]engine.Program{}}, nil
}

// version is the engine's name and version.
func (m *model) version() string { return m.engine.Name() + " " + m.engine.Version() }

// run gives the model's outputs.
func (m *model) run(ctx context.Context, in map[string]*graph.Tensor) (map[string]*graph.Tensor, error) {
	if err := m.accepts(in); err != nil {
		return nil, err
	}
	key := ""
	for _, v := range m.graph.Inputs {
		key += fmt.Sprint(in[v.Name].Dims)
	}
	p := m.programs[key]
	if p == nil {
		var err error
		if p, err = m.compile(ctx, in); err != nil {
			return nil, err
		}
		m.programs[key] = p
	}
	return p.Run(ctx, in)
}

// accepts says all that is wrong with inputs.
func (m *model) accepts(in map[string]*graph.Tensor) error {
	var errs []error
	for _, v := range m.graph.Inputs {
		t := in[v.Name]
		if t == nil {
			errs = append(errs, fmt.Errorf("input %q is missing", v.Name))
			continue
		}
		fits := t.DType == v.DType && (v.Shape == nil || len(v.Shape) == len(t.Dims))
		for a := range t.Dims {
			fits = fits && (v.Shape == nil || !v.Shape[a].Known() || v.Shape[a].Size == t.Dims[a])
		}
		if !fits {
			errs = append(errs, fmt.Errorf("input %q is %v: the model takes %v%v", v.Name, t, v.DType, v.Shape))
		}
	}
	return errors.Join(errs...)
}

// compile makes a program for inputs of these shapes.
func (m *model) compile(ctx context.Context, in map[string]*graph.Tensor) (engine.Program, error) {
	bound, _ := m.graph.Clone()
	for _, v := range bound.Inputs {
		v.Shape = in[v.Name].Shape()
	}
	return engine.Infer(ctx, m.engine, bound, pass.Binding{}, m.options)
}

func (m *model) close() error {
	var errs []error
	for _, p := range m.programs {
		errs = append(errs, p.Close())
	}
	return errors.Join(errs...)
}

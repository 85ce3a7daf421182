package ildc

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"

	"github.com/ildc/ildc/distill/dataset"
	"github.com/ildc/ildc/distill/engine"
	"github.com/ildc/ildc/exporter"
	"github.com/ildc/ildc/graph"
	"github.com/ildc/ildc/graph/pass"
)

// ModelRunner runs an ONNX model as its bytes are, such as *ort.Engine.
type ModelRunner interface {
	// Version names what runs it, for example "onnxruntime 1.30.0, revision 1, amd64 with blocks of 16".
	Version() string
	// RunModel takes all inputs by their names, and gives the outputs that are named.
	RunModel(ctx context.Context, model []byte, in map[string]*graph.Tensor, outputs ...string) (map[string]*graph.Tensor, error)
}

// Verification compares the outputs of the exported student with those that the trained one has on the engine that trained it.
type Verification struct {
	Engine           string  `json:"engine"`      // that ran the exported student
	Independent      bool    `json:"independent"` // it ran the bytes as they are; else they were imported first, and run by the embedded engine
	Samples          int     `json:"samples"`
	MaxRelativeError float64 `json:"max_relative_error"` // the largest difference of an output over its largest magnitude
}

// ErrVerification says that the exported student does not compute what was trained.
var ErrVerification = errors.New("the exported student differs from the trained one")

const (
	verifySamples = 16
	// verifyTolerance is far above what float32 sums in another order, and folded batch norm, make of a deep net, and far below what a
	// wrong weight does.
	verifyTolerance = 1e-3
	// verifyFloor is the magnitude below which an output counts as so large: ONNX Runtime's Sigmoid is right to some 10⁻⁷, however small it is.
	verifyFloor = 1e-3
	// verifyHalves is the same for 16-bit floats, each of whose roundings is 2⁻¹¹ or, of bfloat16, 2⁻⁸.
	verifyHalves = 5e-2
)

// verify runs the exported bytes: in ONNX Runtime where it is there, else in the embedded engine. trained is the student before its batch
// norm was folded.
func (p *plan) verify(ctx context.Context, trained *graph.Graph) error {
	in, n, err := p.verificationInputs(ctx, trained)
	if err != nil {
		return err
	}
	bind := pass.Binding{Batch: n, Symbols: p.data.symbols}
	want, err := inferOnce(ctx, trained, bind, engineOf(p.options.Engine), p.options.EngineOptions, in)
	if err != nil {
		return err
	}
	var outputs []string // that ONNX Runtime's binding reads
	for _, v := range trained.Outputs {
		if t := want[v.Name]; t != nil && t.DType.IsFloat() && len(t.Dims) > 0 {
			outputs = append(outputs, v.Name)
		}
	}
	v := &Verification{Samples: n}
	tolerance, own := verifyTolerance, map[string]*graph.Tensor{}
	like := p.source(trained).narrow(trained)
	for _, x := range like.Inputs {
		own[x.Name] = in[x.Name]
		if t := in[x.Name]; t != nil && t.DType != x.DType {
			own[x.Name] = graph.FromValues(x.DType, t.Dims, t.Values())
		}
	}
	if like != trained {
		tolerance = verifyHalves
	}
	var got map[string]*graph.Tensor
	if runner := p.modelRunner(); runner != nil && outputs != nil {
		v.Engine = runner.Version()
		model, err := p.runnable()
		if err != nil {
			return err
		}
		if got, err = runner.RunModel(ctx, model, own, outputs...); err != nil && ctx.Err() == nil {
			p.result.warn(fmt.Sprintf("the student could not be run by %s, and was checked by the embedded engine: %v", v.Engine, err))
		}
		v.Independent = err == nil
	}
	if got == nil {
		if err := ctx.Err(); err != nil {
			return err
		}
		e := engineOf(nil)
		v.Engine = e.Version()
		exported, err := Bytes(p.result.Model).load(p.source(p.student).unsupported...)
		if err != nil {
			return err
		}
		if got, err = inferOnce(ctx, exported.graph, bind, e, engine.Options{Threads: p.options.EngineOptions.Threads}, in); err != nil {
			return err
		}
	}
	if outputs == nil {
		outputs = slices.Collect(maps.Keys(want))
	}
	for _, name := range outputs {
		v.MaxRelativeError = max(v.MaxRelativeError, relativeError(got[name], want[name]))
	}
	p.result.Verified = v
	if !(v.MaxRelativeError <= tolerance) {
		return fmt.Errorf("ildc: %w: by %.3g relative to the largest output, in %s", ErrVerification, v.MaxRelativeError, v.Engine)
	}
	return nil
}

// runnable is the exported student without the nodes that stay as they are, whose ops an engine need not have.
func (p *plan) runnable() ([]byte, error) {
	source := p.source(p.student)
	if source.frozen == nil {
		return p.result.Model, nil
	}
	return exporter.Marshal(source.narrow(p.student), exporter.Options{})
}

// modelRunner is what runs the exported bytes; nil where there is only the embedded engine.
func (p *plan) modelRunner() ModelRunner {
	if p.options.Verifier != nil {
		return p.options.Verifier
	}
	runner, _ := p.options.Engine.(ModelRunner)
	return runner
}

// verificationInputs are the first samples of the data that results are measured on, as many as the student's batch allows.
func (p *plan) verificationInputs(ctx context.Context, student *graph.Graph) (map[string]*graph.Tensor, int, error) {
	data, _ := p.data.measured()
	n := min(verifySamples, data.Len())
	for _, v := range student.Inputs {
		if len(v.Shape) > 0 && v.Shape[0].Known() {
			n = v.Shape[0].Size
		}
	}
	binding := *p.data.bindings[len(p.data.bindings)-1]
	binding.Prefix = ""
	loader, err := dataset.NewLoader(data, dataset.LoaderOptions{Batch: n, Bindings: []*dataset.Binding{&binding}})
	if err != nil {
		return nil, 0, err
	}
	for b, err := range loader.Batches(ctx, 0) {
		return b.Inputs, n, err
	}
	return nil, 0, errors.New("ildc: there is no data to verify the student on")
}

// inferOnce runs a model once.
func inferOnce(ctx context.Context, g *graph.Graph, bind pass.Binding, e engine.Engine, o engine.Options, in map[string]*graph.Tensor) (map[string]*graph.Tensor, error) {
	program, err := infer(ctx, g, bind, e, o)
	if err != nil {
		return nil, err
	}
	defer program.Close()
	return program.Run(ctx, in)
}

// relativeError is the largest difference over the largest magnitude of want; of integers, which may have been decided by a hair, the part of elements that differ.
// It is the largest float64 where the two can't be compared.
func relativeError(got, want *graph.Tensor) float64 {
	if got == nil || got.Len() != want.Len() || want.DType == graph.String {
		return math.MaxFloat64
	}
	if !want.DType.IsFloat() {
		differ, x := 0, got.Values()
		for i, w := range want.Values() {
			if x[i] != w {
				differ++
			}
		}
		return float64(differ) / float64(max(1, want.Len()))
	}
	var most, scale float64
	x := got.Values()
	for i, w := range want.Values() {
		d := math.Abs(x[i] - w)
		if math.IsNaN(d) || math.IsInf(d, 0) {
			return math.MaxFloat64
		}
		most, scale = max(most, d), max(scale, math.Abs(w))
	}
	return min(most/max(scale, verifyFloor), math.MaxFloat64)
}

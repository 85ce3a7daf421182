package pipeline

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"

	"github.com/ildc/ildc/distill/dataset"
	"github.com/ildc/ildc/distill/engine"
	"github.com/ildc/ildc/distill/engine/embedded"
	"github.com/ildc/ildc/graph"
	"github.com/ildc/ildc/graph/pass"
	"github.com/ildc/ildc/internal/report"
)

// ErrVerification says that the exported student does not compute what was trained.
var ErrVerification = errors.New("the exported student differs from the trained one")

const (
	verifySamples = 16
	// verifyTolerance is far above what float32 sums in another order, and folded batch norm, make of a deep net, and far
	// below what a wrong weight does.
	verifyTolerance = 1e-3
	// verifyFloor is the magnitude below which an output counts as so large: ONNX Runtime's Sigmoid is right to some 10⁻⁷,
	// however small it is.
	verifyFloor = 1e-3
	// verifyHalves is the same for 16-bit floats, each of whose roundings is 2⁻¹¹ or, of bfloat16, 2⁻⁸.
	verifyHalves = 5e-2
)

// Verification is how closely the exported bytes compute what was trained.
type Verification struct {
	report.Verification
	Warning string // why it is not what was hoped for; "" where it is
}

// Verify runs the exported bytes, in ONNX Runtime where it is there, else in the embedded engine, and compares their
// outputs with those that the student had before its batch norm was folded.
func Verify(ctx context.Context, h Host, d *Data, trained *graph.Graph, f *File) (*Verification, error) {
	in, n, err := verificationInputs(ctx, d, trained)
	if err != nil {
		return nil, err
	}
	bind := pass.Binding{Batch: n, Symbols: d.Symbols}
	want, err := inferOnce(ctx, trained, bind, h.Engine, h.Options, in)
	if err != nil {
		return nil, err
	}
	v := &Verification{Verification: report.Verification{Samples: n}}
	outputs := bindable(trained, want)
	var got map[string]*graph.Tensor
	if runner := h.runner(); runner != nil && outputs != nil {
		v.Engine = runner.Version()
		model, err := f.runnable()
		if err != nil {
			return nil, err
		}
		got, err = runner.RunModel(ctx, model, f.feeds(in), outputs...)
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if v.Independent = err == nil; !v.Independent {
			v.Warning = fmt.Sprintf("the student could not be run by %s, and was checked by the embedded engine: %v",
				v.Engine, err)
		}
	}
	if !v.Independent {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		e := embedded.New()
		v.Engine = e.Version()
		exported, err := f.load()
		if err != nil {
			return nil, err
		}
		if got, err = inferOnce(ctx, exported.Graph, bind, e, engine.Options{Threads: h.Options.Threads}, in); err != nil {
			return nil, err
		}
	}
	if outputs == nil {
		outputs = slices.Collect(maps.Keys(want))
	}
	for _, name := range outputs {
		v.MaxRelativeError = max(v.MaxRelativeError, relativeError(got[name], want[name]))
	}
	if !(v.MaxRelativeError <= f.tolerance()) {
		return nil, fmt.Errorf("ildc: %w: by %.3g relative to the largest output, in %s",
			ErrVerification, v.MaxRelativeError, v.Engine)
	}
	return v, nil
}

// bindable names the outputs that ONNX Runtime's binding reads.
func bindable(g *graph.Graph, values map[string]*graph.Tensor) (names []string) {
	for _, v := range g.Outputs {
		if t := values[v.Name]; t != nil && t.DType.IsFloat() && len(t.Dims) > 0 {
			names = append(names, v.Name)
		}
	}
	return names
}

// feeds gives inputs the types that the file has.
func (f *File) feeds(in map[string]*graph.Tensor) map[string]*graph.Tensor {
	own := map[string]*graph.Tensor{}
	for _, x := range f.of.narrow(f.Graph).Inputs {
		own[x.Name] = in[x.Name]
		if t := in[x.Name]; t != nil && t.DType != x.DType {
			own[x.Name] = graph.FromValues(x.DType, t.Dims, t.Values())
		}
	}
	return own
}

// tolerance is how far outputs of the file may be from what was trained.
func (f *File) tolerance() float64 {
	if f.of.Whole != f.of.File { // it has 16-bit floats
		return verifyHalves
	}
	return verifyTolerance
}

// verificationInputs are the first samples of the data that results are measured on, as many as the student's batch
// allows.
func verificationInputs(ctx context.Context, d *Data, student *graph.Graph) (map[string]*graph.Tensor, int, error) {
	data, _ := d.measured()
	n := min(verifySamples, data.Len())
	for _, v := range student.Inputs {
		if len(v.Shape) > 0 && v.Shape[0].Known() {
			n = v.Shape[0].Size
		}
	}
	loader, err := dataset.NewLoader(data, dataset.LoaderOptions{Batch: n, Bindings: []*dataset.Binding{d.binding(true)}})
	if err != nil {
		return nil, 0, err
	}
	for b, err := range loader.Batches(ctx, 0) {
		if err != nil {
			return nil, 0, err
		}
		return b.Inputs, n, nil
	}
	return nil, 0, errors.New("ildc: there is no data to verify the student on")
}

// inferOnce runs a model once.
func inferOnce(ctx context.Context, g *graph.Graph, bind pass.Binding, e engine.Engine, o engine.Options,
	in map[string]*graph.Tensor) (map[string]*graph.Tensor, error) {
	program, err := engine.Infer(ctx, e, g, bind, o)
	if err != nil {
		return nil, err
	}
	defer program.Close()
	return program.Run(ctx, in)
}

// relativeError is the largest difference over the largest magnitude of want; of integers, which may have been decided
// by a hair, the part of elements that differ. It is the largest float64 where the two can't be compared.
func relativeError(got, want *graph.Tensor) float64 {
	if got == nil || got.Len() != want.Len() || want.DType == graph.String {
		return math.MaxFloat64
	}
	x := got.Values()
	if !want.DType.IsFloat() {
		differ := 0
		for i, w := range want.Values() {
			if x[i] != w {
				differ++
			}
		}
		return float64(differ) / float64(max(1, want.Len()))
	}
	var most, scale float64
	for i, w := range want.Values() {
		d := math.Abs(x[i] - w)
		if math.IsNaN(d) || math.IsInf(d, 0) {
			return math.MaxFloat64
		}
		most, scale = max(most, d), max(scale, math.Abs(w))
	}
	return min(most/max(scale, verifyFloor), math.MaxFloat64)
}

//go:build cgo

package ort

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"runtime"
	"slices"

	onnxruntime "github.com/yalue/onnxruntime_go"

	"github.com/ildc/ildc/distill/engine"
	"github.com/ildc/ildc/graph"
)

// RunModel runs a model on the CPU as its bytes are, and as whoever deploys it will: nothing is specialised, lowered
// or rewritten. in names all inputs of the model, and outputs those that are wanted, each of rank 1 or more.
func (e *Engine) RunModel(
	ctx context.Context, model []byte, in map[string]*graph.Tensor, outputs ...string,
) (_ map[string]*graph.Tensor, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("ort: %w", err)
		}
	}()
	p, feeds, results, err := newModel(model, in, outputs, engine.Options{Threads: runtime.GOMAXPROCS(0)})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, p.Close()) }()
	allocated := slices.Clone(results)
	if err := p.compute(ctx, feeds, results); err != nil {
		return nil, err
	}
	for i, v := range results {
		if allocated[i] == nil {
			p.owned = append(p.owned, v)
		}
	}
	out := map[string]*graph.Tensor{}
	for i, name := range outputs {
		if out[name], err = contents(results[i]); err != nil {
			return nil, fmt.Errorf("output %q: %w", name, err)
		}
	}
	return out, nil
}

// newModel makes a session of a model's bytes, its inputs, and its outputs, as far as they must be there before a
// run; ONNX Runtime makes those that are nil. What it owns, Close frees.
func newModel(
	model []byte, in map[string]*graph.Tensor, outputs []string, o engine.Options,
) (_ *program, feeds, results []onnxruntime.Value, err error) {
	options, err := sessionOptions(o)
	if err != nil {
		return nil, nil, nil, err
	}
	defer options.Destroy()
	names := slices.Sorted(maps.Keys(in))
	p := &program{}
	defer func() {
		if err != nil {
			p.Close()
		}
	}()
	if p.options, err = onnxruntime.NewRunOptions(); err != nil {
		return nil, nil, nil, err
	}
	if p.session, err = onnxruntime.NewDynamicAdvancedSessionWithONNXData(model, names, outputs, options); err != nil {
		return nil, nil, nil, err
	}
	batch := 1
	for _, name := range names {
		v, err := value(in[name])
		if err != nil {
			return nil, nil, nil, fmt.Errorf("input %q: %w", name, err)
		}
		p.owned, feeds = append(p.owned, v), append(feeds, v)
		if dims := in[name].Dims; len(dims) > 0 {
			batch = dims[0]
		}
	}
	results, err = p.allocateHalves(model, outputs, batch)
	return p, feeds, results, err
}

// allocateHalves allocates the outputs of 16-bit floats, which onnxruntime_go would give half the memory they need.
func (p *program) allocateHalves(model []byte, outputs []string, batch int) ([]onnxruntime.Value, error) {
	_, declared, err := onnxruntime.GetInputOutputInfoWithONNXData(model)
	if err != nil {
		return nil, err
	}
	results := make([]onnxruntime.Value, len(outputs))
	for _, info := range declared {
		i := slices.Index(outputs, info.Name)
		dtype := graph.DType(info.DataType)
		if i < 0 || dtype != graph.Float16 && dtype != graph.BFloat16 {
			continue
		}
		dims := make([]int, len(info.Dimensions))
		for a, d := range info.Dimensions {
			switch {
			case d >= 0:
				dims[a] = int(d)
			case a == 0:
				dims[a] = batch
			default:
				return nil, fmt.Errorf("output %q of %v: extent %d is not known", info.Name, dtype, a)
			}
		}
		if results[i], err = value(graph.NewTensor(dtype, dims...)); err != nil {
			return nil, fmt.Errorf("output %q: %w", info.Name, err)
		}
		p.owned = append(p.owned, results[i])
	}
	return results, nil
}

// contents gives what ONNX Runtime has allocated as a tensor.
func contents(v onnxruntime.Value) (*graph.Tensor, error) {
	var data any
	var dtype graph.DType
	switch t := v.(type) {
	case *onnxruntime.Tensor[float32]:
		data, dtype = t.GetData(), graph.Float32
	case *onnxruntime.Tensor[float64]:
		data, dtype = t.GetData(), graph.Float64
	case *onnxruntime.Tensor[int32]:
		data, dtype = t.GetData(), graph.Int32
	case *onnxruntime.Tensor[int64]:
		data, dtype = t.GetData(), graph.Int64
	case *onnxruntime.Tensor[uint8]:
		data, dtype = t.GetData(), graph.Uint8
	case *onnxruntime.Tensor[bool]:
		data, dtype = t.GetData(), graph.Bool
	case *onnxruntime.CustomDataTensor:
		bits := make([]uint16, len(t.GetData())/2)
		for i := range bits {
			bits[i] = binary.NativeEndian.Uint16(t.GetData()[2*i:])
		}
		if data, dtype = bits, graph.DType(t.DataType()); dtype != graph.Float16 && dtype != graph.BFloat16 {
			return nil, fmt.Errorf("a tensor of %v is not read", dtype)
		}
	default:
		return nil, fmt.Errorf("%v is not read", v.GetONNXType())
	}
	dims := []int{}
	for _, d := range v.GetShape() {
		dims = append(dims, int(d))
	}
	return &graph.Tensor{DType: dtype, Dims: dims, Data: data}, nil
}

package pipeline

import (
	"context"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"time"

	"github.com/ildc/ildc/exporter"
	"github.com/ildc/ildc/graph"
	"github.com/ildc/ildc/graph/pass"
)

// timeModels measures models that were made of one as they will be exported, on one sample at a time.
func timeModels(ctx context.Context, h Host, of *Model, bind pass.Binding,
	models ...*graph.Graph) ([]time.Duration, error) {
	var bytes [][]byte
	var in []map[string]*graph.Tensor
	var outputs [][]string
	for _, g := range models {
		g = of.complete(g)
		data, err := exporter.Marshal(g, exporter.Options{})
		if err != nil {
			return nil, err
		}
		feeds, err := anyInputs(g, bind)
		if err != nil {
			return nil, err
		}
		var names []string
		for _, v := range g.Outputs {
			names = append(names, v.Name)
		}
		bytes, in, outputs = append(bytes, data), append(in, feeds), append(outputs, names)
	}
	return h.timer().TimeModels(ctx, bytes, in, outputs, h.Options)
}

// anyInputs makes inputs of one sample up: normal variates, and zeros where they are no floats.
func anyInputs(g *graph.Graph, bind pass.Binding) (map[string]*graph.Tensor, error) {
	a, err := pass.Analyse(g, bind)
	if err != nil {
		return nil, err
	}
	in := map[string]*graph.Tensor{}
	for _, v := range a.Inputs {
		if !v.Shape.Static() {
			return nil, fmt.Errorf("ildc: latency: input %q is %v: bind its symbolic extents", v.Name, v.Shape)
		}
		t := graph.NewTensor(v.DType, v.Shape.Sizes()...)
		if v.DType == graph.Float32 {
			name := fnv.New64a()
			name.Write([]byte(v.Name))
			random := rand.New(rand.NewPCG(1, name.Sum64()))
			for i := range t.Float32s() {
				t.Float32s()[i] = float32(random.NormFloat64())
			}
		}
		in[v.Name] = t
	}
	return in, nil
}

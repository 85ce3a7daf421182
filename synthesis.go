package ildc

import (
	"context"
	"crypto/sha256"
	"encoding/gob"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/ildc/ildc/distill"
	"github.com/ildc/ildc/distill/dataset"
	"github.com/ildc/ildc/exporter"
	"github.com/ildc/ildc/graph"
)

// synthesise makes inputs from the statistics that the teacher has stored, where there are no data, and it has any; else it leaves the data alone. What was
// made lies in the cache, since it takes minutes.
func (p *plan) synthesise(ctx context.Context) error {
	d := &p.options.Data
	if d.given() || d.Noise || d.Student != nil || d.whole {
		return nil
	}
	s := distill.Synthesis{Teacher: p.teacher.graph, Engine: engineOf(p.options.Engine), EngineOptions: p.options.EngineOptions, Symbols: d.Symbols,
		Samples: d.Synthetic, Seed: p.options.Train.Seed, Progress: p.options.Progress}
	if s.Samples == 0 {
		s.Samples = defaultSynthetic
	}
	file := ""
	if d.Cache != "" {
		id := fmt.Sprintf("%s %d %d %s %v", p.teacher.sha256, s.Samples, s.Seed, s.Engine.Version(), d.Symbols)
		file = filepath.Join(d.Cache, fmt.Sprintf("%x.gob", sha256.Sum256([]byte(id))))
	}
	inputs, err := cachedInputs(file)
	if err == nil && inputs == nil {
		if inputs, err = s.Run(ctx); errors.Is(err, distill.ErrNoStatistics) {
			return nil
		}
		if err == nil && file != "" {
			err = keepInputs(file, inputs)
		}
	}
	if err != nil {
		return err
	}
	d.made, err = dataset.FromTensors(nil, dataset.Array{Name: p.teacher.graph.Inputs[0].Name, Tensor: inputs})
	return err
}

// madeInputs is the form of inputs in a file.
type madeInputs struct {
	Dims []int
	Data []float32
}

// cachedInputs reads what was made before; nil where there is nothing.
func cachedInputs(file string) (*graph.Tensor, error) {
	if file == "" {
		return nil, nil
	}
	f, err := os.Open(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("ildc: cache: %w", err)
	}
	defer f.Close()
	var m madeInputs
	if err := gob.NewDecoder(f).Decode(&m); err != nil || graph.Product(m.Dims) != len(m.Data) {
		return nil, fmt.Errorf("ildc: cached inputs %s are damaged: remove the file", file)
	}
	return graph.FromFloat32(m.Dims, m.Data), nil
}

// keepInputs writes what was made, in one move.
func keepInputs(file string, t *graph.Tensor) error {
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return fmt.Errorf("ildc: cache: %w", err)
	}
	err := exporter.Write(file, func(w io.Writer) error { return gob.NewEncoder(w).Encode(madeInputs{t.Dims, t.Float32s()}) })
	if err != nil {
		return fmt.Errorf("ildc: cache: %w", err)
	}
	return nil
}

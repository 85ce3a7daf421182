package pipeline

import (
	"cmp"
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

// Synthesise makes data where none are given: inputs with the statistics that the teacher's batch norm has stored,
// where it has any, else noise and shapes. What took minutes to make lies in the cache.
func Synthesise(ctx context.Context, h Host, s Samples, teacher *Model, to Inputs, seed uint64) (*Data, error) {
	if s.Noise || s.Student != nil || s.Whole {
		return makeUp(s, to, seed)
	}
	run := distill.Synthesis{Teacher: teacher.Graph, Engine: h.Engine, EngineOptions: h.Options, Symbols: s.Symbols,
		Samples: cmp.Or(s.Synthetic, DefaultSynthetic), Seed: seed, Progress: h.Progress}
	inputs, err := makeInputs(ctx, s.Cache, teacher, run)
	if errors.Is(err, distill.ErrNoStatistics) {
		return makeUp(s, to, seed)
	}
	if err != nil {
		return nil, err
	}
	made, err := dataset.FromTensors(nil, dataset.Array{Name: teacher.Graph.Inputs[0].Name, Tensor: inputs})
	if err != nil {
		return nil, err
	}
	s.Preprocess = dataset.Preprocess{} // they are made in the form that the teacher reads
	const from = "inputs made from the teacher's batch norm statistics"
	return divide(s, parts{train: made, about: fmt.Sprintf("%d %s", made.Len(), from),
		warning: "there is no data: the student was trained and measured on " + from + "; on real ones expect it to be " +
			"worse. Give data, labels are not needed"}, to, seed)
}

// makeInputs makes inputs [N,…], or reads from a folder, if one is given, what was made before.
func makeInputs(ctx context.Context, folder string, teacher *Model, s distill.Synthesis) (*graph.Tensor, error) {
	if folder == "" {
		return s.Run(ctx)
	}
	id := fmt.Sprintf("%s %d %d %s %v", teacher.side.SHA256, s.Samples, s.Seed, s.Engine.Version(), s.Symbols)
	file := filepath.Join(folder, fmt.Sprintf("%x.gob", sha256.Sum256([]byte(id))))
	inputs, err := readInputs(file)
	if err != nil || inputs != nil {
		return inputs, err
	}
	if inputs, err = s.Run(ctx); err != nil {
		return nil, err
	}
	return inputs, writeInputs(file, inputs)
}

// madeInputs is the form of inputs in a file.
type madeInputs struct {
	Dims []int
	Data []float32
}

// readInputs reads what was made before; nil where there is nothing.
func readInputs(file string) (*graph.Tensor, error) {
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

// writeInputs writes what was made, in one move.
func writeInputs(file string, t *graph.Tensor) error {
	err := os.MkdirAll(filepath.Dir(file), 0o755)
	if err == nil {
		err = exporter.Write(file, func(w io.Writer) error {
			return gob.NewEncoder(w).Encode(madeInputs{t.Dims, t.Float32s()})
		})
	}
	if err != nil {
		return fmt.Errorf("ildc: cache: %w", err)
	}
	return nil
}

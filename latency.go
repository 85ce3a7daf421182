package ildc

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"

	"github.com/ildc/ildc/distill/engine"
	"github.com/ildc/ildc/exporter"
	"github.com/ildc/ildc/graph"
	"github.com/ildc/ildc/graph/pass"
	"github.com/ildc/ildc/models"
)

// ModelTimer measures ONNX models as their bytes are, such as *ort.Engine.
type ModelTimer interface {
	// TimeModels runs models in turns, and gives the median time of a run of each. in has the inputs of each by their names, outputs the names
	// of its outputs.
	TimeModels(ctx context.Context, models [][]byte, in []map[string]*graph.Tensor, outputs [][]string, o engine.Options) ([]time.Duration, error)
}

// timer is what measures exported models; nil where there is only the embedded engine.
func (p *plan) timer() ModelTimer {
	if t, ok := p.options.Verifier.(ModelTimer); ok {
		return t
	}
	t, _ := p.options.Engine.(ModelTimer)
	return t
}

// latencies measures models as they will be exported, on one sample at a time.
func (p *plan) latencies(ctx context.Context, models ...*graph.Graph) ([]time.Duration, error) {
	var bytes [][]byte
	var in []map[string]*graph.Tensor
	var outputs [][]string
	for _, g := range models {
		g = p.written(g)
		data, err := exporter.Marshal(g, exporter.Options{})
		if err != nil {
			return nil, err
		}
		feeds, err := p.anyInputs(g)
		if err != nil {
			return nil, err
		}
		var names []string
		for _, v := range g.Outputs {
			names = append(names, v.Name)
		}
		bytes, in, outputs = append(bytes, data), append(in, feeds), append(outputs, names)
	}
	return p.timer().TimeModels(ctx, bytes, in, outputs, p.options.EngineOptions)
}

// anyInputs makes inputs of one sample up: normal variates, and zeros where they are no floats.
func (p *plan) anyInputs(g *graph.Graph) (map[string]*graph.Tensor, error) {
	a, err := pass.Analyse(g, pass.Binding{Batch: 1, Symbols: p.options.Data.Symbols})
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

// searchFile keeps, beside a checkpoint, what a search by latency ended at: measured once more, it might end at another student.
const searchFile = "student.json"

// search is a search by latency that was done.
type search struct {
	Teacher string `json:"teacher"` // SHA-256
	Budget  string `json:"budget"`
	models.Found
}

// searched is what an earlier run of the same job ended at, where this one is to go on from its checkpoint; else nil.
func (p *plan) searched(budget string) (*models.Found, error) {
	if !p.options.Resume || p.options.Checkpoint == "" {
		return nil, nil
	}
	data, err := os.ReadFile(filepath.Join(p.options.Checkpoint, searchFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var done search
	if err == nil {
		err = json.Unmarshal(data, &done)
	}
	if err != nil {
		return nil, fmt.Errorf("ildc: checkpoint: %w", err)
	}
	if done.Teacher != p.teacher.sha256 || done.Budget != budget {
		return nil, nil // another job's: its checkpoint is refused later
	}
	return &done.Found, nil
}

// keepSearch writes what a search by latency ended at.
func (p *plan) keepSearch(budget string) error {
	if p.generated.Found.MACs == 0 || p.options.Checkpoint == "" {
		return nil
	}
	if err := os.MkdirAll(p.options.Checkpoint, 0o755); err != nil {
		return fmt.Errorf("ildc: checkpoint: %w", err)
	}
	return writeJSON(filepath.Join(p.options.Checkpoint, searchFile), search{p.teacher.sha256, budget, p.generated.Found})
}

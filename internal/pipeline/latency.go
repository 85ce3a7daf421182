package pipeline

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

	"github.com/ildc/ildc/exporter"
	"github.com/ildc/ildc/graph"
	"github.com/ildc/ildc/graph/pass"
	"github.com/ildc/ildc/internal/report"
	"github.com/ildc/ildc/models"
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

// searchFile keeps, beside a checkpoint, what a search by latency ended at: measured once more, it might end at another
// student.
const searchFile = "student.json"

// search is a search by latency that was done.
type search struct {
	Teacher string `json:"teacher"` // SHA-256
	Budget  string `json:"budget"`
	models.Found
}

// readSearch is what an earlier run of the same job ended at, where this one is to go on from its checkpoint; else nil.
func (j Job) readSearch(teacher *Model) (*models.Found, error) {
	if !j.Resume || j.Checkpoint == "" {
		return nil, nil
	}
	data, err := os.ReadFile(filepath.Join(j.Checkpoint, searchFile))
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
	if done.Teacher != teacher.side.SHA256 || done.Budget != j.Choice.Asked {
		return nil, nil // another job's: its checkpoint is refused later
	}
	return &done.Found, nil
}

// writeSearch writes what a search by latency ended at, where there is a checkpoint to go on from, and there was such a
// search.
func (j Job) writeSearch(teacher *Model, found models.Found) error {
	if found.MACs == 0 || j.Checkpoint == "" {
		return nil
	}
	if err := os.MkdirAll(j.Checkpoint, 0o755); err != nil {
		return fmt.Errorf("ildc: checkpoint: %w", err)
	}
	return report.WriteJSON(filepath.Join(j.Checkpoint, searchFile), search{teacher.side.SHA256, j.Choice.Asked, found})
}

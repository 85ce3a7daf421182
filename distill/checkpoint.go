package distill

import (
	"encoding/gob"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/ildc/ildc/exporter"
	"github.com/ildc/ildc/graph"
)

// checkpointFile is the name of the checkpoint in its folder.
const checkpointFile = "checkpoint.ildc"

const checkpointVersion = 3

// checkpoint is everything that a run needs to go on as if it had not stopped.
type checkpoint struct {
	Version     int
	Fingerprint string // of models, data, options and engine
	Step, Steps int
	Batch       int
	Seconds     float64
	Variances   variances
	Balance     balance
	Teacher     Metrics
	Before      Metrics
	History     []Point
	Sums        map[string]float64 // of each term since the last point
	Count       int
	State       []saved
	Best        []saved
	BestStep    int
	BestMetrics Metrics
	Widths      map[string]int // of the student, by initializer: the first extent
}

// saved is a float32 state tensor.
type saved struct {
	Name string
	Dims []int
	Data []float32
}

func save(state map[string]*graph.Tensor) []saved {
	var all []saved
	for _, name := range slices.Sorted(maps.Keys(state)) {
		t := state[name]
		all = append(all, saved{name, t.Dims, t.Float32s()})
	}
	return all
}

func restore(all []saved) (map[string]*graph.Tensor, error) {
	state := map[string]*graph.Tensor{}
	for _, s := range all {
		if n := graph.Product(s.Dims); n != len(s.Data) {
			return nil, fmt.Errorf("distill: checkpoint: tensor %q %v holds %d elements", s.Name, s.Dims, len(s.Data))
		}
		state[s.Name] = graph.FromFloat32(s.Dims, s.Data)
	}
	return state, nil
}

// write replaces the folder's checkpoint in one move, so that a crash leaves the old one or the new one.
func (c *checkpoint) write(dir string) (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("distill: writing checkpoint: %w", err)
		}
	}()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	return exporter.Write(filepath.Join(dir, checkpointFile), func(w io.Writer) error {
		return gob.NewEncoder(w).Encode(c)
	})
}

// readCheckpoint reads the folder's checkpoint; nil where there is none.
func readCheckpoint(dir string) (c *checkpoint, err error) {
	path := filepath.Join(dir, checkpointFile)
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("distill: checkpoint: %w", err)
	}
	defer f.Close()
	c = &checkpoint{}
	if err := gob.NewDecoder(f).Decode(c); err != nil {
		return nil, fmt.Errorf("distill: checkpoint %s is damaged (%w): remove it to start anew", path, err)
	}
	if c.Version != checkpointVersion {
		return nil, fmt.Errorf("distill: checkpoint %s has version %d, this build reads %d",
			path, c.Version, checkpointVersion)
	}
	return c, nil
}

// checkpointEvery is how often a checkpoint is written where no number of steps is given.
const checkpointEvery = 30 * time.Second

package report

import (
	"github.com/ildc/ildc/distill"
	"github.com/ildc/ildc/graph"
)

// Benchmark is what was measured. Its memory is that of the whole process, so that it tells of one model only where the
// process has run nothing else.
type Benchmark struct {
	Model    string `json:"model"`    // path
	Training bool   `json:"training"` // a run is a training step, not inference
	Engine   string `json:"engine"`   // name
	Version  string `json:"version"`
	Threads  int    `json:"threads"`
	Device   string `json:"device"`
	Batch    int    `json:"batch"`
	Steps    int    `json:"steps"` // measured runs

	P50             float64     `json:"p50_ms"` // of a run
	P90             float64     `json:"p90_ms"`
	ImagesPerSecond float64     `json:"images_per_second"` // over all measured runs
	Memory          MemoryUsage `json:"memory"`

	// Of training only.
	Sides  *BenchSides    `json:"sides,omitempty"`
	Pairs  []Pair         `json:"pairs,omitempty"`
	Losses []distill.Term `json:"losses,omitempty"`
	// Variances are what terms are divided by, see [distill.Trainer.Variances].
	Variances map[string]float64 `json:"variances,omitempty"`
	// First are the losses of the very first step, before their weights, by the terms' names, and "total"; Last are
	// those of the last measured step.
	First map[string]float64 `json:"first_loss,omitempty"`
	Last  map[string]float64 `json:"last_loss,omitempty"`

	Student *graph.Graph `json:"-"` // in the form that it is trained in, before the first step
}

// BenchSides are the two models of a training step.
type BenchSides struct {
	Teacher Side `json:"teacher"`
	Student Side `json:"student"`
}

// MemoryUsage is what of the process was in memory, in bytes; 0 where the system does not say.
type MemoryUsage struct {
	Loaded  int64 `json:"loaded"`  // before the first run
	Loading int64 `json:"loading"` // the most until then
	Peak    int64 `json:"peak"`    // the most from then on
	End     int64 `json:"end"`     // after the last run
	// Tenths are after each tenth of the measured runs, where their number was given, 10 or more.
	Tenths []int64 `json:"tenths,omitempty"`
}

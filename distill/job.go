package distill

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/ildc/ildc/distill/dataset"
	"github.com/ildc/ildc/distill/engine"
	"github.com/ildc/ildc/graph"
)

// Job is one distillation: who teaches whom, on what, and how.
type Job struct {
	Teacher, Student *graph.Graph // as imported; neither is changed
	Pairs            []Pair       // aligned feature maps
	Engine           engine.Engine
	EngineOptions    engine.Options

	Train, Validation dataset.Dataset
	Bindings          []*dataset.Binding // from the data to the teacher's inputs, and the student's where it has its own
	Augment           dataset.Augment

	Options    Options
	Checkpoint string         // folder that checkpoints are written to; "" writes none
	Resume     bool           // go on from the folder's checkpoint, where there is one
	Force      bool           // train also where the teacher is near chance on the data, or a step needs more than Memory
	Memory     int64          // bytes that a training step may take, see [ErrMemory]; 0 is not checked
	Symbols    map[string]int // sizes of symbolic extents other than the batch
	Progress   func(Progress) // may be nil; called from one goroutine
	Logger     *slog.Logger   // may be nil
}

// Progress is a moment of a run.
type Progress struct {
	Phase           string // "synthesising", "choosing" or "trying" students, "preparing", "training", "evaluating"
	Step, Steps     int    // of training: done, and in all; Steps is 0 while it is not known, as it is of choosing
	Loss            float64
	ImagesPerSecond float64
	Remaining       time.Duration // an estimate; 0 where there is none yet
	Point           *Point        // a validation that has just been done
}

// Point is one validation in the course of a run.
type Point struct {
	Step    int                `json:"step"`
	Losses  map[string]float64 `json:"losses,omitempty"` // means since the last point, before weights, and "total"
	Metrics Metrics            `json:"metrics"`          // on the validation part
}

// Result is what a run has reached.
type Result struct {
	Student         *graph.Graph // the given student with the best state's weights
	Task            Task         // what was taken
	Teacher         Metrics      // of the teacher, on the validation part
	Before          Metrics      // of the student before training, on the validation part
	Best            Metrics      // of the exported state, on the validation part
	BestStep        int
	Steps, Batch    int
	Seconds         float64 // of training, all runs of it together, validations included
	ImagesPerSecond float64 // trained samples over Seconds
	StepTime        float64 // ms, the median of the steps since the start or the last resumption; 0 where there was none
	History         []Point
	Losses          []Term
}

// Errors that callers tell apart.
var (
	// ErrTeacherNearChance says that the teacher is no better than guessing on the data.
	ErrTeacherNearChance = errors.New("the teacher is near chance on this data: check the preprocessing " +
		"(scale, mean, deviation, layout) and the order of classes, or go on nevertheless")
	// ErrInterrupted says that the run was cancelled; with a checkpoint folder it can be resumed.
	ErrInterrupted = errors.New("interrupted")
)

// fingerprint tells runs apart whose steps would differ.
func (j *Job) fingerprint(o Options) (string, error) {
	h := sha256.New()
	for _, g := range []*graph.Graph{j.Teacher, j.Student} {
		if err := g.Dump(h); err != nil {
			return "", err
		}
		for _, v := range g.Initializers {
			fmt.Fprintf(h, "%s %v\n", v.Name, v.Const.Data)
		}
	}
	for _, ds := range []dataset.Dataset{j.Train, j.Validation} {
		id, err := dataset.Fingerprint(ds)
		if err != nil {
			return "", fmt.Errorf("distill: %w", err)
		}
		fmt.Fprintln(h, id)
	}
	o.CheckpointEvery, o.Duration = 0, 0
	losses := o.Losses.String() + " " + o.FinalLosses.String()
	o.Losses, o.FinalLosses = nil, nil
	pairs, err := json.Marshal(j.Pairs)
	if err != nil {
		return "", fmt.Errorf("distill: %w", err)
	}
	fmt.Fprintf(h, "%+v %s %s %v %v %s %s %+v", o, losses, pairs, j.Augment, j.Symbols,
		j.Engine.Name(), j.Engine.Version(), j.EngineOptions)
	return fmt.Sprintf("%x", h.Sum(nil)), nil
}

func (j *Job) log() *slog.Logger { return orSilent(j.Logger) }

// orSilent is a logger that may be nil.
func orSilent(l *slog.Logger) *slog.Logger {
	if l == nil {
		return slog.New(slog.DiscardHandler)
	}
	return l
}

func (j *Job) report(p Progress) {
	if j.Progress != nil {
		j.Progress(p)
	}
}

func (j *Job) backend() backend { return backend{j.Engine, j.EngineOptions} }

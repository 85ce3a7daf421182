package ildc

import (
	"cmp"
	"errors"
	"log/slog"

	"github.com/ildc/ildc/distill"
	"github.com/ildc/ildc/distill/dataset"
	"github.com/ildc/ildc/distill/engine"
	"github.com/ildc/ildc/distill/engine/embedded"
	"github.com/ildc/ildc/internal/pipeline"
	"github.com/ildc/ildc/layermatch"
	"github.com/ildc/ildc/models"
)

// Options say what to compress and how. Teacher is needed; the zero value of everything else is good.
type Options struct {
	Teacher Model
	Student Model // a student of your own; not given: one is generated from the teacher

	Output    string // file that the student is written to; "" gives it as Result.Model only
	Overwrite bool   // an existing Output is replaced

	Budget  string            // "macs=0.5x,params=100k"; default macs=0.5x. See [models.ParseBudget]
	Keep    []string          // nodes of the teacher whose width stays
	Rank    models.Importance // what tells how much a channel matters; default: reconstruction, norms without data
	Shrink  models.Shrink     // channels, blocks or both
	Share   models.Share      // how the budget is shared out over the groups of channels
	Random  bool              // the student starts from random weights instead of the teacher's
	Pairs   []string          // "teacher_value:student_value", in place of those that alignment chooses
	NoPairs []string          // pairs, or values of either model, that alignment must not choose
	// Select is how many of the aligned pairs are to distil from; default: the last of each stage.
	Select layermatch.Selection

	Data  Data
	Train distill.Options

	Engine        engine.Engine // default: the embedded engine
	EngineOptions engine.Options
	Verifier      ModelRunner // runs the exported student to check it; default: Engine where it can, else embedded

	Checkpoint string  // folder for checkpoints
	Resume     bool    // go on from the checkpoint in that folder
	MinScore   float64 // least test accuracy of the student, or agreement where there are no labels, 0 to 1
	// Memory is how many bytes a training step may take, see [ErrMemory]; default: what the processor has free, where that
	// is known.
	Memory int64
	Force  bool // train also where the teacher is near chance on the data, or a step needs more than Memory

	Progress func(distill.Progress) // may be nil; called from one goroutine
	Logger   *slog.Logger           // may be nil
}

// Data says what to train and test on (Path, or Train and Test, or neither for inputs that are made up), how its values
// become the model's inputs (Preprocess), and how they vary in training (Augment). See [dataset.Source].
type Data = dataset.Source

// ModelRunner runs an ONNX model as its bytes are, such as *ort.Engine. See [engine.ModelRunner].
type ModelRunner = engine.ModelRunner

// defaultBudget is what a student is generated to where nothing else is asked for.
const defaultBudget = "macs=0.5x"

// job checks the options, reads their texts, and fills what is not given.
func (o Options) job() (j pipeline.Job, err error) {
	j = pipeline.Job{
		Choice: pipeline.Choice{Asked: cmp.Or(o.Budget, defaultBudget), Keep: o.Keep, Importance: o.Rank, Shrink: o.Shrink,
			Share: o.Share, Random: o.Random},
		Wishes: pipeline.Wishes{Pairs: o.Pairs, NoPairs: o.NoPairs, Select: o.Select},
		Data:   pipeline.Samples{Source: o.Data},
		Train:  o.Train,
		Host: pipeline.Host{Engine: orEmbedded(o.Engine), Options: o.EngineOptions, Verifier: o.Verifier, Memory: o.Memory,
			Progress: o.Progress, Logger: o.Logger},
		Checkpoint: o.Checkpoint, Resume: o.Resume, Force: o.Force,
		MinScore: o.MinScore, Output: o.Output, Overwrite: o.Overwrite,
	}
	if j.Teacher, err = o.Teacher.source(); err != nil {
		return j, err
	}
	if !o.Student.given() {
		j.Choice.Budget, err = models.ParseBudget(j.Choice.Asked)
		return j, err
	}
	if o.Budget != "" || len(o.Keep) > 0 || o.Random || o.Rank != "" || o.Shrink != "" || o.Share != "" {
		return j, errors.New("ildc: budget, kept nodes, importance, what shrinks, how the budget is shared out and random " +
			"weights are for a generated student, and a student was given")
	}
	j.Choice.Asked = "the student given"
	j.Student, err = o.Student.source()
	return j, err
}

// orEmbedded is the engine that is given, or else the embedded one.
func orEmbedded(e engine.Engine) engine.Engine {
	if e == nil {
		return embedded.New()
	}
	return e
}

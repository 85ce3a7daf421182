package ildc

import (
	"log/slog"

	"github.com/ildc/ildc/distill"
	"github.com/ildc/ildc/distill/dataset"
	"github.com/ildc/ildc/distill/engine"
	"github.com/ildc/ildc/layermatch"
	"github.com/ildc/ildc/models"
)

// Options say what to compress and how. Teacher is needed; the zero value of everything else is good.
type Options struct {
	Teacher Model `json:"-"`
	Student Model `json:"-"` // a student of your own; not given: one is generated from the teacher

	Output    string // file that the student is written to; "" gives it as [Result.Model] only
	Overwrite bool   // an existing Output is replaced

	Budget  string               // "macs=0.5x,params=100k"; default macs=0.5x. See [models.ParseBudget]
	Keep    []string             // nodes of the teacher whose width stays
	Rank    models.Importance    // what tells how much a channel matters; default: what it does on the data, its weights' norm without
	Shrink  models.Shrink        // channels, blocks or both; default channels
	Random  bool                 // the student starts from random weights instead of the teacher's
	Pairs   []string             // "teacher_value:student_value", in place of those that alignment chooses
	NoPairs []string             // pairs, or values of either model, that alignment must not choose
	Select  layermatch.Selection // how many of the aligned pairs are to distil from; default: the last of each stage

	Data  Data
	Train distill.Options

	Engine        engine.Engine `json:"-"` // default: the embedded engine
	EngineOptions engine.Options
	Verifier      ModelRunner `json:"-"` // runs the exported student to check it; default: Engine where it can, else the embedded engine

	Checkpoint string  // folder for checkpoints
	Resume     bool    // go on from the checkpoint in that folder
	MinScore   float64 // least test accuracy of the student, or agreement where there are no labels, 0 to 1
	Memory     int64   // bytes that a training step may take, see [ErrMemory]; default: what the processor has free, where that is known
	Force      bool    // train also where the teacher is near chance on the data, or a step needs more than Memory

	Progress func(distill.Progress) `json:"-"` // may be nil; called from one goroutine
	Logger   *slog.Logger           `json:"-"` // may be nil
}

// Data says what to train and test on: Path, or datasets of your own, or neither for synthetic inputs.
type Data struct {
	Path string // see [dataset.Open]
	Open dataset.Options

	Train, Test dataset.Dataset `json:"-"` // used where Path is empty; Test may be nil

	Preprocess dataset.Preprocess
	Student    *dataset.Preprocess // of a student that expects another preprocessing than the teacher
	Augment    dataset.Augment
	Validation float64        // fraction of the training data that is held out to choose the best state; default 0.1
	Symbols    map[string]int // sizes of symbolic extents other than the batch
	Synthetic  int            // number of synthetic samples where there is no data; default 2048

	Noise bool   // synthetic inputs are noise and shapes, though the teacher's batch norm tells what they should be like
	Cache string `json:"-"` // folder for synthetic inputs that took minutes to make; "" keeps none

	made  dataset.Dataset // synthetic inputs that were made, in the form that the teacher reads
	whole bool            // all samples are for training, in their order, as a benchmark feeds them
}

// given says whether there are data, and not synthetic inputs.
func (d Data) given() bool { return d.Path != "" || d.Train != nil }

const (
	defaultBudget     = "macs=0.5x"
	defaultValidation = 0.1
	defaultSynthetic  = 2048
)

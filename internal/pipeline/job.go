package pipeline

import (
	"log/slog"
	"os"

	"github.com/ildc/ildc/distill"
	"github.com/ildc/ildc/distill/dataset"
	"github.com/ildc/ildc/distill/engine"
	"github.com/ildc/ildc/layermatch"
	"github.com/ildc/ildc/models"
)

// Job is what to compress and how. Whoever makes one has checked that its parts go together.
type Job struct {
	Teacher Source
	Student Source // not given: one is generated from the teacher
	Choice  Choice
	Wishes  Wishes
	Data    Samples
	Train   distill.Options
	Host    Host

	Checkpoint string // folder for checkpoints
	Resume     bool   // go on from the checkpoint in that folder
	Force      bool   // train also where the teacher is near chance on the data, or a step needs more than Host.Memory

	MinScore  float64 // least score of the student, see [distill.Metrics.Score]
	Output    string  // file that the student is written to; "" writes none
	Overwrite bool    // an existing Output is replaced
}

// Source is where a model's bytes are: in a file, or here.
type Source struct {
	Path  string // external data is read from its folder
	Bytes []byte `json:"-"`
}

// Given says whether there is a model.
func (s Source) Given() bool { return s.Path != "" || s.Bytes != nil }

// Read gives the model's bytes.
func (s Source) Read() ([]byte, error) {
	if s.Bytes != nil {
		return s.Bytes, nil
	}
	return os.ReadFile(s.Path)
}

// Choice says which student to generate.
type Choice struct {
	Asked      string        // the budget, as it was written; of a student that is given, what stands in its place
	Budget     models.Budget `json:"-"` // what that says
	Keep       []string      // nodes of the teacher whose width stays
	Importance models.Importance
	Shrink     models.Shrink
	Share      models.Share
	LeastCuts  int  // see [models.Options]
	Random     bool // it starts from random weights instead of the teacher's
	Untried    bool // short trainings do not choose what is left open of Shrink and Share
}

// Wishes say what alignment must, and must not, choose.
type Wishes struct {
	Pairs   []string // "teacher_value:student_value", in place of those that alignment chooses
	NoPairs []string // pairs, or values of either model
	Select  layermatch.Selection
}

// Samples are the data to open.
type Samples struct {
	dataset.Source
	Whole  bool // all samples are for training, in their order, as a benchmark feeds them
	Scored bool // a score is asked of the student, which what it was trained on says nothing of
}

// Host is what stages run on, and whom they tell of what they do.
type Host struct {
	Engine   engine.Engine `json:"-"`
	Options  engine.Options
	Verifier engine.ModelRunner `json:"-"` // runs the exported student; nil: Engine where it can, else the embedded engine
	Memory   int64              // bytes that a training step may take; 0: what the processor has free, where that is known

	Progress func(distill.Progress) `json:"-"` // may be nil; called from one goroutine
	Logger   *slog.Logger           `json:"-"` // may be nil
}

// runner is what runs the exported bytes; nil where there is only the embedded engine.
func (h Host) runner() engine.ModelRunner {
	if h.Verifier != nil {
		return h.Verifier
	}
	r, _ := h.Engine.(engine.ModelRunner)
	return r
}

// timer is what measures exported models; nil where there is only the embedded engine.
func (h Host) timer() engine.ModelTimer {
	if t, ok := h.Verifier.(engine.ModelTimer); ok {
		return t
	}
	t, _ := h.Engine.(engine.ModelTimer)
	return t
}

// onProcessor says whether steps run in the machine's own memory.
func (h Host) onProcessor() bool { return h.Options.Device == "" || h.Options.Device == "cpu" }

func (h Host) report(p distill.Progress) {
	if h.Progress != nil {
		h.Progress(p)
	}
}

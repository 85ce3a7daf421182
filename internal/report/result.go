package report

import (
	"github.com/ildc/ildc/distill"
	"github.com/ildc/ildc/layermatch"
	"github.com/ildc/ildc/models"
)

// Schema is the version of the JSON form of [Result] and [Study]; it changes when a field changes its meaning or goes
// away.
const Schema = 1

// Result is what a compression has reached, or what a plan has decided: then it has no metrics, and nothing of what
// training and export tell. Of a model that is declined it has the reasons, and what was known until then.
//
// Its JSON form, in which the fields of Training stand among the others, is what the command prints with --json.
type Result struct {
	Schema int `json:"schema"`
	Training

	Task            string  `json:"task,omitempty"` // "classify" or "regress"
	Budget          Budget  `json:"budget"`
	Data            string  `json:"data,omitempty"`              // what was trained on, in words
	ImagesPerSecond float64 `json:"images_per_second,omitempty"` // of training

	Trials []Trial  `json:"trials,omitempty"` // of the students that the budget allows, by short trainings
	Recipe []string `json:"recipe,omitempty"` // what the number of samples has decided about training, and why

	Groups []models.Group `json:"groups,omitempty"` // channels that a generated student has fewer of

	// Similarity compares the teacher's feature maps with the student's before training, where there are data; Trained
	// compares them with those of the student that was exported.
	Similarity *layermatch.Similarity `json:"similarity,omitempty"`
	Trained    *layermatch.Similarity `json:"similarity_trained,omitempty"`

	Removed   []models.Cut    `json:"removed,omitempty"`   // blocks and layers that were left out
	Untouched []models.Reason `json:"untouched,omitempty"` // nodes whose width stays, and why
	// Frozen are nodes with ops that are not known: they and all that depends on them stay as they are, and are not
	// counted.
	Frozen   []models.Reason `json:"frozen,omitempty"`
	Declined []models.Reason `json:"declined,omitempty"` // why the model is declined
	Warnings []string        `json:"warnings,omitempty"`
	Met      bool            `json:"met"` // every stated requirement is met
	NotMet   []string        `json:"not_met,omitempty"`

	Verified *Verification `json:"verified,omitempty"` // of the exported bytes

	Model     []byte `json:"-"` // the student as ONNX
	Alignment string `json:"-"` // the alignment as a table of text
}

// Training is what one training was given, and what it has reached.
type Training struct {
	Teacher Side   `json:"teacher"`
	Student Side   `json:"student"`
	Engine  string `json:"engine,omitempty"`
	// Measured is what the metrics of both sides were measured on: "test", or "validation" where there is no test part, or
	// "training" where nothing is held out either.
	Measured string           `json:"measured,omitempty"`
	Steps    int              `json:"steps,omitempty"`
	BestStep int              `json:"best_step,omitempty"` // the step whose weights were exported
	Batch    int              `json:"batch,omitempty"`
	Seconds  float64          `json:"seconds,omitempty"` // of training, validations included
	StepTime float64          `json:"step_ms,omitempty"` // the median of a training step
	Pairs    []Pair           `json:"pairs"`             // what feature maps were aligned; never nil
	Losses   []distill.Term   `json:"losses,omitempty"`  // the terms, and what each was of
	History  []distill.Point  `json:"history,omitempty"` // the validations, by step
	Before   *distill.Metrics `json:"before,omitempty"`  // of the student before training, on the validation part
	Best     *distill.Metrics `json:"best,omitempty"`    // of the exported state, on the validation part
}

// Side is one of the two models.
type Side struct {
	Path   string `json:"path,omitempty"`
	SHA256 string `json:"sha256,omitempty"`
	Params int64  `json:"params"`
	MACs   int64  `json:"macs"`  // multiply-adds of one sample
	Bytes  int64  `json:"bytes"` // of the file
	// Latency is the median of a run on one sample, in turns with the other model; where the budget limits it.
	Latency float64          `json:"latency_ms,omitempty"`
	Metrics *distill.Metrics `json:"metrics,omitempty"` // on the part that Measured names
}

// Budget is what was asked, and what the written file has.
type Budget struct {
	Asked   string `json:"asked"`
	Reached string `json:"reached"`
	Met     bool   `json:"met"`
}

// Trial is a student that was trained for a short while, to choose the one that is trained to the end.
type Trial struct {
	Shrink   string  `json:"shrink"` // what it has less of
	Share    string  `json:"share"`  // how the budget was shared out
	MACs     int64   `json:"macs"`
	Params   int64   `json:"params"`
	Losses   string  `json:"losses"`   // that it was trained with
	Steps    int     `json:"steps"`    // of its longest trial
	Distance float64 `json:"distance"` // from the teacher behind it: KL, or relative L2 where outputs are no logits
	Chosen   bool    `json:"chosen"`
}

// Student is what was tried, in words.
func (t Trial) Student() string {
	switch {
	case t.Shrink == "":
		return "the student"
	case t.Share == "":
		return "less " + t.Shrink
	}
	return t.Shrink + " shared out by " + t.Share
}

// Pair is an aligned pair of feature maps.
type Pair struct {
	Teacher string  `json:"teacher"`
	Student string  `json:"student"`
	Score   float64 `json:"score"`  // 0 to 1
	Bridge  string  `json:"bridge"` // how the shapes are brought together
}

// Verification compares the outputs of the exported student with those that the trained one has on the engine that
// trained it.
type Verification struct {
	Engine string `json:"engine"` // that ran the exported student
	// Independent is that it ran the bytes as they are; else they were imported first, and run by the embedded engine.
	Independent bool `json:"independent"`
	Samples     int  `json:"samples"`
	// MaxRelativeError is the largest difference of an output over its largest magnitude.
	MaxRelativeError float64 `json:"max_relative_error"`
}

// Measures are what the evaluation of one model gives.
type Measures struct {
	Measured string          `json:"measured"` // "test", or "validation" where there is no test part
	Engine   string          `json:"engine"`
	Metrics  distill.Metrics `json:"metrics"`
}

package ildc

import (
	"github.com/ildc/ildc/distill"
	"github.com/ildc/ildc/layermatch"
)

// Schema is the version of the JSON form of [Result]; it changes when a field changes its meaning or goes away.
const Schema = 1

// Result is what a call has reached. Its JSON form is what the command prints with --json.
type Result struct {
	Schema   int    `json:"schema"`
	Teacher  Side   `json:"teacher"`
	Student  Side   `json:"student"`
	Task     string `json:"task,omitempty"` // "classify" or "regress"
	Budget   Budget `json:"budget"`
	Engine   string `json:"engine,omitempty"`
	Data     string `json:"data,omitempty"`      // what was trained on, in words
	Measured string `json:"measured,omitempty"`  // what the metrics were measured on: "test", or "validation" where there is no test part
	Steps    int    `json:"steps,omitempty"`     // of training
	BestStep int    `json:"best_step,omitempty"` // the step whose weights were exported
	Batch    int    `json:"batch,omitempty"`

	Seconds         float64 `json:"seconds,omitempty"` // of training, validations included
	ImagesPerSecond float64 `json:"images_per_second,omitempty"`
	StepTime        float64 `json:"step_ms,omitempty"` // the median of a training step

	Pairs   []Pair          `json:"pairs"`
	Losses  []distill.Term  `json:"losses,omitempty"`
	History []distill.Point `json:"history,omitempty"`
	Groups  []Group         `json:"groups,omitempty"`

	Similarity *layermatch.Similarity `json:"similarity,omitempty"`         // of the teacher's feature maps and the student's before training: a heat map. Where there are data
	Trained    *layermatch.Similarity `json:"similarity_trained,omitempty"` // and of those of the student that was exported

	Removed   []Cut    `json:"removed,omitempty"`   // blocks and layers that were left out
	Untouched []Reason `json:"untouched,omitempty"` // nodes whose width stays, and why
	Frozen    []Reason `json:"frozen,omitempty"`    // nodes with ops that are not known: they and all that depends on them stay as they are, and are not counted
	Declined  []Reason `json:"declined,omitempty"`  // why the model is declined, with [ErrDeclined]
	Warnings  []string `json:"warnings,omitempty"`
	Met       bool     `json:"met"` // every stated requirement is met
	NotMet    []string `json:"not_met,omitempty"`

	Verified *Verification `json:"verified,omitempty"` // of the exported bytes

	Before *distill.Metrics `json:"before,omitempty"` // of the student before training, on the validation part
	Best   *distill.Metrics `json:"best,omitempty"`   // of the exported state, on the validation part

	Model     []byte `json:"-"` // the student as ONNX
	Alignment string `json:"-"` // the alignment as a table of text
}

// Side is one of the two models.
type Side struct {
	Path    string           `json:"path,omitempty"`
	SHA256  string           `json:"sha256,omitempty"`
	Params  int64            `json:"params"`
	MACs    int64            `json:"macs"`                 // multiply-adds of one sample
	Bytes   int64            `json:"bytes"`                // of the file
	Latency float64          `json:"latency_ms,omitempty"` // the median of a run on one sample, in turns with the other model; where the budget limits it
	Metrics *distill.Metrics `json:"metrics,omitempty"`
}

// Budget is what was asked, and what the written file has.
type Budget struct {
	Asked   string `json:"asked"`
	Reached string `json:"reached"`
	Met     bool   `json:"met"`
}

// Pair is an aligned pair of feature maps.
type Pair struct {
	Teacher string  `json:"teacher"`
	Student string  `json:"student"`
	Score   float64 `json:"score"`  // 0 to 1
	Bridge  string  `json:"bridge"` // how the shapes are brought together
}

// Group is a set of channels that shrink together.
type Group struct {
	Name   string `json:"name"`
	Before int    `json:"before"` // channels
	After  int    `json:"after"`
}

// Cut is a part of the teacher that the student does without.
type Cut struct {
	Node        string  `json:"node"`           // the addition of a residual block, or a layer
	Into        string  `json:"into,omitempty"` // the layer that took a layer's work over
	MACs        int64   `json:"macs"`           // that went with it
	Disturbance float64 `json:"disturbance"`    // what its absence alone adds to kd, before training
}

// Reason names a node or value and says why.
type Reason struct {
	Node string `json:"node"`
	Op   string `json:"op,omitempty"`
	Why  string `json:"why"`
}

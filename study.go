package ildc

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/ildc/ildc/distill"
	"github.com/ildc/ildc/distill/dataset"
	"github.com/ildc/ildc/exporter"
)

// StudyOptions say what a study compares. Teacher and Folder are needed.
type StudyOptions struct {
	// Options are those of every run. Output, Checkpoint, Resume and Train.Seed are the study's own; Random and Train.Losses are the arms'.
	Options
	Arms   []string // default: [DefaultArms]
	Seeds  int      // runs of each arm, with the seeds 0, 1 and so on; default 3
	Folder string   // keeps the results and the students of runs; a study goes on from what its folder has

	Started func(run, runs int, arm string, seed uint64) // called when a run starts that the folder has no result of; may be nil
}

// Study is what a study has found. Its JSON form is what the command prints with --json.
type Study struct {
	Schema   int        `json:"schema"`
	Teacher  Side       `json:"teacher"`
	Budget   string     `json:"budget"`
	Measured string     `json:"measured"` // what metrics were measured on, see [Result.Measured]
	Metric   string     `json:"metric"`   // "accuracy", "agreement" or "cosine", see [distill.Metrics.Score]
	Baseline string     `json:"baseline"` // the arm that others are compared with, seed by seed
	Arms     []ArmStudy `json:"arms"`
}

// ArmStudy are the runs of one arm.
type ArmStudy struct {
	Name   string `json:"name"`
	About  string `json:"about"`
	Losses string `json:"losses"` // with their weights
	Runs   []*Run `json:"runs"`   // by seed

	Score      Spread   `json:"score"`      // as measured
	Validation Spread   `json:"validation"` // on the validation part, of the state that was exported
	Difference *Spread  `json:"difference"` // of the scores from those of the baseline with the same seed; nil for the baseline
	P          *float64 `json:"p"`          // that a difference as large as this comes about by chance, by the paired t-test; nil for the baseline, and for one seed
	Overhead   *float64 `json:"overhead"`   // the time of a step over that of the baseline, less 1; nil for the baseline
	StepTime   float64  `json:"step_ms"`    // the median over runs of a step's median time
}

// Run is one training of a study.
type Run struct {
	Arm      string          `json:"arm"` // the first that needed it; others with the same settings share it
	Seed     uint64          `json:"seed"`
	Student  Side            `json:"student"` // its file lies in the study's folder
	Teacher  Side            `json:"teacher"`
	Measured string          `json:"measured"`
	Before   distill.Metrics `json:"before"` // training, on the validation part
	Best     distill.Metrics `json:"best"`   // of the exported state, on the validation part
	History  []distill.Point `json:"history"`
	Pairs    []Pair          `json:"pairs"`
	Losses   []distill.Term  `json:"losses"`
	Engine   string          `json:"engine"`
	Steps    int             `json:"steps"`
	BestStep int             `json:"best_step"`
	Batch    int             `json:"batch"`
	Seconds  float64         `json:"seconds"`
	StepTime float64         `json:"step_ms"` // the median
}

const defaultSeeds = 3

// RunStudy runs the arms of a study, each with several seeds, and compares them. Every run has the same steps, data and seeds. An interrupted study goes
// on where it stopped when it is started again with the same folder; the error is then [ErrInterrupted].
func RunStudy(ctx context.Context, o StudyOptions) (*Study, error) {
	arms, err := o.arms()
	if err != nil {
		return nil, err
	}
	if o.Folder == "" {
		return nil, errors.New("ildc: a study needs a folder for its results")
	}
	if err := os.MkdirAll(o.Folder, 0o755); err != nil {
		return nil, fmt.Errorf("ildc: study: %w", err)
	}
	if o.Options, err = o.Options.reusable(); err != nil {
		return nil, err
	}
	seeds := cmp.Or(o.Seeds, defaultSeeds)
	done := make([]ArmStudy, len(arms))
	for i, a := range arms {
		done[i] = ArmStudy{Name: a.name, About: a.about, Losses: a.losses.String()}
	}
	for seed := range uint64(seeds) { // seed by seed, so that a study that is stopped has compared all arms
		for i, a := range arms {
			r, err := o.run(ctx, a, seed, int(seed)*len(arms)+i+1, seeds*len(arms))
			if err != nil {
				return nil, fmt.Errorf("ildc: study: arm %s, seed %d: %w", a.name, seed, err)
			}
			done[i].Runs = append(done[i].Runs, r)
		}
	}
	return compareArms(o.Budget, done), nil
}

// reusable reads a teacher and a student that can be read once only, since every run needs them.
func (o Options) reusable() (Options, error) {
	for _, m := range []*Model{&o.Teacher, &o.Student} {
		if m.Reader != nil {
			l, err := m.data()
			if err != nil {
				return o, err
			}
			*m = Bytes(l)
		}
	}
	return o, nil
}

// run gives a run's result, from the folder where it is there.
func (o StudyOptions) run(ctx context.Context, a arm, seed uint64, number, runs int) (*Run, error) {
	each := o.Options
	a.apply(&each)
	each.Train.Seed = seed
	each.Data.Open.Seed = seed
	key, err := each.key()
	if err != nil {
		return nil, err
	}
	file := filepath.Join(o.Folder, key+".json")
	old, err := os.ReadFile(file)
	if err == nil {
		r := &Run{}
		if err := json.Unmarshal(old, r); err != nil {
			return nil, fmt.Errorf("result %s is damaged (%w): remove it to run anew", file, err)
		}
		return r, nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if o.Started != nil {
		o.Started(number, runs, a.name, seed)
	}
	each.Output, each.Overwrite = filepath.Join(o.Folder, key+".onnx"), true
	each.Checkpoint, each.Resume = filepath.Join(o.Folder, key+".checkpoint"), true
	result, err := Compress(ctx, each)
	if err != nil {
		return nil, err
	}
	r := &Run{Arm: a.name, Seed: seed, Student: result.Student, Teacher: result.Teacher, Measured: result.Measured, Before: *result.Before, Best: *result.Best,
		History: result.History, Pairs: result.Pairs, Losses: result.Losses, Engine: result.Engine, Steps: result.Steps, BestStep: result.BestStep,
		Batch: result.Batch, Seconds: result.Seconds, StepTime: result.StepTime}
	if err := writeJSON(file, r); err != nil {
		return nil, err
	}
	return r, os.RemoveAll(each.Checkpoint)
}

// key names a run by everything that its result depends on.
func (o Options) key() (string, error) {
	h := sha256.New()
	for _, m := range []Model{o.Teacher, o.Student} {
		if m.given() {
			data, err := m.data()
			if err != nil {
				return "", err
			}
			fmt.Fprintln(h, sum(data))
		}
	}
	for _, ds := range []dataset.Dataset{o.Data.Train, o.Data.Test} {
		if ds != nil {
			id, err := dataset.Fingerprint(ds)
			if err != nil {
				return "", err
			}
			fmt.Fprintln(h, id)
		}
	}
	e := engineOf(o.Engine)
	fmt.Fprintln(h, e.Name(), e.Version())
	settings, err := json.Marshal(o)
	if err != nil {
		return "", fmt.Errorf("ildc: study: %w", err)
	}
	var fields any
	if err := json.Unmarshal(settings, &fields); err != nil {
		return "", fmt.Errorf("ildc: study: %w", err)
	}
	if err := json.NewEncoder(h).Encode(given(fields)); err != nil {
		return "", fmt.Errorf("ildc: study: %w", err)
	}
	return fmt.Sprintf("%x", h.Sum(nil)[:8]), nil
}

// given drops what is zero, so that a setting that is left alone counts as one that an earlier version did not have.
func given(fields any) any {
	object, ok := fields.(map[string]any)
	if !ok {
		return fields
	}
	for name, v := range object {
		switch v = given(v); v {
		case nil, false, 0.0, "":
			delete(object, name)
		default:
			object[name] = v
		}
	}
	if len(object) == 0 {
		return nil
	}
	return object
}

// writeJSON writes a file in one move.
func writeJSON(path string, v any) error {
	return exporter.Write(path, func(w io.Writer) error {
		enc := json.NewEncoder(w)
		enc.SetIndent("", " ")
		return enc.Encode(v)
	})
}

// compareArms sums up the runs of each arm.
func compareArms(budget string, arms []ArmStudy) *Study {
	s := &Study{Schema: Schema, Budget: cmp.Or(budget, defaultBudget), Arms: arms}
	first := arms[0].Runs[0]
	s.Teacher, s.Measured = first.Teacher, first.Measured
	_, s.Metric = first.Student.Metrics.Score()
	base := max(0, slices.IndexFunc(arms, func(a ArmStudy) bool { return a.Name == baselineArm }))
	s.Baseline = arms[base].Name
	scores := func(a ArmStudy) []float64 {
		return a.each(func(r *Run) float64 { score, _ := r.Student.Metrics.Score(); return score })
	}
	for i := range arms {
		a := &arms[i]
		a.Score = spread(scores(*a))
		a.Validation = spread(a.each(func(r *Run) float64 { score, _ := r.Best.Score(); return score }))
		a.StepTime = median(a.each(func(r *Run) float64 { return r.StepTime }))
	}
	reference := scores(arms[base])
	for i := range arms {
		if i == base {
			continue
		}
		differences := scores(arms[i])
		for k := range differences {
			differences[k] -= reference[k]
		}
		d := spread(differences)
		arms[i].Difference, arms[i].P = &d, chance(d, len(differences))
		if t := arms[base].StepTime; t > 0 {
			overhead := arms[i].StepTime/t - 1
			arms[i].Overhead = &overhead
		}
	}
	return s
}

func (a ArmStudy) each(of func(*Run) float64) []float64 {
	v := make([]float64, len(a.Runs))
	for i, r := range a.Runs {
		v[i] = of(r)
	}
	return v
}

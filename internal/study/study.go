package study

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/ildc/ildc/distill/dataset"
	"github.com/ildc/ildc/internal/pipeline"
	"github.com/ildc/ildc/internal/report"
)

// Plan says what to compare.
type Plan struct {
	// Job is that of every run. Output, Overwrite, Checkpoint, Resume and the seeds are the study's own; Choice.Random
	// and Train.Losses are the arms'.
	Job    pipeline.Job
	Arms   []Arm
	Seeds  int    // runs of each arm, with the seeds 0, 1 and so on
	Folder string // keeps the results and the students of runs

	// Started is called when a run starts that the folder has no result of; may be nil.
	Started func(run, runs int, arm string, seed uint64)
}

// Run runs the arms, and compares them.
func Run(ctx context.Context, p Plan) (*report.Study, error) {
	for _, a := range p.Arms {
		if a.random && p.Job.Student.Given() {
			return nil, fmt.Errorf("ildc: study: arm %s: random weights are for a generated student, and a student was "+
				"given: name other arms", a.Name)
		}
	}
	if err := os.MkdirAll(p.Folder, 0o755); err != nil {
		return nil, fmt.Errorf("ildc: study: %w", err)
	}
	done := make([]report.ArmStudy, len(p.Arms))
	for i, a := range p.Arms {
		done[i] = report.ArmStudy{Name: a.Name, About: a.about, Losses: a.losses.String()}
	}
	for seed := range uint64(p.Seeds) { // seed by seed, so that a study that is stopped has compared all arms
		for i, a := range p.Arms {
			number := int(seed)*len(p.Arms) + i + 1
			r, err := p.run(ctx, a, seed, number)
			if err != nil {
				return nil, fmt.Errorf("ildc: study: arm %s, seed %d: %w", a.Name, seed, err)
			}
			done[i].Runs = append(done[i].Runs, r)
		}
	}
	return compare(p.Job.Choice.Asked, done), nil
}

// run gives a run's result, from the folder where it is there.
func (p Plan) run(ctx context.Context, a Arm, seed uint64, number int) (*report.Run, error) {
	job := a.of(p.Job)
	job.Train.Seed, job.Data.Open.Seed = seed, seed
	name, err := key(job)
	if err != nil {
		return nil, err
	}
	file := filepath.Join(p.Folder, name+".json")
	if r, err := readRun(file); r != nil || err != nil {
		return r, err
	}
	if p.Started != nil {
		p.Started(number, p.Seeds*len(p.Arms), a.Name, seed)
	}
	job.Output, job.Overwrite = filepath.Join(p.Folder, name+".onnx"), true
	job.Checkpoint, job.Resume = filepath.Join(p.Folder, name+".checkpoint"), true
	job.Choice.Untried = true                                                     // all arms train one student
	job.Data.Validation = cmp.Or(job.Data.Validation, pipeline.DefaultValidation) // arms are compared on that part
	result, err := pipeline.Compress(ctx, job)
	if err != nil {
		return nil, err
	}
	r := &report.Run{Arm: a.Name, Seed: seed, Training: result.Training}
	if err := report.WriteJSON(file, r); err != nil {
		return nil, err
	}
	return r, os.RemoveAll(job.Checkpoint)
}

// readRun reads a run's result; nil where there is none.
func readRun(file string) (*report.Run, error) {
	data, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	r := &report.Run{}
	err = json.Unmarshal(data, r)
	if err == nil && (r.Student.Metrics == nil || r.Best == nil) {
		err = errors.New("it has no metrics")
	}
	if err != nil {
		return nil, fmt.Errorf("result %s is damaged (%w): remove it to run anew", file, err)
	}
	return r, nil
}

// revision changes when runs of the same settings end elsewhere: 3 is since Muon and shares by sensitivity.
const revision = 3

// key names a run by everything that its result depends on.
func key(j pipeline.Job) (string, error) {
	h := sha256.New()
	fmt.Fprintln(h, "revision", revision)
	for _, s := range []pipeline.Source{j.Teacher, j.Student} {
		if s.Given() {
			data, err := s.Read()
			if err != nil {
				return "", err
			}
			fmt.Fprintf(h, "%x\n", sha256.Sum256(data))
		}
	}
	for _, ds := range []dataset.Dataset{j.Data.Train, j.Data.Test} {
		if ds != nil {
			id, err := dataset.Fingerprint(ds)
			if err != nil {
				return "", err
			}
			fmt.Fprintln(h, id)
		}
	}
	fmt.Fprintln(h, j.Host.Engine.Name(), j.Host.Engine.Version())
	// These differ from none also where they hold nothing but zeros, which are dropped below.
	if final := j.Train.FinalLosses; len(final) > 0 {
		fmt.Fprintln(h, "final losses", final)
	}
	if own := j.Data.Student; own != nil {
		fmt.Fprintln(h, "the student's preprocessing", own)
	}
	j.Teacher, j.Student = pipeline.Source{}, pipeline.Source{} // their bytes tell
	// What is the study's own, and what decides whether there is a result, and not which.
	j.Output, j.Overwrite, j.Checkpoint, j.Resume = "", false, "", false
	j.Force, j.Host.Memory = false, 0
	settings, err := json.Marshal(j)
	var fields any
	if err == nil {
		err = json.Unmarshal(settings, &fields)
	}
	if err == nil {
		err = json.NewEncoder(h).Encode(withoutZeros(fields))
	}
	if err != nil {
		return "", fmt.Errorf("ildc: study: %w", err)
	}
	return fmt.Sprintf("%x", h.Sum(nil)[:8]), nil
}

// withoutZeros drops what is zero, so that a setting that is left alone counts as one that an earlier version did not
// have.
func withoutZeros(fields any) any {
	object, ok := fields.(map[string]any)
	if !ok {
		return fields
	}
	for name, v := range object {
		switch v = withoutZeros(v); v {
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

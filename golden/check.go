package golden

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/ildc/ildc/distill/engine"
)

// Report is what [Check] found.
type Report struct {
	Model       string       `json:"model"`
	Engine      string       `json:"engine"`
	Cases       int          `json:"cases"`
	Notes       []string     `json:"notes,omitempty"` // what differs and is no failure
	Comparisons []Comparison `json:"comparisons"`     // one per case and output
}

// Failed lists the outputs that are not as recorded.
func (r *Report) Failed() []Comparison {
	var failed []Comparison
	for _, c := range r.Comparisons {
		if !c.OK() {
			failed = append(failed, c)
		}
	}
	return failed
}

// Err is nil where every output is as recorded, and otherwise says which are not.
func (r *Report) Err() error {
	var errs []error
	for _, c := range r.Failed() {
		errs = append(errs, fmt.Errorf("golden: %v", c))
	}
	return errors.Join(errs...)
}

// String is the report in lines: the notes, every failure, and a summary.
func (r *Report) String() string {
	var s strings.Builder
	for _, n := range r.Notes {
		fmt.Fprintf(&s, "note: %s\n", n)
	}
	failed := r.Failed()
	for _, c := range failed {
		fmt.Fprintf(&s, "%v\n", c)
	}
	all := len(r.Comparisons)
	fmt.Fprintf(&s, "%s: %d of %d outputs as recorded (cases: %d)\n", r.Model, all-len(failed), all, r.Cases)
	return s.String()
}

// Options say how to record and check. The zero value is good.
type Options struct {
	Engine engine.Options
	// RelTol and AbsTol are the tolerance. Record writes them to the manifest, where 0 means the default; Check takes
	// those that are not 0 instead of the manifest's.
	RelTol, AbsTol float64
	Overwrite      bool // Record replaces the cases that are there
}

// Check runs a model on the recorded inputs of every case in a folder, and compares its outputs with the recorded ones.
// The error says that this could not be done; outputs that differ are told by the report. Cases lie in
// dir/test_data_set_N, or one in dir itself.
func Check(ctx context.Context, modelPath, dir string, e engine.Engine, o Options) (*Report, error) {
	r, err := check(ctx, modelPath, dir, e, o)
	if err != nil {
		return nil, fmt.Errorf("golden: %w", err)
	}
	return r, nil
}

func check(ctx context.Context, modelPath, dir string, e engine.Engine, o Options) (_ *Report, err error) {
	if err := validTolerance(o.RelTol, o.AbsTol); err != nil {
		return nil, err
	}
	folders, err := caseFolders(dir)
	if err != nil {
		return nil, err
	}
	if len(folders) == 0 {
		return nil, fmt.Errorf("%s: no cases: want test_data_set_0/input_0.pb, or input_0.pb", dir)
	}
	manifest, err := readManifest(dir)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", dir, err)
	}
	m, err := openModel(modelPath, e, o.Engine)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, m.close()) }()

	r := &Report{Model: modelPath, Engine: m.version(), Cases: len(folders), Notes: notes(manifest, m)}
	rel, abs := tolerancesOf(manifest, o)
	for _, f := range folders {
		c, err := readCase(f, m.graph)
		if err != nil {
			return nil, err
		}
		got, err := m.run(ctx, c.inputs)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", c.name, err)
		}
		for _, out := range c.outputs {
			comparison := compare(got[out.name], out.tensor, rel, abs)
			comparison.Case, comparison.Output = c.name, out.name
			r.Comparisons = append(r.Comparisons, comparison)
		}
	}
	return r, nil
}

// notes say what is not as it was when the cases were recorded; there may be no manifest.
func notes(recorded *Manifest, m *model) (all []string) {
	if recorded == nil {
		return nil
	}
	if recorded.SHA256 != m.sha256 {
		all = append(all, fmt.Sprintf("%s is not the file that was recorded (%s): its SHA-256 is %.12s…, not %.12s…",
			m.path, recorded.Model, m.sha256, recorded.SHA256))
	}
	if recorded.Engine != m.version() {
		all = append(all, fmt.Sprintf("recorded by %s, run by %s", recorded.Engine, m.version()))
	}
	return all
}

// tolerancesOf gives what is asked for, or what the manifest says, where there is one, or the default.
func tolerancesOf(recorded *Manifest, o Options) (rel, abs float64) {
	rel, abs = DefaultRelTol, DefaultAbsTol
	if recorded != nil {
		rel, abs = recorded.RelTol, recorded.AbsTol
	}
	return cmp.Or(o.RelTol, rel), cmp.Or(o.AbsTol, abs)
}

package pipeline

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/ildc/ildc/distill/dataset"
	"github.com/ildc/ildc/distill/loss"
	"github.com/ildc/ildc/graph"
	"github.com/ildc/ildc/graph/pass"
	"github.com/ildc/ildc/internal/report"
	"github.com/ildc/ildc/internal/shared"
)

// No stage changes what it was given, though much of it is pointers, maps and slices.
func TestStagesChangeNothing(t *testing.T) {
	shared.Long(t)
	half := dataset.Preprocess{Scale: 0.5}
	for name, set := range map[string]func(*Job){
		"with folded norm": func(j *Job) { j.Teacher.Path = shared.Testdata(t, "digits/small_folded.onnx") },
		"of the caller's": func(j *Job) {
			j.Student, j.Data.Student = Source{Path: shared.Testdata(t, "digits/small_folded.onnx")}, &half
		},
		"in front of an unknown op": func(j *Job) { j.Teacher = withTail(t) },
	} {
		t.Run(name, func(t *testing.T) {
			j := digits(t, "macs=0.5x")
			set(&j)
			j.Train.Losses = loss.Default()
			j.Data.Symbols = map[string]int{"unused": 3}
			checkStages(t, j)
		})
	}
}

// checkStages runs the stages of a job one by one, and compares what there is before each with what there is after it.
func checkStages(t *testing.T, j Job) {
	ctx := context.Background()
	var (
		d        Decision
		trained  *Trained
		file     *File
		measured *Measured
	)
	stage := func(name string, run func() error) {
		t.Helper()
		held, was := d, snapshot(t, j, d, trained, file)
		givenTrained, givenFile := trained, file
		if err := run(); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if now := snapshot(t, j, held, givenTrained, givenFile); now != was {
			t.Errorf("%s has changed what it was given%s", name, firstDifference(was, now))
		}
	}
	stage("deciding", func() (err error) { d, err = Decide(ctx, j, true); return err })
	var own *Model
	if d.Student.Generated == nil {
		own = d.Student.Of
	}
	stage("choosing", func() error { _, err := Choose(ctx, j, d.Teacher, own, d.Data); return err })
	stage("aligning", func() error { _, err := Align(ctx, j, d.Teacher, d.Student, d.Data); return err })
	stage("training", func() (err error) { trained, err = Train(ctx, j, d); return err })
	stage("exporting", func() (err error) { file, err = Export(j, d, trained); return err })
	stage("verifying", func() error { _, err := Verify(ctx, j.Host, d.Data, trained.Student, file); return err })
	stage("measuring", func() (err error) { measured, err = Measure(ctx, j, d, trained, file); return err })
	stage("checking", func() error { _, err := Check(ctx, j, d, file, measured); return err })
	stage("comparing", func() error { _, err := Compare(ctx, j, d, file); return err })
	stage("reporting", func() error {
		r := done{d, trained, file, &Verification{}, measured, &Checked{Budget: report.Budget{Reached: "else"}}, nil}.result()
		r.Teacher.Path, r.Student.Path = "elsewhere", "elsewhere"
		return nil
	})
}

// snapshot writes down all that a decision, and what was made of it, leads to.
func snapshot(t *testing.T, j Job, d Decision, trained *Trained, file *File) string {
	t.Helper()
	var s strings.Builder
	settings, err := json.Marshal(j)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(&s, "job %s\n", settings)
	if m := d.Teacher; m != nil {
		fmt.Fprintf(&s, "teacher %s %v %v %+v\n", m.Name, m.Frozen, m.unsupported, m.side)
		writeGraphs(t, &s, m.File, m.Whole, m.Graph, m.Analysed)
	}
	if c := d.Student; c != nil {
		fmt.Fprintf(&s, "student %+v\n", c.Budget)
		writeGraphs(t, &s, c.Graph, c.Analysed, c.Of.File, c.Of.Graph)
		if g := c.Generated; g != nil {
			fmt.Fprintf(&s, "generated %v %v %v %v %v\n", g.Groups, g.Removed, g.Untouched, g.Found, g.Lineage)
			writeGraphs(t, &s, g.Graph)
		}
	}
	if d.Data != nil {
		fmt.Fprintf(&s, "data %v %s %s\n", d.Data.Symbols, d.Data.About, d.Data.Warning)
		for _, b := range d.Data.Bindings {
			fmt.Fprintf(&s, "binding %+v\n", *b)
		}
	}
	if d.Alignment != nil {
		pairs, err := json.Marshal(d.Alignment.Pairs)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&s, "alignment %s %v\n%s\n", pairs, d.Alignment.Similarity, d.Alignment.Table)
	}
	if trained != nil {
		fmt.Fprintf(&s, "trained %v %s %d\n", trained.Unfolded, trained.Engine, trained.Steps)
		writeGraphs(t, &s, trained.Student)
	}
	if file != nil {
		fmt.Fprintf(&s, "file %s %v %v\n", file.SHA256, file.Metadata, sum(file.Bytes))
		writeGraphs(t, &s, file.Graph)
	}
	return s.String()
}

// writeGraphs writes graphs with their constants.
func writeGraphs(t *testing.T, w io.Writer, all ...*graph.Graph) {
	t.Helper()
	for _, g := range all {
		if err := g.Dump(w); err != nil {
			t.Fatal(err)
		}
		for _, v := range g.Values() {
			fmt.Fprintf(w, "%s %v %v", v.Name, v.DType, v.Shape)
			if v.Const != nil {
				fmt.Fprintf(w, " %v", v.Const.Values())
			}
			fmt.Fprintln(w)
		}
		for _, n := range g.Nodes {
			fmt.Fprintf(w, "%s %v\n", pass.NodeName(n), n.Attrs)
		}
	}
}

// firstDifference shows where two texts part.
func firstDifference(was, now string) string {
	a, b := strings.Split(was, "\n"), strings.Split(now, "\n")
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return fmt.Sprintf(":\n  %.200s\n  %.200s", a[i], b[i])
		}
	}
	return fmt.Sprintf(": %d lines became %d", len(a), len(b))
}

package pipeline

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/ildc/ildc/distill"
	"github.com/ildc/ildc/distill/engine/embedded"
	"github.com/ildc/ildc/golden"
	"github.com/ildc/ildc/internal/report"
	"github.com/ildc/ildc/internal/shared"
	"github.com/ildc/ildc/models"
)

// A whole run reports what its stages have given, and writes what it reports.
func TestCompress(t *testing.T) {
	j := digits(t, "macs=0.5x")
	j.Output = filepath.Join(t.TempDir(), "student.onnx")
	r, err := Compress(context.Background(), j)
	if err != nil {
		t.Fatal(err)
	}
	written, err := os.ReadFile(j.Output)
	if err != nil || sum(written) != r.Student.SHA256 || r.Student.Path != j.Output || len(r.Model) != len(written) {
		t.Errorf("student %+v, %v", r.Student, err)
	}
	if !r.Met || !r.Budget.Met || r.Steps != 1 || r.Task != "classify" || r.Measured != "test" ||
		r.Engine != j.Host.Engine.Version() || r.Warnings != nil {
		t.Errorf("%+v", r)
	}
	if r.Verified == nil || r.Trained == nil || r.Similarity == nil || r.Before == nil || r.Best == nil ||
		r.Teacher.Metrics == nil || r.Student.Metrics == nil ||
		len(r.Groups) == 0 || len(r.Pairs) == 0 || len(r.Losses) == 0 || r.Alignment == "" {
		t.Errorf("something of the result is missing: %+v", r)
	}
	if _, err := Compress(context.Background(), j); err == nil {
		t.Error("an output that exists is replaced")
	}
}

// Where the student can't be written, hours of training are not lost.
func TestCompressCannotWrite(t *testing.T) {
	j := digits(t, "macs=0.5x")
	folder := filepath.Join(t.TempDir(), "gone")
	if err := os.Mkdir(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	j.Output = filepath.Join(folder, "student.onnx")
	j.Host.Progress = func(distill.Progress) { os.Remove(folder) }
	r, err := Compress(context.Background(), j)
	if !errors.Is(err, fs.ErrNotExist) || r == nil || len(r.Model) == 0 || r.Student.Path != "" {
		t.Errorf("result %+v, error %v", r, err)
	}
}

func TestDeclined(t *testing.T) {
	j := digits(t, "macs=0.5x")
	j.Teacher = Source{Bytes: shapeOnly(t)}
	j.Data = Samples{}
	type call func(context.Context, Job) (*report.Result, error)
	for name, run := range map[string]call{"compress": Compress, "plan": Plan} {
		r, err := run(context.Background(), j)
		if !errors.Is(err, ErrDeclined) || r == nil {
			t.Fatalf("%s: %+v, %v", name, r, err)
		}
		if len(r.Declined) != 1 || r.Declined[0].Op != "output" || r.Met || r.Teacher.SHA256 == "" {
			t.Errorf("%s: %+v", name, r)
		}
	}
	j = digits(t, "macs=0.001x")
	if r, err := Compress(context.Background(), j); r != nil || !errors.Is(err, models.ErrInfeasible) {
		t.Errorf("a budget out of reach: %+v, %v", r, err)
	}
}

// Without data the result warns; noise is taken where it is asked for.
func TestCompressWithoutData(t *testing.T) {
	j := digits(t, "macs=0.5x")
	j.Data = Samples{}
	j.Data.Synthetic, j.Data.Noise = 40, true
	r, err := Compress(context.Background(), j)
	if err != nil || len(r.Warnings) != 1 || r.Similarity != nil {
		t.Fatalf("%+v, %v", r, err)
	}
}

func TestPlan(t *testing.T) {
	j := digits(t, "macs=0.5x")
	with, err := Plan(context.Background(), j)
	if err != nil || !with.Met || with.Similarity == nil || with.Steps != 0 {
		t.Errorf("with data: %+v, %v", with, err)
	}
	j.Data = Samples{}
	without, err := Plan(context.Background(), j)
	if err != nil || without.Similarity != nil || without.Student.MACs == 0 || len(without.Untouched) == 0 {
		t.Errorf("without: %+v, %v", without, err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Plan(ctx, j); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

func TestEvaluate(t *testing.T) {
	teacher := Source{Path: shared.Testdata(t, "digits/small.onnx")}
	x := Examination{Model: teacher, Data: digits(t, "macs=0.5x").Data, Engine: embedded.New()}
	alone, err := Evaluate(context.Background(), x)
	if err != nil || alone.Measured != "test" || alone.Metrics.Accuracy == nil || alone.Metrics.Agreement != nil {
		t.Errorf("alone: %+v, %v", alone, err)
	}
	x.Teacher = teacher
	beside, err := Evaluate(context.Background(), x)
	if err != nil || beside.Metrics.Agreement == nil || *beside.Metrics.Agreement != 1 {
		t.Errorf("against itself: %+v, %v", beside, err)
	}
	x.Model, x.Teacher = withTail(t), Source{}
	if _, err := Evaluate(context.Background(), x); !errors.Is(err, ErrDeclined) {
		t.Errorf("in front of an unknown op, alone: %v", err)
	}
	x.Teacher = teacher
	if m, err := Evaluate(context.Background(), x); err != nil || *m.Metrics.Agreement != 1 {
		t.Errorf("in front of an unknown op, against a teacher: %+v, %v", m, err)
	}
}

func TestRecord(t *testing.T) {
	r := Recording{Model: shared.Testdata(t, "digits/small.onnx"), Folder: filepath.Join(t.TempDir(), "cases"),
		Cases: 2, Batch: 3, Engine: embedded.New()}
	if err := Record(context.Background(), r); err != nil {
		t.Fatal(err)
	}
	checked, err := golden.Check(context.Background(), r.Model, r.Folder, r.Engine, golden.Options{})
	if err != nil || len(checked.Comparisons) != 2 || len(checked.Failed()) > 0 {
		t.Errorf("%v, %v", checked, err)
	}
}

func TestInspect(t *testing.T) {
	i, err := Inspect(Source{Path: shared.Testdata(t, "digits/small.onnx")}, nil)
	if err != nil {
		t.Fatal(err)
	}
	var macs int64
	for _, n := range i.Nodes {
		macs += n.MACs
		if !n.Runs || !n.Trains {
			t.Errorf("%+v", n)
		}
	}
	if macs != i.MACs || i.MACs != 125264 || i.Opsets[""] != 17 ||
		i.Inputs[0].Name != "input" || i.Outputs[0].Name != "logits" {
		t.Errorf("%d MACs of nodes: %+v", macs, i)
	}
	i, err = Inspect(Source{Path: unsupportedFile(t)}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if odd := i.Nodes[len(i.Nodes)-1]; odd.Name != "odd" || odd.Runs || odd.Op != "BatchNormalization" {
		t.Errorf("the last node: %+v", odd)
	}
}

func TestJudge(t *testing.T) {
	for want, s := range map[string]Source{
		"plannable": {Path: shared.Testdata(t, "digits/small.onnx")},
		"accepted":  {Bytes: shapeOnly(t)},
		"declined":  {Path: "none.onnx"},
	} {
		j := digits(t, "macs=0.5x")
		j.Teacher, j.Data = s, Samples{}
		if v := Judge(context.Background(), j); v.Verdict != want || v.Why == "" || v.Path != s.Path {
			t.Errorf("%+v, want %s", v, want)
		}
	}
}

// A student that is resumed where it was interrupted ends in the bytes that it would have ended in anyway.
func TestResume(t *testing.T) {
	shared.Long(t)
	j := digits(t, "macs=0.5x")
	j.Train = distill.Options{Steps: 6, Batch: 16, CheckpointEvery: 1}
	want, err := Compress(context.Background(), j)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	j.Checkpoint = t.TempDir()
	j.Host.Progress = func(p distill.Progress) {
		if p.Phase == "training" && p.Step == 3 {
			cancel()
		}
	}
	if _, err := Compress(ctx, j); !errors.Is(err, distill.ErrInterrupted) {
		t.Fatalf("cancelled: %v", err)
	}
	j.Host.Progress, j.Resume = nil, true
	got, err := Compress(context.Background(), j)
	if err != nil || got.Student.SHA256 != want.Student.SHA256 {
		t.Errorf("resumed: %s, want %s; %v", got.Student.SHA256, want.Student.SHA256, err)
	}
}

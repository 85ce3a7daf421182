package pipeline

import (
	"context"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/ildc/ildc/distill"
	"github.com/ildc/ildc/importer"
	"github.com/ildc/ildc/internal/shared"
)

// The file has the batch norm that was added for training folded again, and says of whom and for what it was made.
func TestExport(t *testing.T) {
	j := digits(t, "macs=0.5x")
	j.Teacher.Path = shared.Testdata(t, "digits/small_folded.onnx")
	j.Data.Preprocess.Scale = 0.5
	d := decide(t, j)
	job, unfolded, err := PrepareTraining(context.Background(), j, d)
	if err != nil {
		t.Fatal(err)
	}
	trained := &Trained{Result: &distill.Result{Student: job.Student, Task: distill.Classify}, Unfolded: unfolded}
	nodes := len(job.Student.Nodes)
	f, err := Export(j, d, trained)
	if err != nil {
		t.Fatal(err)
	}
	if countNorms(f.Graph) != 0 || countNorms(job.Student) == 0 || len(job.Student.Nodes) != nodes {
		t.Error("batch norm is left in the file, or gone from what was trained")
	}
	// Folding changes the order of float32 operations, and little more.
	v, err := Verify(context.Background(), j.Host, d.Data, job.Student, f)
	if err != nil || v.MaxRelativeError > 1e-5 {
		t.Errorf("the file beside what was trained: %+v, %v", v, err)
	}
	want := map[string]string{"ildc.teacher_sha256": d.Teacher.side.SHA256, "ildc.budget": "macs=0.5x",
		"ildc.preprocess": j.Data.Preprocess.String()}
	if f.SHA256 != sum(f.Bytes) || !maps.Equal(f.Metadata, want) {
		t.Errorf("metadata %v, want %v", f.Metadata, want)
	}
	half := j.Data.Preprocess
	half.Scale = 0.25
	j.Data.Student = &half
	if m := j.metadata(d); m["ildc.preprocess"] != half.String() {
		t.Errorf("a student with its own preprocessing: %v", m)
	}
}

// What stands behind an unknown op is in the file, and not in what an engine is given to run.
func TestExportFrozen(t *testing.T) {
	j := digits(t, "macs=0.5x")
	j.Teacher = withTail(t)
	f := exported(t, j, decide(t, j))
	whole, err := importer.Import(f.Bytes, importer.Options{})
	if err != nil {
		t.Fatal(err)
	}
	data, err := f.runnable()
	if err != nil {
		t.Fatal(err)
	}
	part, err := importer.Import(data, importer.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if whole.Outputs[0].Name != "decision" || part.Outputs[0].Name != "logits" || len(part.Nodes) != len(whole.Nodes)-1 {
		t.Errorf("the file gives %q by %d nodes, what runs %q by %d", whole.Outputs[0].Name, len(whole.Nodes),
			part.Outputs[0].Name, len(part.Nodes))
	}
	m, err := f.load()
	if err != nil || len(m.Frozen) != 1 {
		t.Errorf("read as a user would: frozen %v, %v", m.Frozen, err)
	}
}

func TestWrite(t *testing.T) {
	j, d := decided(t)
	f := exported(t, j, d)
	path := filepath.Join(t.TempDir(), "student.onnx")
	if err := f.Write(""); err != nil {
		t.Error(err)
	}
	if err := f.Write(path); err != nil {
		t.Fatal(err)
	}
	written, err := os.ReadFile(path)
	if err != nil || sum(written) != f.SHA256 {
		t.Errorf("what is written has another checksum; %v", err)
	}
}

func TestCheckOutput(t *testing.T) {
	dir := t.TempDir()
	there := filepath.Join(dir, "there.onnx")
	if err := os.WriteFile(there, []byte("x"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, path string
		overwrite  bool
		says       string // of the error; "" for none
	}{
		{"none", "", false, ""},
		{"a new file", filepath.Join(dir, "new.onnx"), false, ""},
		{"a file that is there", there, false, "exists"},
		{"one that is to be replaced", there, true, ""},
		{"a folder", dir, true, "is a folder"},
		{"in no folder", filepath.Join(dir, "none", "x.onnx"), false, "cannot be written"},
		{"below a file", filepath.Join(there, "x.onnx"), false, "output"},
	} {
		if runtime.GOOS == "windows" && c.name == "below a file" {
			continue
		}
		err := checkOutput(c.path, c.overwrite)
		if (err == nil) != (c.says == "") || err != nil && !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	if left, err := filepath.Glob(filepath.Join(dir, "*")); err != nil || len(left) != 1 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	if hidden, err := filepath.Glob(filepath.Join(dir, ".*")); err != nil || len(hidden) != 0 {
		t.Errorf("left behind: %v, %v", hidden, err)
	}
}

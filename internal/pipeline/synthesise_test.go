package pipeline

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ildc/ildc/distill"
	"github.com/ildc/ildc/distill/dataset"
	"github.com/ildc/ildc/graph"
	"github.com/ildc/ildc/internal/shared"
)

// Inputs are made once from what the teacher's batch norm has stored, and come from the cache then.
func TestSynthesise(t *testing.T) {
	shared.Long(t)
	j := digits(t, "macs=0.5x")
	j.Data = Samples{}
	j.Data.Synthetic, j.Data.Cache = 8, t.TempDir()
	steps := 0
	j.Host.Progress = func(p distill.Progress) {
		if p.Phase == "synthesising" {
			steps++
		}
	}
	synthesise := func(seed uint64) (string, error) {
		m, err := Load(j.Teacher)
		if err != nil {
			t.Fatal(err)
		}
		steps = 0
		d, err := Synthesise(context.Background(), j.Host, j.Data, m, Inputs{Teacher: m.Graph, Student: m.Graph}, seed)
		if err != nil {
			return "", err
		}
		if d.Train.Len()+d.Validation.Len() != 8 || !strings.Contains(d.About, "batch norm") || d.Warning == "" || !d.real() {
			t.Errorf("%d and %d samples, %q, warning %q", d.Train.Len(), d.Validation.Len(), d.About, d.Warning)
		}
		id, err := dataset.Fingerprint(d.Train)
		if err != nil {
			t.Fatal(err)
		}
		return id, nil
	}
	first, err := synthesise(0)
	if err != nil || steps == 0 {
		t.Fatalf("%d steps, %v", steps, err)
	}
	if again, err := synthesise(0); again != first || steps != 0 || err != nil {
		t.Errorf("from the cache: the same %v, %d steps, %v", again == first, steps, err)
	}
	files, err := filepath.Glob(filepath.Join(j.Data.Cache, "*"))
	if err != nil || len(files) != 1 {
		t.Fatalf("the cache has %v, %v", files, err)
	}
	if err := os.WriteFile(files[0], []byte("damaged"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := synthesise(0); err == nil || !strings.Contains(err.Error(), files[0]) {
		t.Errorf("a damaged cache gives %v", err)
	}
}

// Where batch norm tells nothing, or noise is asked for, inputs are noise and shapes.
func TestSynthesiseNoise(t *testing.T) {
	half := dataset.Preprocess{Scale: 0.5}
	for name, s := range map[string]Samples{
		"folded":             {Source: dataset.Source{Synthetic: 20}},
		"noise":              {Source: dataset.Source{Synthetic: 20, Noise: true}},
		"two preprocessings": {Source: dataset.Source{Synthetic: 20, Student: &half}},
		"whole":              {Source: dataset.Source{Synthetic: 20}, Whole: true},
	} {
		file := "digits/small.onnx"
		if name == "folded" {
			file = "digits/small_folded.onnx"
		}
		m, err := Load(Source{Path: shared.Testdata(t, file)})
		if err != nil {
			t.Fatal(err)
		}
		h, to := digits(t, "macs=0.5x").Host, Inputs{Teacher: m.Graph, Student: m.Graph}
		d, err := Synthesise(context.Background(), h, s, m, to, 0)
		if err != nil || d.real() || !strings.Contains(d.About, "20 synthetic") {
			t.Errorf("%s: %+v, %v", name, d, err)
		}
	}
}

func TestInputsFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "new", "inputs.gob")
	if x, err := readInputs(file); x != nil || err != nil {
		t.Errorf("no file: %v, %v", x, err)
	}
	x := graph.FromFloat32([]int{2, 1}, []float32{3, 4})
	if err := writeInputs(file, x); err != nil {
		t.Fatal(err)
	}
	if got, err := readInputs(file); err != nil || !got.Same(x) {
		t.Errorf("%v, %v", got, err)
	}
	if err := writeInputs(filepath.Join(file, "below", "x"), x); err == nil {
		t.Error("a folder below a file")
	}
}

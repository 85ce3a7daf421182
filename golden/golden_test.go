package golden

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ildc/ildc/distill/dataset"
	"github.com/ildc/ildc/distill/engine"
	"github.com/ildc/ildc/distill/engine/enginetest"
	"github.com/ildc/ildc/graph"
	"github.com/ildc/ildc/importer"
	"github.com/ildc/ildc/internal/shared"
)

const digits = "../testdata/digits"

// TestFixtures checks outputs that ONNX Runtime gave. It adds float32 numbers in an order of its own.
func TestFixtures(t *testing.T) {
	cases, err := filepath.Glob("../testdata/onnx/*/test_data_set_0")
	if err != nil || len(cases) == 0 {
		t.Fatalf("no fixtures: %v", err)
	}
	cases = append(cases, filepath.Join(digits, "test_data_set_0"))
	for _, c := range cases {
		dir := filepath.Dir(c)
		t.Run(filepath.Base(dir), func(t *testing.T) {
			model := filepath.Join(dir, "model.onnx")
			if dir == digits {
				model = filepath.Join(dir, "teacher.onnx")
			}
			r, err := Check(t.Context(), model, dir, enginetest.Reference{}, Options{})
			if err != nil && (errors.Is(err, engine.ErrUnsupported) ||
				strings.Contains(err.Error(), "is not static once the inputs are bound")) {
				t.Skipf("it has an op that the op table does not have: %v", err)
			}
			if err != nil {
				t.Fatal(err)
			}
			if r.Err() != nil || r.Cases != 1 || len(r.Comparisons) == 0 {
				t.Errorf("%d cases, %d outputs: %v", r.Cases, len(r.Comparisons), r.Err())
			}
		})
	}
}

// TestSharedModel checks a case that somebody else recorded, beside the model instead of in a folder of its own.
func TestSharedModel(t *testing.T) {
	dir := shared.File(t, "models/cntk_mnist")
	Test(t, filepath.Join(dir, "mnist.onnx"), dir, enginetest.Reference{}, Options{})
}

// digitInputs are two cases of two digits.
func digitInputs(t *testing.T) []map[string]*graph.Tensor {
	t.Helper()
	data, err := dataset.Open(t.Context(), filepath.Join(digits, "data"), dataset.Options{})
	if err != nil {
		t.Fatal(err)
	}
	model, err := os.ReadFile(filepath.Join(digits, "teacher.onnx"))
	if err != nil {
		t.Fatal(err)
	}
	g, err := importer.Import(model, importer.Options{})
	if err != nil {
		t.Fatal(err)
	}
	b, err := dataset.Bind(data.Test.Spec(), g.Inputs, dataset.Preprocess{Scale: 1. / 16})
	if err != nil {
		t.Fatal(err)
	}
	in, err := Inputs(t.Context(), data.Test, b, 2, 2)
	if err != nil {
		t.Fatal(err)
	}
	return in
}

// recorded records the digits teacher.
func recorded(t *testing.T) (model, dir string) {
	t.Helper()
	model, dir = filepath.Join(digits, "teacher.onnx"), filepath.Join(t.TempDir(), "cases")
	if err := Record(t.Context(), model, dir, digitInputs(t), enginetest.Reference{}, Options{}); err != nil {
		t.Fatal(err)
	}
	return model, dir
}

func TestRecordAndCheck(t *testing.T) {
	model, dir := recorded(t)
	r, err := Check(t.Context(), model, dir, enginetest.Reference{}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if r.Err() != nil || r.Cases != 2 || len(r.Comparisons) != 2 || r.Notes != nil || r.Comparisons[0].MaxAbs != 0 {
		t.Errorf("the model that was recorded: %+v", r)
	}
	if _, err := json.Marshal(r); err != nil {
		t.Error(err)
	}

	t.Run("same bytes again", func(t *testing.T) {
		_, again := recorded(t)
		for _, name := range []string{"manifest.json", "test_data_set_0/input_0.pb", "test_data_set_1/output_0.pb"} {
			a, errA := os.ReadFile(filepath.Join(dir, name))
			b, errB := os.ReadFile(filepath.Join(again, name))
			if errA != nil || errB != nil || !bytes.Equal(a, b) {
				t.Errorf("%s: %v, %v, equal %v", name, errA, errB, bytes.Equal(a, b))
			}
		}
	})
	t.Run("another file with equal outputs", func(t *testing.T) {
		r, err := Check(t.Context(), filepath.Join(digits, "teacher_folded.onnx"), dir, enginetest.Reference{}, Options{})
		if err != nil {
			t.Fatal(err)
		}
		if r.Err() != nil || len(r.Notes) != 1 || !strings.Contains(r.Notes[0], "SHA-256") {
			t.Errorf("notes %q, %v: want a note on the hash and no failure", r.Notes, r.Err())
		}
	})
	t.Run("another output", func(t *testing.T) {
		output := filepath.Join(dir, "test_data_set_1", "output_0.pb")
		data, err := os.ReadFile(output)
		if err != nil {
			t.Fatal(err)
		}
		name, want, err := decodeTensor(data)
		if err != nil {
			t.Fatal(err)
		}
		values := want.Values()
		was := values[13] // sample 1, class 3
		values[13] += 0.5
		if data, err = encodeTensor(name, graph.FromValues(want.DType, want.Dims, values)); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(output, data, 0o666); err != nil {
			t.Fatal(err)
		}
		r, err := Check(t.Context(), model, dir, enginetest.Reference{}, Options{})
		if err != nil {
			t.Fatal(err)
		}
		failed := r.Failed()
		if len(failed) != 1 || failed[0].Case != "test_data_set_1" || failed[0].Output != name || failed[0].Differ != 1 ||
			!strings.HasPrefix(failed[0].Worst, fmt.Sprintf("[1,3]: %g, recorded %g", float32(was), float32(values[13]))) {
			t.Errorf("failed %+v: want output %q of test_data_set_1 at [1,3]", failed, name)
		}
		if !strings.Contains(r.String(), "1 of 2 outputs as recorded (cases: 2)") {
			t.Errorf("the report does not sum up: %s", r)
		}
		fake := &fakeTB{T: t}
		Test(fake, model, dir, enginetest.Reference{}, Options{})
		if len(fake.errors) != 1 || !strings.Contains(fake.errors[0], "[1,3]") {
			t.Errorf("a test reports %q: want the one output", fake.errors)
		}
		r, err = Check(t.Context(), model, dir, enginetest.Reference{}, Options{AbsTol: 1})
		if err != nil || r.Err() != nil {
			t.Errorf("with a tolerance of 1: %v, %v", err, r.Err())
		}
	})
	t.Run("overwrite", func(t *testing.T) {
		in := digitInputs(t)[:1]
		err := Record(t.Context(), model, dir, in, enginetest.Reference{}, Options{})
		wantError(t, err, "2 cases already")
		err = Record(t.Context(), model, dir, in, enginetest.Reference{}, Options{Overwrite: true, RelTol: 0.25})
		if err != nil {
			t.Fatal(err)
		}
		entries, err := os.ReadDir(dir)
		if err != nil || len(entries) != 2 {
			t.Errorf("%d entries (%v): want one case and the manifest", len(entries), err)
		}
		m, err := readManifest(dir)
		if err != nil || m.RelTol != 0.25 || m.AbsTol != DefaultAbsTol || m.Model != "teacher.onnx" {
			t.Errorf("manifest %+v, %v", m, err)
		}
	})
}

// fakeTB collects what a test would report.
type fakeTB struct {
	*testing.T
	errors []string
}

func (f *fakeTB) Errorf(format string, args ...any) {
	f.errors = append(f.errors, fmt.Sprintf(format, args...))
}

func (f *fakeTB) Fatalf(format string, args ...any) { f.Errorf(format, args...) }

func TestErrors(t *testing.T) {
	model, dir := recorded(t)
	input, err := os.ReadFile(filepath.Join(dir, "test_data_set_0", "input_0.pb"))
	if err != nil {
		t.Fatal(err)
	}
	output, err := os.ReadFile(filepath.Join(dir, "test_data_set_0", "output_0.pb"))
	if err != nil {
		t.Fatal(err)
	}
	short, err := encodeTensor("input", graph.NewTensor(graph.Float32, 1, 1, 7, 8))
	if err != nil {
		t.Fatal(err)
	}
	const (
		manifest = "manifest.json"
		in       = "test_data_set_0/input_0.pb"
		out      = "test_data_set_0/output_0.pb"
		second   = "test_data_set_0/output_1.pb"
	)
	type files = map[string][]byte
	tests := []struct {
		name  string
		files files
		want  []string
	}{
		{"empty", nil, []string{"no cases"}},
		{"no input", files{out: output}, []string{"test_data_set_0", `"input" is missing`}},
		{"no output", files{in: input}, []string{"no output_0.pb"}},
		{"truncated", files{in: input[:len(input)/2], out: output}, []string{"input_0.pb"}},
		{"garbage", files{in: input, out: []byte("garbage")}, []string{"output_0.pb"}},
		{"other shape", files{in: short, out: output}, []string{"float32[1,1,7,8]", "8,8]"}},
		{"too many outputs", files{in: input, out: output, second: output}, []string{"2 outputs are recorded", "has 1"}},
		{"manifest of nonsense", files{manifest: []byte("{"), in: input, out: output}, []string{"manifest.json"}},
		{"manifest of the future", files{manifest: []byte(`{"version":2}`), in: input, out: output}, []string{"version 2"}},
		{"negative tolerance", files{manifest: []byte(`{"version":1,"rtol":-1}`), in: input, out: output},
			[]string{"tolerance of -1"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			bad := t.TempDir()
			for name, content := range test.files {
				path := filepath.Join(bad, name)
				if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(path, content, 0o666); err != nil {
					t.Fatal(err)
				}
			}
			_, err := Check(t.Context(), model, bad, enginetest.Reference{}, Options{})
			wantError(t, err, test.want...)
		})
	}
	t.Run("no folder", func(t *testing.T) {
		_, err := Check(t.Context(), model, filepath.Join(dir, "nowhere"), enginetest.Reference{}, Options{})
		wantError(t, err, "nowhere")
	})
	t.Run("no model", func(t *testing.T) {
		_, err := Check(t.Context(), "nowhere.onnx", dir, enginetest.Reference{}, Options{})
		wantError(t, err, "nowhere.onnx")
	})
	t.Run("no engine", func(t *testing.T) {
		_, err := Check(t.Context(), model, dir, nil, Options{})
		wantError(t, err, "no engine")
	})
	t.Run("nothing to record", func(t *testing.T) {
		wantError(t, Record(t.Context(), model, t.TempDir(), nil, enginetest.Reference{}, Options{}), "no inputs")
	})
	t.Run("inputs of another model", func(t *testing.T) {
		into := t.TempDir()
		other := []map[string]*graph.Tensor{{"x": graph.Ints(1)}}
		err := Record(t.Context(), model, into, other, enginetest.Reference{}, Options{})
		wantError(t, err, `"input" is missing`)
		if left, err := os.ReadDir(into); err != nil || len(left) != 0 {
			t.Errorf("%d entries (%v) are left behind", len(left), err)
		}
	})
	t.Run("cancelled", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := Check(ctx, model, dir, enginetest.Reference{}, Options{})
		if !errors.Is(err, context.Canceled) {
			t.Errorf("error %v: want %v", err, context.Canceled)
		}
	})
	t.Run("too few samples", func(t *testing.T) {
		ds, err := dataset.FromTensors(nil, dataset.Array{Name: "x", Tensor: graph.NewTensor(graph.Float32, 3, 2)})
		if err != nil {
			t.Fatal(err)
		}
		_, err = Inputs(t.Context(), ds, &dataset.Binding{}, 2, 2)
		wantError(t, err, "2 cases of 2 samples from 3 samples")
	})
}

// wantError fails unless err says all of these.
func wantError(t *testing.T, err error, parts ...string) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error: want one that says %q", parts)
	}
	for _, p := range append(parts, "golden: ") {
		if !strings.Contains(err.Error(), p) {
			t.Errorf("error %q does not say %q", err, p)
		}
	}
}

func TestTensorFiles(t *testing.T) {
	for _, want := range []*graph.Tensor{
		graph.FromFloat32([]int{2, 1}, []float32{1, -2}), graph.FromFloat64([]int{1}, []float64{0.1}), graph.Ints(-1, 1<<60),
		graph.FromBool([]int{3}, []bool{true, false, true}), graph.Scalar(graph.Float16, 1.5),
		graph.FromValues(graph.Uint8, []int{2}, []float64{0, 255}),
		graph.NewTensor(graph.Float32, 0, 3), {DType: graph.String, Dims: []int{2}, Data: []string{"a", "ü"}},
	} {
		t.Run(want.String(), func(t *testing.T) {
			data, err := encodeTensor("x", want)
			if err != nil {
				t.Fatal(err)
			}
			name, got, err := decodeTensor(data)
			if err != nil {
				t.Fatal(err)
			}
			if c := compare(got, want, 0, 0); name != "x" || !c.OK() {
				t.Errorf("%q %v: %v", name, got, c)
			}
		})
	}
}

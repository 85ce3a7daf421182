package dataset

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"maps"
	"path/filepath"
	"reflect"
	"slices"
	"testing"

	"github.com/ildc/ildc/graph"
	"github.com/ildc/ildc/internal/shared"
)

// npyFile is an array in NumPy's format, version 1.
func npyFile(header string, data any) []byte {
	var b bytes.Buffer
	b.WriteString("\x93NUMPY\x01\x00")
	text := header + "\n"
	binary.Write(&b, binary.LittleEndian, uint16(len(text)))
	b.WriteString(text)
	binary.Write(&b, binary.LittleEndian, data)
	return b.Bytes()
}

func npyHeaderText(descr, shape string) string {
	return fmt.Sprintf("{'descr': '%s', 'fortran_order': False, 'shape': %s, }", descr, shape)
}

func npzFile(t *testing.T, arrays map[string][]byte) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, name := range slices.Sorted(maps.Keys(arrays)) {
		w, err := z.Create(name + ".npy")
		if err == nil {
			_, err = w.Write(arrays[name])
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestReadNPY(t *testing.T) {
	tests := []struct {
		descr string
		data  any // little-endian
		want  *graph.Tensor
	}{
		{"<f4", []float32{1, -2}, graph.FromFloat32([]int{2}, []float32{1, -2})},
		{"<f8", []float64{0.1, 3}, graph.FromFloat64([]int{2}, []float64{0.1, 3})},
		{"<i8", []int64{-1, 1 << 60}, graph.FromInt64([]int{2}, []int64{-1, 1 << 60})},
		{"|u1", []uint8{0, 255}, graph.FromValues(graph.Uint8, []int{2}, []float64{0, 255})},
		{"|b1", []bool{true, false}, graph.FromBool([]int{2}, []bool{true, false})},
		{"<f2", []uint16{0x3c00, 0xc000}, graph.FromValues(graph.Float16, []int{2}, []float64{1, -2})},
		{">i2", []uint16{0x0100, 0xfeff}, graph.FromValues(graph.Int16, []int{2}, []float64{1, -2})},
	}
	for _, test := range tests {
		t.Run(test.descr, func(t *testing.T) {
			got, err := readNPY(bytes.NewReader(npyFile(npyHeaderText(test.descr, "(2,)"), test.data)), 1<<20)
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got, test.want) {
				t.Errorf("%v %v: want %v %v", got, got.Data, test.want, test.want.Data)
			}
		})
	}
}

func TestOpenNPZ(t *testing.T) {
	x := npyFile(npyHeaderText("<f4", "(4, 3)"), []float32{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11})
	ids := npyFile(npyHeaderText("<i8", "(4, 2)"), []int64{1, 2, 3, 4, 5, 6, 7, 8})
	label := npyFile(npyHeaderText("<i4", "(4,)"), []int32{0, 1, 2, 1})
	dir := write(t, map[string][]byte{"d.npz": npzFile(t, map[string][]byte{"x": x, "ids": ids, "label": label})})
	d, err := Open(context.Background(), filepath.Join(dir, "d.npz"), Options{Holdout: 1})
	if err != nil {
		t.Fatal(err)
	}
	if d.Train.Len() != 0 || d.Test.Len() != 4 || d.Test.Spec().Classes != 3 || len(d.Test.Spec().Features) != 2 {
		t.Fatalf("%d and %d samples, %+v", d.Train.Len(), d.Test.Len(), d.Test.Spec())
	}
	inputs := []*graph.Value{
		{Name: "ids", DType: graph.Int64, Shape: graph.Shape{graph.Sym("n"), graph.Sym("length")}},
		{Name: "x", DType: graph.Float32, Shape: graph.Dims(1, 1, 3)},
	}
	b, err := Bind(d.Test.Spec(), inputs, Preprocess{})
	if err != nil {
		t.Fatal(err)
	}
	batch := first(t, d.Test, LoaderOptions{Batch: 2, Bindings: []*Binding{b}})
	if got := batch.Inputs["ids"]; !reflect.DeepEqual(got, graph.FromInt64([]int{2, 2}, []int64{1, 2, 3, 4})) {
		t.Errorf("ids %v %v", got, got.Data)
	}
	if got := batch.Inputs["x"]; !reflect.DeepEqual(got, graph.FromFloat32([]int{2, 1, 3}, []float32{0, 1, 2, 3, 4, 5})) {
		t.Errorf("x %v %v", got, got.Data)
	}
	if want := []int{0, 1}; !reflect.DeepEqual(batch.Labels, want) {
		t.Errorf("labels %v: want %v", batch.Labels, want)
	}
}

func TestTrainAndTestNPY(t *testing.T) {
	dir := write(t, map[string][]byte{
		"train.npy": npyFile(npyHeaderText("<f4", "(2, 1)"), []float32{0, 1}),
		"test.npy":  npyFile(npyHeaderText("<f4", "(1, 1)"), []float32{2}),
	})
	d, err := Open(context.Background(), dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if d.Train.Len() != 2 || d.Test.Len() != 1 || !d.Given || !reflect.DeepEqual(d.Train.Spec(), d.Test.Spec()) {
		t.Errorf("%d and %d samples, %+v and %+v", d.Train.Len(), d.Test.Len(), d.Train.Spec(), d.Test.Spec())
	}
}

func TestMalformedNPY(t *testing.T) {
	good := npyFile(npyHeaderText("<f4", "(2, 3)"), make([]float32, 6))
	long := append([]byte("\x93NUMPY\x02\x00"), 0xff, 0xff, 0xff, 0xff)
	tests := []struct {
		name string
		file []byte
		want string
	}{
		{"empty", nil, "no NumPy header"},
		{"garbage", bytes.Repeat([]byte("garbage "), 9), "not a NumPy array"},
		{"truncated header", good[:20], "no NumPy header"},
		{"truncated elements", good[:len(good)-1], "ends after 23 of the 24 bytes"},
		{"huge header", long, "limit"},
		{"no newline", []byte("\x93NUMPY\x01\x00\x02\x00{}"), "malformed NumPy header"},
		{"no fields", npyFile("{}", []byte{}), "malformed NumPy header"},
		{"fields in disorder", npyFile("{'shape': (2,), 'descr': '<f4', 'fortran_order': False, }", []float32{1, 2}),
			"malformed NumPy header"},
		{"negative extent", npyFile(npyHeaderText("<f4", "(-2, 3)"), []float32{}), "impossible extents"},
		{"huge extents", npyFile(npyHeaderText("<f4", "(4000000000, 4000000000)"), []float32{}), "impossible extents"},
		{"objects", npyFile(npyHeaderText("|O", "(2,)"), []float32{}), `NumPy type "|O"`},
		{"fortran order", npyFile("{'descr': '<f4', 'fortran_order': True, 'shape': (2, 3), }", make([]float32, 6)),
			"ascontiguousarray"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := readNPY(bytes.NewReader(test.file), 1<<20)
			wantError(t, err, test.want)
		})
	}
	scalar := npyFile(npyHeaderText("<f4", "()"), []float32{1})
	for name, test := range map[string]struct {
		arrays map[string][]byte
		want   []string
	}{
		"every bad array is named": {map[string][]byte{"a": good[:20], "b": good[:30], "c": good}, []string{`"a"`, `"b"`}},
		"scalar":                   {map[string][]byte{"a": scalar}, []string{`"a" is a scalar`}},
		"lengths differ": {map[string][]byte{"a": good, "b": npyFile(npyHeaderText("<f4", "(1,)"), []float32{1})},
			[]string{"1 samples", "has 2"}},
		"fractional label": {map[string][]byte{"a": good, "label": npyFile(npyHeaderText("<f4", "(2,)"), []float32{0, 0.5})},
			[]string{`"label"`, "label 0.5 of sample 1"}},
		"only labels": {map[string][]byte{"label": npyFile(npyHeaderText("<f4", "(2,)"), []float32{0, 1})},
			[]string{"no arrays"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Open(context.Background(), filepath.Join(write(t, map[string][]byte{"d.npz": npzFile(t, test.arrays)}),
				"d.npz"), Options{})
			wantError(t, err, append(test.want, "d.npz")...)
		})
	}
	t.Run("not a zip", func(t *testing.T) {
		_, err := Open(context.Background(), filepath.Join(write(t, map[string][]byte{"d.npz": good}), "d.npz"), Options{})
		wantError(t, err, "d.npz", "zip")
	})
}

func FuzzNPY(f *testing.F) {
	f.Add(npyFile(npyHeaderText("<f4", "(2, 3)"), make([]float32, 6)))
	f.Add(npyFile("{}", []byte{}))
	f.Fuzz(func(t *testing.T, file []byte) {
		if x, err := readNPY(bytes.NewReader(file), 1<<20); err == nil && len(x.Values()) != x.Len() {
			t.Errorf("%v holds %d elements", x, len(x.Values()))
		}
	})
}

// TestNumPyFile reads what NumPy itself has written; the numbers are those that NumPy prints.
func TestNumPyFile(t *testing.T) {
	path := shared.File(t, "models/tract_lgbm/io.npz")
	d, err := Open(context.Background(), path, Options{Holdout: 1})
	if err != nil {
		t.Fatal(err)
	}
	f := d.Test.Spec().Features
	if len(f) != 2 || f[0].Name != "input" || !reflect.DeepEqual(f[0].Dims, []int{13}) || f[1].Name != "probabilities" {
		t.Errorf("features %v", f)
	}
	s, err := d.Test.Sample(0)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := s.Features[1].Float32s(), []float32{0.6263701915740967, 0.21710194647312164,
		0.15652787685394287}; !reflect.DeepEqual(got, want) {
		t.Errorf("probabilities %v: want %v", got, want)
	}
}

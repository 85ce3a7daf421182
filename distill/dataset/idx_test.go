package dataset

import (
	"bytes"
	"context"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/ildc/ildc/graph"
	"github.com/ildc/ildc/internal/shared"
)

func TestOpenIDX(t *testing.T) {
	images, labels := idx([]int{3, 2, 2}, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11), idx([]int{3}, 2, 0, 1)
	tests := []struct {
		name        string
		files       map[string][]byte
		path        string
		train, test int
		given       bool
	}{
		{"one pair, split", map[string][]byte{"images-idx3-ubyte": images, "labels-idx1-ubyte": labels}, "images-idx3-ubyte",
			2, 1, false},
		{"folder with one pair", map[string][]byte{"x-images-idx3-ubyte.gz": gzipped(t, images),
			"x-labels-idx1-ubyte": labels}, "", 2, 1, false},
		{"train and test", map[string][]byte{"train-images-idx3-ubyte": images, "train-labels-idx1-ubyte": labels,
			"test-images-idx3-ubyte": images, "test-labels-idx1-ubyte": labels}, "", 3, 3, true},
		{"train and t10k", map[string][]byte{"train-images.idx3-ubyte": images, "train-labels.idx1-ubyte": labels,
			"t10k-images.idx3-ubyte": images, "t10k-labels.idx1-ubyte": labels}, "", 3, 3, true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			d, err := Open(context.Background(), filepath.Join(write(t, test.files), test.path), Options{})
			if err != nil {
				t.Fatal(err)
			}
			if d.Format != "IDX" || d.Train.Len() != test.train || d.Test.Len() != test.test || d.Given != test.given {
				t.Errorf("%s with %d and %d samples, given %v", d.Format, d.Train.Len(), d.Test.Len(), d.Given)
			}
			want := Spec{Features: []Feature{{Name: "image", DType: graph.Uint8, Dims: []int{2, 2, 1}, Image: true}}, Classes: 3}
			if got := d.Train.Spec(); !reflect.DeepEqual(got, want) {
				t.Errorf("spec %+v: want %+v", got, want)
			}
			for i := range d.Train.Len() {
				s, err := d.Train.Sample(i)
				if err != nil {
					t.Fatal(err)
				}
				first := s.Features[0].Data.([]uint8)[0]
				if want := map[uint8]int{0: 2, 4: 0, 8: 1}[first]; s.Label != want {
					t.Errorf("the image that starts with %d has label %d: want %d", first, s.Label, want)
				}
			}
		})
	}
}

func TestIDXTypes(t *testing.T) {
	file := []byte{0, 0, 0x0d, 2, 0, 0, 0, 1, 0, 0, 0, 2, 0x3f, 0x80, 0, 0, 0xc0, 0, 0, 0} // 1, −2 as big-endian float32
	x, err := readIDX(bytes.NewReader(file), 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	if got := x.Float32s(); x.DType != graph.Float32 || !reflect.DeepEqual(got, []float32{1, -2}) {
		t.Errorf("%v %v: want 1, -2", x, got)
	}
}

func TestMalformedIDX(t *testing.T) {
	good := idx([]int{2, 2, 2}, 1, 2, 3, 4, 5, 6, 7, 8)
	tests := []struct {
		name string
		file []byte
		want string
	}{
		{"empty", nil, "no IDX header"},
		{"garbage", []byte("not an IDX file at all"), "not an IDX file"},
		{"unknown type", []byte{0, 0, 7, 1, 0, 0, 0, 1, 0}, "not an IDX file"},
		{"rank 0", []byte{0, 0, 8, 0}, "not an IDX file"},
		{"no extents", good[:9], "no IDX extents"},
		{"truncated", good[:len(good)-3], "ends after 5 of the 8 bytes"},
		{"too long", append(bytes.Clone(good), 0), "goes on after its last element"},
		{"over the limit", idx([]int{1 << 20, 2}), "the limit is 1048576"},
		{"overflows", idx([]int{1<<32 - 1, 1<<32 - 1, 1<<32 - 1}), "impossible extents"},
		{"promises much, holds nothing", idx([]int{1 << 19}), "ends after 0 of the 524288 bytes"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := readIDX(bytes.NewReader(test.file), 1<<20)
			wantError(t, err, test.want)
		})
	}
	t.Run("labels of another length", func(t *testing.T) {
		dir := write(t, map[string][]byte{"images-idx3-ubyte": good, "labels-idx1-ubyte": idx([]int{1}, 0)})
		_, err := Open(context.Background(), dir, Options{})
		wantError(t, err, "1 labels for 2 samples")
	})
	t.Run("not gzip", func(t *testing.T) {
		dir := write(t, map[string][]byte{"images-idx3-ubyte.gz": good})
		_, err := Open(context.Background(), dir, Options{})
		wantError(t, err, "images-idx3-ubyte.gz", "gzip")
	})
}

func FuzzIDX(f *testing.F) {
	f.Add(idx([]int{2, 2, 2}, 1, 2, 3, 4, 5, 6, 7, 8))
	f.Add(idx([]int{1 << 30, 1 << 30}))
	f.Add([]byte{0, 0, 0x0e, 1, 0, 0, 0, 1, 0x40, 0, 0, 0, 0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, file []byte) {
		x, err := readIDX(bytes.NewReader(file), 1<<20)
		if err != nil {
			return
		}
		if got := len(x.Values()); got != x.Len() {
			t.Errorf("%v holds %d elements", x, got)
		}
		if _, err := FromTensors(nil, Array{"x", x}); err == nil && x.Dims[0] == 0 {
			t.Error("a dataset without samples")
		}
	})
}

// TestMNIST checks sizes and label counts of the test set against those that Python counts in the files:
// collections.Counter(gzip.open(…).read()[8:]).
func TestMNIST(t *testing.T) {
	path := shared.File(t, "data/mnist")
	d, err := Open(context.Background(), path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if d.Train.Len() != 60000 || d.Test.Len() != 5000 || d.Train.Spec().Classes != 10 || !d.Given {
		t.Fatalf("%d and %d samples, %+v", d.Train.Len(), d.Test.Len(), d.Train.Spec())
	}
	counts := make([]int, 10)
	for i := range d.Test.Len() {
		s, err := d.Test.Sample(i)
		if err != nil {
			t.Fatal(err)
		}
		counts[s.Label]++
	}
	if want := []int{460, 571, 530, 500, 500, 456, 462, 512, 489, 520}; !reflect.DeepEqual(counts, want) {
		t.Errorf("labels %v: want %v", counts, want)
	}
}

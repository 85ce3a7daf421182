package dataset

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/ildc/ildc/graph"
	"github.com/ildc/ildc/internal/setting"
)

// Options say how files become samples. The zero value is good.
type Options struct {
	Height, Width int // images are resized to this, bilinear; 0 leaves them as they are
	Channels      int // images become gray (1) or RGB (3); 0 leaves them as they are
	// CSV: name or number of the column with the class; "" is the last one, "none" is no column
	Label string
	// fraction of test samples where the data is not split by itself; 0 means DefaultHoldout, 1 makes all of it test data
	Holdout float64
	Seed    uint64 // of that split
	// what samples may take in memory; 0 means DefaultMaxBytes. Larger image folders are decoded on demand, larger
	// arrays refused
	MaxBytes int64
	Workers  int // goroutines that decode images; 0: one per core
	// is told how many images of a set are decoded, from one goroutine at a time
	Progress func(done, of int) `json:"-"`
}

// What the zero Options mean.
const (
	DefaultHoldout        = 0.2
	DefaultMaxBytes int64 = 4 << 30
)

// noColumn is the Label of CSV data without classes.
const noColumn = "none"

// Data is a training and a test set, described alike.
type Data struct {
	Train, Test Dataset // Train is empty where Options.Holdout is 1
	Format      string  // "image folder", "IDX", "npy", "npz", "CSV"
	Given       bool    // the test set is as the files have it, not split off by Options.Holdout
}

// Open reads the data at a path:
//
//   - a folder of images (PNG, JPEG, BMP); where they lie in subfolders, each is a class, in alphabetical order
//   - an IDX file of images or values (.gz or not), with its labels beside it ("images-idx3" becomes "labels-idx1"),
//     or a folder with such a pair
//   - .npy: one array [N,…]; .npz: one array per model input, and perhaps "label"
//   - .csv and .tsv: one sample per row
//
// A folder with train and test in it (subfolders, train.npz and test.npz, or IDX files train-… and test-… or t10k-…)
// gives both sets, anything else is split by Options.Holdout.
func Open(ctx context.Context, path string, o Options) (*Data, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	train, test, err := parts(path)
	if err != nil {
		return nil, err
	}
	d := &Data{Given: test != ""}
	if d.Train, d.Format, err = load(ctx, train, nil, o); err != nil {
		return nil, err
	}
	if !d.Given {
		fraction := o.Holdout
		if fraction == 0 {
			fraction = DefaultHoldout
		}
		d.Train, d.Test, err = Split(d.Train, fraction, o.Seed)
		return d, err
	}
	if d.Test, _, err = load(ctx, test, d.Train.Spec().ClassNames, o); err != nil {
		return nil, err
	}
	if err := align(d.Train, d.Test); err != nil {
		return nil, fmt.Errorf("dataset: %s and %s: %w", train, test, err)
	}
	return d, nil
}

func (o Options) validate() error {
	var size, channels, holdout error
	if o.Height < 0 || o.Width < 0 || (o.Height == 0) != (o.Width == 0) || int64(o.Height)*int64(o.Width) > maxPixels {
		size = fmt.Errorf("dataset: resize to %d×%d: want a height and a width of at most %d pixels together",
			o.Height, o.Width, maxPixels)
	}
	if o.Channels != 0 && o.Channels != 1 && o.Channels != 3 {
		channels = fmt.Errorf("dataset: %d channels: want 1 (gray) or 3 (RGB)", o.Channels)
	}
	if !(o.Holdout >= 0 && o.Holdout <= 1) {
		holdout = fmt.Errorf("dataset: a held-out fraction of %g: want 0 to 1", o.Holdout)
	}
	return errors.Join(setting.Mends(size, "Height", "Width"), setting.Mends(channels, "Channels"),
		setting.Mends(holdout, "Holdout"))
}

func (o Options) maxBytes() int64 {
	if o.MaxBytes > 0 {
		return o.MaxBytes
	}
	return DefaultMaxBytes
}

func (o Options) workers() int {
	if o.Workers > 0 {
		return o.Workers
	}
	return runtime.GOMAXPROCS(0)
}

// tables are the single-file formats.
var tables = []string{".npz", ".npy", ".csv", ".tsv"}

// parts finds the training and the test data at a path; test is "" where there is one set only.
func parts(path string) (train, test string, err error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", "", fmt.Errorf("dataset: %w", err)
	}
	if !info.IsDir() {
		return path, "", nil
	}
	isDir := func(name string) bool {
		i, err := os.Stat(filepath.Join(path, name))
		return err == nil && i.IsDir()
	}
	if isDir("train") && isDir("test") {
		return filepath.Join(path, "train"), filepath.Join(path, "test"), nil
	}
	entries, err := os.ReadDir(path)
	if err != nil {
		return "", "", fmt.Errorf("dataset: %w", err)
	}
	var idx []string
	for _, e := range entries {
		if name := e.Name(); isIDX(name) && !strings.Contains(name, "labels") {
			idx = append(idx, filepath.Join(path, name))
		}
	}
	starting := func(prefixes ...string) (found []string) {
		for _, f := range idx {
			for _, p := range prefixes {
				if strings.HasPrefix(filepath.Base(f), p) {
					found = append(found, f)
				}
			}
		}
		return found
	}
	trains, tests := starting("train"), starting("test", "t10k")
	switch {
	case len(trains) == 1 && len(tests) == 1:
		return trains[0], tests[0], nil
	case len(idx) == 1:
		return idx[0], "", nil
	case len(idx) > 1:
		return "", "", fmt.Errorf("dataset: %s: which of %s? want one IDX file, or one train-… and one test-… or t10k-…",
			path, strings.Join(idx, ", "))
	}
	for _, ext := range tables {
		train, test = filepath.Join(path, "train"+ext), filepath.Join(path, "test"+ext)
		if isFile(train) && isFile(test) {
			return train, test, nil
		}
	}
	return path, "", nil
}

func isFile(path string) bool {
	i, err := os.Stat(path)
	return err == nil && i.Mode().IsRegular()
}

// load reads one set and names its format. classes are the names that labels refer to; nil where the set is to say
// itself.
func load(ctx context.Context, path string, classes []string, o Options) (ds Dataset, format string, err error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, "", fmt.Errorf("dataset: %w", err)
	}
	var m *Memory
	switch ext := strings.ToLower(filepath.Ext(path)); {
	case info.IsDir():
		inner, other, err := parts(path)
		switch {
		case err != nil:
			return nil, "", err
		case other != "":
			return nil, "", fmt.Errorf("dataset: %s: holds a training and a test set itself", path)
		case inner != path:
			return load(ctx, inner, classes, o)
		}
		ds, err = openFolder(ctx, path, classes, o)
		if err != nil {
			return nil, "", fmt.Errorf("dataset: %s: %w", path, err)
		}
		return ds, "image folder", nil
	case ext == ".npy":
		format = "npy"
		m, err = openNPY(path, o)
	case ext == ".npz":
		format = "npz"
		m, err = openNPZ(path, o)
	case ext == ".csv" || ext == ".tsv":
		format = "CSV"
		m, err = openCSV(path, classes, o)
	case isIDX(path):
		format = "IDX"
		m, err = openIDX(path, o)
	default:
		err = errors.New("want an image folder, IDX (…idx3-ubyte, .gz or not), .npy, .npz, .csv or .tsv")
	}
	if err == nil {
		err = m.conform(o)
	}
	if err != nil {
		return nil, "", fmt.Errorf("dataset: %s: %w", path, err)
	}
	return m, format, nil
}

// align makes two sets agree on the number of classes, and fails where they differ otherwise.
func align(train, test Dataset) error {
	a, b := train.Spec(), test.Spec()
	switch {
	case !slices.EqualFunc(a.Features, b.Features, Feature.equal) && !renamed(a, b):
		return fmt.Errorf("one has %s, the other %s", list(a.Features), list(b.Features))
	case !slices.Equal(a.ClassNames, b.ClassNames):
		return fmt.Errorf("one has the classes %q, the other %q", a.ClassNames, b.ClassNames)
	}
	for _, ds := range []Dataset{train, test} {
		if m, ok := ds.(*Memory); ok {
			m.spec.Classes, m.spec.Features = max(a.Classes, b.Classes), a.Features
		}
	}
	return nil
}

// renamed says whether two sets have one feature each that differ in name only, as single arrays are named after
// their files.
func renamed(a, b Spec) bool {
	if len(a.Features) != 1 || len(b.Features) != 1 {
		return false
	}
	f := b.Features[0]
	f.Name = a.Features[0].Name
	return f.equal(a.Features[0])
}

// conform resizes images in memory and converts their channels, as the options ask for.
func (m *Memory) conform(o Options) error {
	for k, f := range m.spec.Features {
		if !f.Image {
			continue
		}
		have := size{f.Dims[0], f.Dims[1], f.Dims[2]}
		want := o.size().or(have)
		if have == want {
			continue
		}
		if have.bytes() == 0 {
			return fmt.Errorf("images of %v cannot be resized", have)
		}
		if n := int64(m.n); want.bytes() > o.maxBytes()/n {
			return fmt.Errorf("%d images of %v take more than %d bytes", n, want, o.maxBytes())
		}
		pixels := make([]uint8, 0, int64(m.n)*want.bytes())
		for i := range m.n {
			pixels = append(pixels, bitmap{have, row(m.arrays[k], i).Data.([]uint8)}.as(want).pixels...)
		}
		m.arrays[k] = &graph.Tensor{DType: graph.Uint8, Dims: append([]int{m.n}, want.dims()...), Data: pixels}
		m.spec.Features[k].Dims = want.dims()
	}
	return nil
}

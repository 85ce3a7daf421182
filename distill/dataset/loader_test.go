package dataset

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"runtime"
	"slices"
	"testing"

	"github.com/ildc/ildc/graph"
	"github.com/ildc/ildc/internal/setting"
)

// first is the first batch.
func first(t *testing.T, ds Dataset, o LoaderOptions) *Batch {
	t.Helper()
	return batches(t, ds, o, 0, 1)[0]
}

// batches are n batches from step start on, or as many as there are.
func batches(t *testing.T, ds Dataset, o LoaderOptions, start, n int) []*Batch {
	t.Helper()
	l, err := NewLoader(ds, o)
	if err != nil {
		t.Fatal(err)
	}
	var got []*Batch
	for b, err := range l.Batches(context.Background(), start) {
		if err != nil {
			t.Fatal(err)
		}
		if got = append(got, b); len(got) == n {
			break
		}
	}
	return got
}

// squares is a dataset of n images [4,4,3] of random bytes, labelled by index mod 3.
func squares(t *testing.T, n int) *Memory {
	t.Helper()
	pixels := graph.NewTensor(graph.Uint8, n, 4, 4, 3)
	r := stream(1, 0, 0)
	for i := range pixels.Len() {
		pixels.Data.([]uint8)[i] = uint8(r.IntN(256))
	}
	labels := make([]int, n)
	for i := range labels {
		labels[i] = i % 3
	}
	m, err := FromTensors(labels, Array{"image", pixels})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func bind(t *testing.T, ds Dataset, shape graph.Shape, p Preprocess) *Binding {
	t.Helper()
	b, err := Bind(ds.Spec(), input(graph.Float32, shape), p)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestBatchesDoNotDepend checks that neither the workers nor the first step change a batch, and that seed and epoch do.
func TestBatchesDoNotDepend(t *testing.T) {
	ds := squares(t, 22)
	o := LoaderOptions{Batch: 4, Train: true, Bindings: []*Binding{bind(t, ds, graph.Dims(1, 3, 4, 4), Preprocess{})},
		Augment: Augment{FlipX: true, FlipY: true, Pad: 2}, OneHot: "label", Seed: 7, Workers: 1}
	want := batches(t, ds, o, 0, 13) // 5 steps per epoch
	for _, workers := range []int{1, 2, 7} {
		for _, start := range []int{0, 1, 4, 5, 11} {
			o := o
			o.Workers = workers
			if got := batches(t, ds, o, start, 13-start); !reflect.DeepEqual(got, want[start:]) {
				t.Errorf("%d workers from step %d: other batches", workers, start)
			}
		}
	}
	other := o
	other.Seed = 8
	if reflect.DeepEqual(batches(t, ds, other, 0, 1), want[:1]) {
		t.Error("another seed gives the same batch")
	}
	for epoch := range 2 {
		var seen []int
		for _, b := range want[5*epoch:][:5] {
			if b.N != 4 || b.Epoch != epoch {
				t.Errorf("step %d: %d samples in epoch %d", b.Step, b.N, b.Epoch)
			}
			seen = append(seen, b.Index...)
		}
		slices.Sort(seen)
		if seen = slices.Compact(seen); len(seen) != 20 {
			t.Errorf("epoch %d: %d different samples: want 20", epoch, len(seen))
		}
	}
	if slices.Equal(want[0].Index, want[5].Index) {
		t.Error("two epochs begin alike")
	}
}

func TestEvaluationBatches(t *testing.T) {
	ds := squares(t, 7)
	b := bind(t, ds, graph.Dims(1, 4, 4, 3), Preprocess{})
	got := batches(t, ds, LoaderOptions{Batch: 3, Bindings: []*Binding{b}, OneHot: "y", Classes: 4,
		Augment: Augment{FlipX: true}}, 0, -1)
	if len(got) != 3 {
		t.Fatalf("%d batches: want 3", len(got))
	}
	for i, want := range []struct {
		n             int
		index, labels []int
		oneHot        []float32
	}{
		{3, []int{0, 1, 2}, []int{0, 1, 2}, []float32{1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0}},
		{3, []int{3, 4, 5}, []int{0, 1, 2}, []float32{1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0}},
		{1, []int{6, 6, 6}, []int{0, NoLabel, NoLabel}, []float32{1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}},
	} {
		g := got[i]
		if g.N != want.n || g.Step != i || !slices.Equal(g.Index, want.index) || !slices.Equal(g.Labels, want.labels) {
			t.Errorf("batch %d: %d of %v, labels %v: want %d of %v, %v", i, g.N, g.Index, g.Labels, want.n, want.index,
				want.labels)
		}
		if y := g.Inputs["y"]; !slices.Equal(y.Dims, []int{3, 4}) || !slices.Equal(y.Float32s(), want.oneHot) {
			t.Errorf("batch %d: %v %v: want %v", i, y, y.Data, want.oneHot)
		}
		for r, index := range g.Index {
			s, err := ds.Sample(index)
			if err != nil {
				t.Fatal(err)
			}
			if got, want := row(g.Inputs["input"], r).Values(), s.Features[0].Values(); !slices.Equal(got, want) {
				t.Errorf("batch %d, row %d is not sample %d", i, r, index)
			}
		}
	}
}

// TestTwoBindings checks that two models see one augmented image, each in its own form.
func TestTwoBindings(t *testing.T) {
	ds := squares(t, 9)
	teacher, student := bind(t, ds, graph.Dims(1, 3, 4, 4), Preprocess{}),
		bind(t, ds, graph.Dims(1, 4, 4, 3), Preprocess{Scale: 0.5})
	o := LoaderOptions{Batch: 9, Train: true, Bindings: []*Binding{teacher, student},
		Augment: Augment{FlipX: true, Pad: 1}}
	_, err := NewLoader(ds, o)
	wantError(t, err, `"input" twice`)
	student.Prefix = "student/"
	b := first(t, ds, o)
	x, y := b.Inputs["input"].Values(), b.Inputs["student/input"].Values()
	for n := range 9 {
		for p := range 16 {
			for c := range 3 {
				if a, b := x[(n*3+c)*16+p], y[(n*16+p)*3+c]; a != 2*b {
					t.Fatalf("sample %d, pixel %d, channel %d: %g and %g: want the half", n, p, c, a, b)
				}
			}
		}
	}
}

// broken is a dataset that somebody else got wrong.
type broken struct {
	*Memory
	sample func(i int) (Sample, error)
}

func (b broken) Sample(i int) (Sample, error) { return b.sample(i) }

func TestLoaderErrors(t *testing.T) {
	ds := squares(t, 5)
	empty := subsetOf(ds, nil)
	b := bind(t, ds, graph.Dims(1, 3, 4, 4), Preprocess{})
	tests := []struct {
		name string
		ds   Dataset
		o    LoaderOptions
		want []string
	}{
		{"no batch", ds, LoaderOptions{}, []string{"a batch of 0"}},
		{"no samples", empty, LoaderOptions{Batch: 1}, []string{"no samples"}},
		{"too few to train on", ds, LoaderOptions{Batch: 6, Train: true}, []string{"5 samples", "batch of 6"}},
		{"fewer classes than the data", ds, LoaderOptions{Batch: 1, OneHot: "y", Classes: 2},
			[]string{"3 classes, the model 2"}},
		{"no labels", mustSynthetic(t), LoaderOptions{Batch: 1, OneHot: "y"}, []string{`labels are asked for as "y"`}},
		{"several", ds, LoaderOptions{Augment: Augment{Pad: -1}, Bindings: []*Binding{b, b}},
			[]string{"batch of 0", "-1 pixels", "twice"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := NewLoader(test.ds, test.o)
			wantError(t, err, test.want...)
			if got := setting.Fields(err); slices.Equal(got, []string{"Batch"}) != (test.name == "too few to train on") {
				t.Errorf("the settings that would mend it are %q", got)
			}
		})
	}
	failure := errors.New("disk on fire")
	for name, test := range map[string]struct {
		sample func(i int) (Sample, error)
		want   string
	}{
		"fails":       {func(i int) (Sample, error) { return Sample{}, failure }, "sample 0: disk on fire"},
		"no features": {func(i int) (Sample, error) { return Sample{}, nil }, "0 features: want 1"},
		"label too big": {func(i int) (Sample, error) { s, _ := ds.Sample(i); s.Label = 3; return s, nil },
			"label 3: want 0 to 2"},
		"other shape": {func(i int) (Sample, error) {
			return Sample{Features: []*graph.Tensor{graph.NewTensor(graph.Uint8, 2, 2, 3)}}, nil
		}, "want 48 elements"},
	} {
		t.Run(name, func(t *testing.T) {
			l, err := NewLoader(broken{ds, test.sample}, LoaderOptions{Batch: 2, Bindings: []*Binding{b}})
			if err != nil {
				t.Fatal(err)
			}
			n := 0
			for batch, err := range l.Batches(context.Background(), 0) {
				n++
				if batch != nil {
					t.Errorf("a batch beside the error")
				}
				wantError(t, err, test.want)
			}
			if n != 1 {
				t.Errorf("%d turns of the loop: want 1, with the error", n)
			}
		})
	}
}

func TestCancelledBatches(t *testing.T) {
	ds := squares(t, 8)
	l, err := NewLoader(ds, LoaderOptions{Batch: 2, Train: true, Workers: 3})
	if err != nil {
		t.Fatal(err)
	}
	before := runtime.NumGoroutine()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var last error
	n := 0
	for _, err := range l.Batches(ctx, 0) {
		if n++; n == 3 {
			cancel()
		}
		last = err
	}
	if !errors.Is(last, context.Canceled) {
		t.Errorf("the last error is %v: want %v", last, context.Canceled)
	}
	for range l.Batches(context.Background(), 0) {
		break
	}
	if after := runtime.NumGoroutine(); after > before {
		t.Errorf("%d goroutines, %d before: want none left", after, before)
	}
}

func mustSynthetic(t *testing.T) Dataset {
	t.Helper()
	ds, err := Synthetic(input(graph.Float32, graph.Dims(1, 3, 8, 8)), SyntheticOptions{N: 8})
	if err != nil {
		t.Fatal(err)
	}
	return ds
}

func TestSplit(t *testing.T) {
	ds := squares(t, 10)
	for _, test := range []struct {
		fraction float64
		held     int
	}{{0, 0}, {0.01, 1}, {0.25, 3}, {0.5, 5}, {0.99, 9}, {1, 10}} {
		t.Run(fmt.Sprint(test.fraction), func(t *testing.T) {
			rest, held, err := Split(ds, test.fraction, 3)
			if err != nil {
				t.Fatal(err)
			}
			if held.Len() != test.held || rest.Len() != 10-test.held {
				t.Fatalf("%d and %d samples: want %d held", rest.Len(), held.Len(), test.held)
			}
			all := slices.Concat(rest.(*subset).index, held.(*subset).index)
			slices.Sort(all)
			if want := []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}; !slices.Equal(all, want) {
				t.Errorf("samples %v: want each once", all)
			}
			_, again, _ := Split(ds, test.fraction, 3)
			if !reflect.DeepEqual(again, held) {
				t.Error("the same seed gives another split")
			}
		})
	}
	_, a, _ := Split(ds, 0.5, 3)
	_, b, _ := Split(ds, 0.5, 4)
	if reflect.DeepEqual(a, b) {
		t.Error("another seed gives the same split")
	}
	_, _, err := Split(ds, 1.5, 0)
	wantError(t, err, "split of 1.5")
	if _, err := a.Sample(5); err == nil {
		t.Error("a sample beyond the subset")
	}
}

func TestFingerprint(t *testing.T) {
	ds := squares(t, 6)
	print := func(ds Dataset) string {
		f, err := Fingerprint(ds)
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	want := print(ds)
	if print(squares(t, 6)) != want {
		t.Error("equal data, another fingerprint")
	}
	pixel, label, class := squares(t, 6), squares(t, 6), squares(t, 6)
	pixel.arrays[0].Data.([]uint8)[100]++
	label.labels[5] = 0
	class.spec.Classes++
	rest, held, err := Split(ds, 0.5, 1)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]string{want: "the data"}
	for name, other := range map[string]Dataset{"a pixel": pixel, "a label": label, "a class": class,
		"length": squares(t, 5),
		"a part": rest, "the other part": held} {
		f := print(other)
		if seen[f] != "" {
			t.Errorf("%s and %s have one fingerprint", name, seen[f])
		}
		seen[f] = name
	}
	failing := user{ds, errors.New("gone")}
	if _, err := Fingerprint(failing); err == nil {
		t.Error("no error from a dataset that fails")
	}
	if a, b := print(user{ds, nil}), print(user{pixel, nil}); a == b {
		t.Error("a pixel of somebody else's dataset changes nothing")
	}
}

// user is a dataset of a type that this package does not know.
type user struct {
	ds  Dataset
	err error
}

func (u user) Len() int   { return u.ds.Len() }
func (u user) Spec() Spec { return u.ds.Spec() }
func (u user) Sample(i int) (Sample, error) {
	if u.err != nil {
		return Sample{}, u.err
	}
	return u.ds.Sample(i)
}

// Few samples that are repeated fill a batch, and each repetition is seen in a view of its own.
func TestRepeatFillsABatch(t *testing.T) {
	few := squares(t, 3)
	r := Repeat(few, 4)
	if r.Len() != 12 {
		t.Fatalf("%d samples", r.Len())
	}
	for i := range 12 {
		got, err := r.Sample(i)
		if err != nil {
			t.Fatal(err)
		}
		if want, _ := few.Sample(i % 3); got.Label != want.Label {
			t.Errorf("sample %d has label %d, want %d", i, got.Label, want.Label)
		}
	}
	for _, i := range []int{-1, 12} {
		if _, err := r.Sample(i); err == nil {
			t.Errorf("there is a sample %d", i)
		}
	}
}

package dataset

import (
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/ildc/ildc/graph"
	"github.com/ildc/ildc/internal/setting"
)

// images is one image feature of these dims.
func images(h, w, c int) Spec {
	return Spec{Features: []Feature{{Name: "image", DType: graph.Uint8, Dims: []int{h, w, c}, Image: true}}}
}

func input(dtype graph.DType, shape graph.Shape) []*graph.Value {
	return []*graph.Value{{Name: "input", DType: dtype, Shape: shape}}
}

func TestBindShapes(t *testing.T) {
	n := graph.Sym("n")
	tests := []struct {
		name   string
		spec   Spec
		shape  graph.Shape
		layout Layout
		dims   []int // nil where it does not fit
		planar bool
		advice string
		mended []string // by which settings
	}{
		{"gray as [N,1,H,W]", images(28, 28, 1), graph.Dims(1, 1, 28, 28), "", []int{1, 28, 28}, false, "", nil},
		{"gray as [N,H,W,1]", images(28, 28, 1), graph.Dims(1, 28, 28, 1), "", []int{28, 28, 1}, false, "", nil},
		{"gray as [N,H,W]", images(28, 28, 1), graph.Dims(1, 28, 28), "", []int{28, 28}, false, "", nil},
		{"gray flat", images(28, 28, 1), graph.Shape{n, graph.D(784)}, "", []int{784}, false, "", nil},
		{"gray flat with a one", images(28, 28, 1), graph.Dims(1, 784, 1), "", []int{784, 1}, false, "", nil},
		{"colour planar", images(32, 30, 3), graph.Dims(1, 3, 32, 30), "", []int{3, 32, 30}, true, "", nil},
		{"colour interleaved", images(32, 30, 3), graph.Dims(1, 32, 30, 3), "", []int{32, 30, 3}, false, "", nil},
		{"colour flat, planar", images(4, 5, 3), graph.Dims(1, 60), "", []int{60}, true, "", nil},
		{"colour flat, interleaved", images(4, 5, 3), graph.Dims(1, 60), NHWC, []int{60}, false, "", nil},
		{"both fit: planar", images(3, 3, 3), graph.Dims(1, 3, 3, 3), "", []int{3, 3, 3}, true, "", nil},
		{"both fit: as told", images(3, 3, 3), graph.Dims(1, 3, 3, 3), NHWC, []int{3, 3, 3}, false, "", nil},
		{"symbolic extents", images(20, 30, 3), graph.Shape{n, graph.D(3), graph.Sym("h"), graph.Unknown}, "",
			[]int{3, 20, 30}, true, "", nil},
		{"symbolic, interleaved", images(20, 30, 3), graph.Shape{n, graph.Sym("h"), graph.Sym("w"), graph.D(3)}, "",
			[]int{20, 30, 3}, false, "", nil},
		{"too small", images(28, 28, 1), graph.Dims(1, 1, 32, 32), "", nil, false, "do not fit: 32×32 pixels would",
			[]string{"Height", "Width"}},
		{"too small and gray", images(28, 28, 1), graph.Dims(1, 3, 32, 32), "", nil, false,
			"32×32 pixels and 3 channels (RGB) would", []string{"Height", "Width", "Channels"}},
		{"colour to flat gray", images(28, 28, 3), graph.Dims(1, 784), "", nil, false, "1 channel (gray) would",
			[]string{"Channels"}},
		{"wrong layout", images(32, 32, 3), graph.Dims(1, 32, 32, 3), NCHW, nil, false, "the layout nhwc would",
			[]string{"Layout"}},
		{"no batch axis", images(2, 2, 1), graph.Shape{}, "", nil, false, "no batch axis", nil},
		{"unknown rank", images(2, 2, 1), nil, "", nil, false, "no batch axis", nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			b, err := Bind(test.spec, input(graph.Float32, test.shape), Preprocess{Layout: test.layout})
			if test.dims == nil {
				wantError(t, err, `"input"`, test.advice)
				if got := setting.Fields(err); !slices.Equal(got, test.mended) {
					t.Errorf("the settings that would mend it are %q, want %q", got, test.mended)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got := b.Dims()["input"]; !reflect.DeepEqual(got, test.dims) || b.slots[0].planar != test.planar {
				t.Errorf("%v, planar %v: want %v, %v", got, b.slots[0].planar, test.dims, test.planar)
			}
		})
	}
}

// TestBindValues compares what a batch holds with the formula of Preprocess, worked out here pixel by pixel.
func TestBindValues(t *testing.T) {
	const h, w, c = 2, 3, 3
	pixels := make([]float64, h*w*c)
	for i := range pixels {
		pixels[i] = float64(37 * i % 256)
	}
	p := Preprocess{Scale: 1. / 255, Mean: []float64{0.5, 0.4, 0.3}, Std: []float64{0.2, 0.25, 0.5}}
	formula := func(y, x, k int) float64 { return (pixels[(y*w+x)*c+k]/255 - p.Mean[k]) / p.Std[k] }
	for _, dtype := range []graph.DType{graph.Float32, graph.Float64, graph.Float16} {
		for _, shape := range []graph.Shape{graph.Dims(1, c, h, w), graph.Dims(1, h, w, c)} {
			for _, stored := range []graph.DType{graph.Uint8, graph.Float32, graph.Int32} {
				spec := Spec{Features: []Feature{{Name: "image", DType: stored, Dims: []int{h, w, c}, Image: true}}}
				b, err := Bind(spec, input(dtype, shape), p)
				if err != nil {
					t.Fatal(err)
				}
				rows := b.slots[0].rows(2)
				if err := rows.put(1, graph.FromValues(stored, []int{h, w, c}, pixels)); err != nil {
					t.Fatal(err)
				}
				got := rows.tensor(2)
				if got.DType != dtype || !slices.Equal(got.Dims[1:], shape[1:].Sizes()) {
					t.Fatalf("%v: want %v%v", got, dtype, shape)
				}
				values := got.Values()[h*w*c:]
				// one rounding to the input's type, of values below 4
				tolerance := map[graph.DType]float64{graph.Float32: 3e-7, graph.Float64: 1e-15, graph.Float16: 2e-3}[dtype]
				for y := range h {
					for x := range w {
						for k := range c {
							at := (y*w+x)*c + k
							if shape[1].Is(c) {
								at = (k*h+y)*w + x
							}
							if diff := math.Abs(values[at] - formula(y, x, k)); diff > tolerance {
								t.Errorf("%v%v from %v: pixel (%d,%d,%d) is %g: want %g", dtype, shape, stored, y, x, k, values[at],
									formula(y, x, k))
							}
						}
					}
				}
			}
		}
	}
}

func TestBindPlainFeatures(t *testing.T) {
	table := Spec{Features: []Feature{{Name: "features", DType: graph.Float32, Dims: []int{2}}}}
	b, err := Bind(table, input(graph.Float32, graph.Dims(1, 1, 1, 2)),
		Preprocess{Mean: []float64{1, 2}, Std: []float64{2, 4}})
	if err != nil {
		t.Fatal(err)
	}
	rows := b.slots[0].rows(1)
	if err := rows.put(0, graph.FromFloat32([]int{2}, []float32{5, 10})); err != nil {
		t.Fatal(err)
	}
	if got := rows.tensor(1); !reflect.DeepEqual(got, graph.FromFloat32([]int{1, 1, 1, 2}, []float32{2, 2})) {
		t.Errorf("%v %v: want 2, 2", got, got.Data)
	}
	planes := Spec{Features: []Feature{{Name: "x", DType: graph.Float32, Dims: []int{2, 1, 2}}}}
	b, err = Bind(planes, input(graph.Float32, graph.Dims(1, 2, 1, 2)), Preprocess{Mean: []float64{1, 2}})
	if err != nil {
		t.Fatal(err)
	}
	rows = b.slots[0].rows(1)
	if err := rows.put(0, graph.FromFloat32([]int{2, 1, 2}, []float32{1, 2, 3, 4})); err != nil {
		t.Fatal(err)
	}
	if got, want := rows.tensor(1).Float32s(), []float32{0, 1, 1, 2}; !slices.Equal(got, want) {
		t.Errorf("%v: want %v, the mean of each channel taken off", got, want)
	}
}

func TestBindErrors(t *testing.T) {
	table := func(dtype graph.DType) Spec {
		return Spec{Features: []Feature{{Name: "features", DType: dtype, Dims: []int{4}}}}
	}
	two := []*graph.Value{{Name: "a", DType: graph.Float32, Shape: graph.Dims(1, 4)},
		{Name: "b", DType: graph.Float32, Shape: graph.Dims(1, 4)}}
	tests := []struct {
		name   string
		spec   Spec
		inputs []*graph.Value
		p      Preprocess
		want   []string
	}{
		{"several inputs", table(graph.Float32), two, Preprocess{},
			[]string{`input "a"`, `input "b"`, `"features" float32[4]`, ".npz"}},
		{"other extents", table(graph.Float32), input(graph.Float32, graph.Dims(1, 5)), Preprocess{},
			[]string{"[1,5]", "float32[4] does not fit"}},
		{"fractions to integers", table(graph.Float32), input(graph.Int64, graph.Dims(1, 4)), Preprocess{},
			[]string{"not of integers"}},
		{"strings", table(graph.Float32), input(graph.String, graph.Dims(1, 4)), Preprocess{}, []string{"cannot be fed"}},
		{"nothing to preprocess", table(graph.Int64), input(graph.Int64, graph.Dims(1, 4)), Preprocess{Scale: 2},
			[]string{"no input of a floating-point type"}},
		{"channels differ", images(4, 4, 1), input(graph.Float32, graph.Dims(1, 1, 4, 4)),
			Preprocess{Mean: []float64{1, 2, 3}}, []string{"3 values of mean for 1 channels"}},
		{"bad preprocessing", images(4, 4, 1), input(graph.Float32, graph.Dims(1, 1, 4, 4)),
			Preprocess{Std: []float64{0}, Layout: "hwcn"}, []string{"std 0", `"hwcn"`}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := Bind(test.spec, test.inputs, test.p)
			wantError(t, err, test.want...)
		})
	}
}

func TestPreprocessRoundTrip(t *testing.T) {
	tests := []struct {
		text string
		want Preprocess
	}{
		{"raw", Preprocess{}},
		{"", Preprocess{}},
		{"unit", Preprocess{Scale: 1. / 255}},
		{"scale=1/255", Preprocess{Scale: 1. / 255}},
		{"mnist", Preprocess{Scale: 1. / 255, Mean: []float64{0.1307}, Std: []float64{0.3081}}},
		{"cifar10 std=0.225 layout=NHWC", Preprocess{Scale: 1. / 255, Mean: []float64{0.4914, 0.4822, 0.4465},
			Std: []float64{0.225}, Layout: NHWC}},
		{"mean=-1e-3,2,3.5", Preprocess{Mean: []float64{-1e-3, 2, 3.5}}},
	}
	for _, test := range tests {
		got, err := ParsePreprocess(test.text)
		if err != nil || !reflect.DeepEqual(got, test.want) {
			t.Errorf("%q: %+v, %v: want %+v", test.text, got, err, test.want)
		}
		again, err := ParsePreprocess(got.String())
		if err != nil || !reflect.DeepEqual(again, got) {
			t.Errorf("%q: %+v, %v: want %+v", got, again, err, got)
		}
	}
	for _, name := range Presets() {
		if _, err := ParsePreprocess(name); err != nil {
			t.Errorf("preset %s: %v", name, err)
		}
	}
	for text, want := range map[string]string{
		"cifar": "imagenet", "unit raw": `"raw"`, "scale=x": `"x" is not a number`, "scale=1,2": "one number",
		"std=0": "more than 0", "mean=1/0": "finite",
		"mean=NaN": "finite", "layout=chw": "nchw or nhwc", "gain=2": "scale=, mean=", "std=": "not a number",
	} {
		_, err := ParsePreprocess(text)
		wantError(t, err, want)
	}
	p, err := ParsePreprocess("cifar10")
	if err != nil {
		t.Fatal(err)
	}
	p.Mean[0] = 7
	if p, _ = ParsePreprocess("cifar10"); p.Mean[0] == 7 {
		t.Error("a caller's change reaches the preset")
	}
}

func TestInputImage(t *testing.T) {
	for _, test := range []struct {
		shape  graph.Shape
		layout Layout
		want   [3]int // zeros where the shape does not tell
	}{
		{graph.Dims(1, 3, 32, 48), "", [3]int{32, 48, 3}},
		{graph.Dims(1, 32, 48, 3), "", [3]int{32, 48, 3}},
		{graph.Dims(1, 28, 28), "", [3]int{28, 28, 1}},
		{graph.Dims(1, 784), "", [3]int{28, 28, 1}},
		{graph.Dims(1, 784, 1), "", [3]int{28, 28, 1}},
		{graph.Dims(1, 3072), "", [3]int{32, 32, 3}},
		{graph.Dims(1, 3, 5, 3), NHWC, [3]int{3, 5, 3}},
		{graph.Dims(1, 103), "", [3]int{}},
		{graph.Dims(1, 4, 31, 47), "", [3]int{}},
		{graph.Dims(1), "", [3]int{}},
		{graph.Shape{graph.D(1), graph.D(3), graph.Sym("h"), graph.D(3)}, "", [3]int{}},
	} {
		h, w, c, ok := inputImage(input(graph.Float32, test.shape)[0], test.layout)
		if got := [3]int{h, w, c}; got != test.want || ok != (test.want != [3]int{}) {
			t.Errorf("%v %s: %v, %v: want %v", test.shape, test.layout, got, ok, test.want)
		}
	}
}

func TestMisshapenSample(t *testing.T) {
	b, err := Bind(images(2, 2, 1), input(graph.Float32, graph.Dims(1, 1, 2, 2)), Preprocess{})
	if err != nil {
		t.Fatal(err)
	}
	for _, bad := range []*graph.Tensor{
		graph.NewTensor(graph.Uint8, 3, 3, 1),
		{DType: graph.Uint8, Dims: []int{2, 2, 1}, Data: []uint8{1}},
		{DType: graph.Float32, Dims: []int{2, 2, 1}, Data: []float32{1}},
		{DType: graph.Float32, Dims: []int{2, 2, 1}},
	} {
		if err := b.slots[0].rows(1).put(0, bad); err == nil || !strings.Contains(err.Error(), `input "input"`) {
			t.Errorf("%v: error %v", bad, err)
		}
	}
}

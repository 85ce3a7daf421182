package ort_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/ildc/ildc/distill/engine"
	"github.com/ildc/ildc/distill/engine/embedded"
	"github.com/ildc/ildc/exporter"
	"github.com/ildc/ildc/graph"
	"github.com/ildc/ildc/graph/pass"
	"github.com/ildc/ildc/importer"
)

// models lists the models that lie beside the repository, made by others and by us.
func models(t *testing.T) []string {
	t.Helper()
	var files []string
	for _, pattern := range []string{"../../../../shared/models/*/*.onnx", "../../../../shared/teachers/*.onnx"} {
		found, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, found...)
	}
	if len(files) == 0 {
		t.Skip("../shared is not there: these are models of others that are not part of the repository")
	}
	return files
}

// bindAll binds the batch to 1 and any other symbolic extent to 64.
func bindAll(g *graph.Graph) pass.Binding {
	b := pass.Binding{Batch: 1, Symbols: map[string]int{}}
	for _, v := range g.Inputs {
		for axis, d := range v.Shape {
			if !d.Known() && axis > 0 {
				b.Symbols[d.Symbol] = 64
			}
		}
	}
	return b
}

// randomInputs are the same for the same names and shapes: normal numbers, or integers that index whatever they index.
func randomInputs(vs []*graph.Value) map[string]*graph.Tensor {
	in := map[string]*graph.Tensor{}
	for _, v := range vs {
		h := fnv.New64()
		h.Write([]byte(v.Name))
		random := rand.New(rand.NewPCG(1, h.Sum64()))
		x := make([]float64, v.Shape.Elements())
		for i := range x {
			if x[i] = random.NormFloat64(); !v.DType.IsFloat() {
				x[i] = float64(random.IntN(2))
			}
		}
		in[v.Name] = graph.FromValues(v.DType, v.Shape.Sizes(), x)
	}
	return in
}

// TestModelsSurviveExport runs models as they are, and after import and export: the same bytes come out of ONNX Runtime.
func TestModelsSurviveExport(t *testing.T) {
	e := open(t)
	ran := 0
	for _, file := range models(t) {
		t.Run(filepath.Base(filepath.Dir(file))+"/"+filepath.Base(file), func(t *testing.T) {
			g, err := importer.File(file)
			if err != nil {
				t.Skipf("declined: %v", err)
			}
			before, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			after, err := exporter.Marshal(g, exporter.Options{Dir: filepath.Dir(file)})
			if err != nil {
				t.Fatal(err)
			}
			var names []string
			for _, v := range g.Outputs {
				if v.Shape.Rank() != 0 {
					names = append(names, v.Name)
				}
			}
			inputs, err := staticInputs(g)
			if err != nil || len(names) == 0 {
				t.Skipf("inputs %v, outputs %q", err, names)
			}
			in := randomInputs(inputs)
			want, err := e.RunModel(t.Context(), before, in, names...)
			if err != nil {
				if _, again := e.RunModel(t.Context(), after, in, names...); again == nil {
					t.Errorf("ONNX Runtime runs the model after import and export, but not before: %v", err)
				}
				t.Skipf("ONNX Runtime does not run the file itself: %v", err)
			}
			got, err := e.RunModel(t.Context(), after, in, names...)
			if err != nil {
				t.Fatal(err)
			}
			for _, name := range names {
				if !bytes.Equal(encoded(t, got[name]), encoded(t, want[name])) {
					t.Errorf("output %q differs", name)
				}
			}
			ran++
		})
	}
	t.Logf("%d files gave the same outputs before and after", ran)
}

// staticInputs are the inputs with the batch and symbolic extents bound.
func staticInputs(g *graph.Graph) ([]*graph.Value, error) {
	bind := bindAll(g)
	var vs []*graph.Value
	for _, v := range g.Inputs {
		w := &graph.Value{Name: v.Name, DType: v.DType, Shape: v.Shape.Clone()}
		for axis, d := range w.Shape {
			switch {
			case d.Known():
			case axis == 0:
				w.Shape[axis] = graph.D(bind.Batch)
			default:
				w.Shape[axis] = graph.D(bind.Symbols[d.Symbol])
			}
		}
		if w.DType == graph.String || v.Shape == nil {
			return nil, fmt.Errorf("input %q is %v%v", v.Name, v.DType, v.Shape)
		}
		vs = append(vs, w)
	}
	return vs, nil
}

func encoded(t *testing.T, x *graph.Tensor) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := binary.Write(&b, binary.LittleEndian, x.Data); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestModelsInBothEngines compiles every model that is accepted by both engines, or logs the ops that one lacks, and compares what they compute.
func TestModelsInBothEngines(t *testing.T) {
	e := open(t)
	compiled := map[string]int{}
	for _, file := range models(t) {
		t.Run(filepath.Base(filepath.Dir(file))+"/"+filepath.Base(file), func(t *testing.T) {
			g, err := importer.File(file)
			if err != nil {
				t.Skipf("declined: %v", err)
			}
			n, err := pass.Normalise(g)
			if err == nil {
				n, err = pass.Specialise(n, bindAll(g))
			}
			if err != nil {
				t.Skipf("its shapes cannot be made static: %v", err)
			}
			in := randomInputs(n.Inputs)
			results := map[string]map[string]*graph.Tensor{}
			for _, e := range []engine.Engine{e, embedded.New()} {
				p, err := e.Compile(t.Context(), &engine.Step{Graph: n}, engine.Options{Threads: 2})
				if err != nil {
					if !errors.Is(err, engine.ErrUnsupported) {
						t.Errorf("engine %s: %v", e.Name(), err)
					}
					t.Logf("engine %s lacks: %v", e.Name(), err)
					continue
				}
				defer p.Close()
				compiled[e.Name()]++
				if pass.CostOf(n).MACs > 2e8 {
					continue // compiled, but too slow to run here
				}
				if results[e.Name()], err = p.Run(t.Context(), in); err != nil {
					t.Errorf("engine %s: %v", e.Name(), err)
				}
			}
			for name, want := range results["embedded"] {
				if got := results["ort"][name]; got != nil && want.DType.IsFloat() {
					// A deep net amplifies rounding of 1e-7.
					if d := distance(got, want); !(d <= 1e-3) {
						t.Errorf("output %q differs by %.2g of its largest magnitude", name, d)
					}
				}
			}
		})
	}
	t.Logf("compiled: %v", compiled)
}

// distance is the largest difference over the largest magnitude; elements that neither engine has a finite number for count as equal.
func distance(got, want *graph.Tensor) float64 {
	var most, scale float64
	x := got.Values()
	for i, w := range want.Values() {
		if !(math.IsNaN(w) && math.IsNaN(x[i])) && w != x[i] {
			most = max(most, math.Abs(w-x[i]))
		}
		scale = max(scale, math.Abs(w))
	}
	if most == 0 {
		return 0
	}
	return most / scale
}

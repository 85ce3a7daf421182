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
	"slices"
	"strings"
	"testing"

	"github.com/ildc/ildc/distill/engine"
	"github.com/ildc/ildc/distill/engine/embedded"
	"github.com/ildc/ildc/exporter"
	"github.com/ildc/ildc/graph"
	"github.com/ildc/ildc/graph/pass"
	"github.com/ildc/ildc/importer"
	"github.com/ildc/ildc/internal/onnxpb"
	"github.com/ildc/ildc/internal/shared"
)

// models lists the models that lie beside the repository, made by others and by us.
func models(t *testing.T) []string {
	t.Helper()
	ours, err := filepath.Glob(filepath.Join(shared.Folder(t), "teachers", "*.onnx"))
	if err != nil {
		t.Fatal(err)
	}
	return append(shared.Models(t), ours...)
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

// notCompared lists the models that ONNX Runtime does not run, or that are declined, each with a part of the reason.
// All others must run.
var notCompared = map[string]string{
	"deeploy_cct2_train_grad/network.onnx":                   "imported with opsets 19 and 12",
	"deeploy_icct_int8_custom/network.onnx":                  "RequantShift",
	"deeploy_mlperf_kws_dscnn_requant_random/network.onnx":   "RequantShift",
	"deeploy_mlperf_resnet8_requant_random/network.onnx":     "RequantShift",
	"fml_branched_ch_last/branched_model_ch_last.onnx":       "qonnx.custom_op.general",
	"fml_three_layer_bn_pytorch/three_layer_bn_pytorch.onnx": "Gemm(6)",

	"ort_superres_prepost_op18/pytorch_superresolution_with_pre_post_processing_opset18.onnx": "com.microsoft.extensions",
	// an input that must be larger than another's extent
	"ort_tiny_gpt2_beamsearch/tiny_gpt2_beamsearch.onnx": "max_length",
	// more than the samples of our inputs
	"silero_vad_op15_16k/silero_vad_16k_op15.onnx": "Pad reflect",
	// more than the samples of our inputs, too
	"silero_vad_op18_ifless/silero_vad_op18_ifless.onnx": "Invalid input shape",
	"zigzag_mobilenetv2_noweights/mobilenetv2.onnx":      "mobilenetv2.external",
}

// TestModelsSurviveExport runs models as they are, and after import and export: the same bytes come out of ONNX
// Runtime. Weights that lie in a file of their own are left there in one export, and embedded in another.
func TestModelsSurviveExport(t *testing.T) {
	e := open(t)
	ran := 0
	for _, file := range models(t) {
		name := filepath.Base(filepath.Dir(file)) + "/" + filepath.Base(file)
		t.Run(name, func(t *testing.T) {
			fail := func(err error) {
				t.Helper()
				if why, listed := notCompared[name]; listed && strings.Contains(err.Error(), why) {
					t.Skip(err)
				}
				t.Fatal(err)
			}
			g, err := importer.File(file)
			if err != nil {
				fail(err)
			}
			inputs, err := staticInputs(g)
			if err != nil {
				fail(err)
			}
			before, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			after := map[string][]byte{}
			for form, dir := range map[string]string{"beside its data": filepath.Dir(file), "embedded": ""} {
				if after[form], err = exporter.Marshal(g, exporter.Options{Dir: dir}); err != nil {
					t.Fatal(err)
				}
			}
			if bytes.Equal(after["embedded"], after["beside its data"]) {
				delete(after, "embedded") // there are no such data
			}
			t.Chdir(filepath.Dir(file)) // where ONNX Runtime looks for the data of a model that it is given as bytes
			suffix, outputs := readable(t, g.Outputs)
			in := randomInputs(inputs)
			want, err := e.RunModel(t.Context(), append(before, suffix...), in, outputs...)
			if err != nil {
				fail(err)
			}
			for form, model := range after {
				got, err := e.RunModel(t.Context(), append(model, suffix...), in, outputs...)
				if err != nil {
					t.Fatalf("%s: %v", form, err)
				}
				for _, name := range outputs {
					if w := want[name]; !slices.Equal(got[name].Dims, w.Dims) || !bytes.Equal(encoded(t, got[name]), encoded(t, w)) {
						t.Errorf("%s: output %q differs", form, name)
					}
				}
			}
			ran++
		})
	}
	t.Logf("%d files gave the same outputs before and after", ran)
}

// readable is what makes outputs that onnxruntime_go gives no tensors for into ones that it does, with their names:
// 16-bit floats become float32, and what has no axes gets one. It is appended to a model's bytes, which stay as they
// are: an ONNX file is one protobuf message, and of two in a row the second is merged into the first.
func readable(t *testing.T, outputs []*graph.Value) (suffix []byte, names []string) {
	t.Helper()
	g := &onnxpb.GraphProto{}
	for _, v := range outputs {
		name := v.Name
		then := func(op, attr string, value any, more ...string) {
			n := &onnxpb.NodeProto{OpType: &op, Input: append([]string{name}, more...)}
			if attr != "" {
				a := &onnxpb.AttributeProto{Name: &attr}
				if err := a.SetValue(value); err != nil {
					t.Fatal(err)
				}
				n.Attribute = append(n.Attribute, a)
			}
			name += " " + op
			n.Output = []string{name}
			g.Node = append(g.Node, n)
		}
		if v.DType == graph.Float16 || v.DType == graph.BFloat16 {
			then("Cast", "to", int64(graph.Float32))
		}
		if v.Shape != nil && v.Shape.Rank() == 0 {
			axis := name + " axis"
			g.Initializer = append(g.Initializer, &onnxpb.TensorProto{Name: &axis, DataType: new(int32(graph.Int64)),
				Dims: []int64{1}, Int64Data: []int64{1}})
			then("Reshape", "", nil, axis)
		}
		if name != v.Name {
			g.Output = append(g.Output, &onnxpb.ValueInfoProto{Name: &name})
		}
		names = append(names, name)
	}
	if len(g.Node) == 0 {
		return nil, names
	}
	suffix, err := onnxpb.Marshal(&onnxpb.ModelProto{Graph: g})
	if err != nil {
		t.Fatal(err)
	}
	return suffix, names
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

// TestModelsInBothEngines compiles every model that is accepted by both engines, or logs the ops that one lacks, and
// compares what they compute.
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

// distance is the largest difference over the largest magnitude; elements that neither engine has a finite number for
// count as equal.
func distance(got, want *graph.Tensor) float64 {
	var most, scale float64
	x := got.Values()
	for i, w := range want.Values() {
		if !(math.IsNaN(w) && math.IsNaN(x[i])) && w != x[i] {
			most = max(most, math.Abs(w-x[i]))
		}
		scale = max(scale, math.Abs(w))
	}
	if most < 1e-6 { // ONNX Runtime's Sigmoid is right to some 1e-7, however small it is
		return 0
	}
	return most / scale
}

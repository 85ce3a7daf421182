package models_test

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/ildc/ildc/exporter"
	"github.com/ildc/ildc/graph"
	"github.com/ildc/ildc/graph/op"
	"github.com/ildc/ildc/graph/pass"
	"github.com/ildc/ildc/importer"
	"github.com/ildc/ildc/models"
)

// Each model of testdata/onnx is halved; the student, written and read back, computes what the teacher does with the
// weights that lead out of removed channels at zero.
func TestTopologies(t *testing.T) {
	files, err := filepath.Glob("../testdata/onnx/*/model.onnx")
	if err != nil || len(files) == 0 {
		t.Fatal("no models in testdata/onnx", err)
	}
	for _, file := range files {
		name := filepath.Base(filepath.Dir(file))
		t.Run(name, func(t *testing.T) {
			teacher, err := importer.File(file)
			if err != nil {
				t.Fatal(err)
			}
			want, listed := topologyGroups[name]
			if !listed {
				t.Fatal("the model is not listed in topologyGroups")
			}
			student, err := models.Generate(teacher, halfMACs(t), models.Options{Binding: bindAll(teacher)})
			if want == "" && errors.Is(err, models.ErrInfeasible) {
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if 2*student.After.MACs > student.Before.MACs {
				t.Errorf("reached %s", student.Reached())
			}
			var list []string
			for _, group := range student.Groups {
				list = append(list, fmt.Sprintf("%s %d→%d", group.Name, group.Before, group.After))
			}
			if got := strings.Join(list, ", "); got != want {
				t.Errorf("groups %s, want %s", got, want)
			}
			if name == "unknown_domain" {
				return // nothing runs it
			}
			data, err := exporter.Marshal(student.Graph, exporter.Options{})
			if err != nil {
				t.Fatal(err)
			}
			read, err := importer.Import(data, importer.Options{})
			if err != nil {
				t.Fatal(err)
			}
			compareWithMasked(t, teacher, read, student.Lineage)
		})
	}
}

// topologyGroups are the channels of each group of teacher and student; none where nothing can be removed.
var topologyGroups = map[string]string{
	"channel_constant":    "conv1 8→5, conv2 12→8",
	"channel_pad_slice":   "conv2 12→4, conv4 8→3",
	"channel_shuffle":     "conv1 4→2, conv2 2→1",
	"concat_dense":        "conv1 8→5, conv2 4→3, conv3 4→3, conv4 8→4",
	"constant_weights":    "conv1 8→4",
	"depthwise":           "conv1 8→5, conv2 24→14",
	"external_data":       "conv1 8→5, conv2 12→8",
	"fixed_batch_reshape": "conv1 8→4",
	"flatten_gemm":        "conv1 8→4, gemm1 16→14",
	"grouped_conv":        "conv1 4→3, conv2 2→1, conv3 4→3",
	"layernorm_channels":  "conv1 8→8, conv2 12→4",
	"nhwc_sandwich":       "conv1 8→4, conv2 4→3",
	"opset6_mlp":          "gemm1 12→7, gemm2 8→4",
	"residual_bn":         "conv1 8→6, conv2 8→5, conv4 12→8, conv5 12→7",
	"softmax_channels":    "conv1 8→4, conv3 12→6",
	"split_channels":      "conv1 6→5, conv1 10→8, conv2 8→5, conv3 12→7",
	"squeeze_excite":      "conv1 8→5, conv2 4→4, conv4 12→8",
	"subgraph_if":         "", // the branches read the features whole
	"tied_weights":        "conv1 8→5",
	"unknown_domain":      "conv2 12→4",
}

func halfMACs(t *testing.T) models.Budget {
	t.Helper()
	b, err := models.ParseBudget("macs=0.5x")
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// compareWithMasked runs the student and the masked teacher on the same input.
func compareWithMasked(t *testing.T, teacher, student *graph.Graph, lineage map[string]models.Lineage) {
	t.Helper()
	bind := bindAll(teacher)
	masked, err := pass.Analyse(teacher, bind)
	if err != nil {
		t.Fatal(err)
	}
	mask(masked, lineage)
	sliced, err := pass.Analyse(student, bind)
	if err != nil {
		t.Fatal(err)
	}
	in := map[string]*graph.Tensor{}
	random := rand.New(rand.NewPCG(1, 2))
	for _, v := range masked.Inputs {
		data := make([]float64, v.Shape.Elements())
		for i := range data {
			data[i] = random.NormFloat64()
		}
		in[v.Name] = graph.FromValues(v.DType, v.Shape.Sizes(), data)
	}
	want, err := pass.Eval(masked, in)
	if err != nil {
		t.Fatal(err)
	}
	got, err := pass.Eval(sliced, in)
	if err != nil {
		t.Fatal(err)
	}
	for name, w := range want {
		g := got[name]
		if g == nil || !slices.Equal(g.Dims, w.Dims) {
			t.Fatalf("output %q is %v, want %v", name, g, w)
		}
		diff, scale := 0.0, 0.0
		a, b := g.Values(), w.Values()
		for i := range b {
			diff, scale = max(diff, math.Abs(a[i]-b[i])), max(scale, math.Abs(b[i]))
		}
		// The same float32 terms in sums of another length: 10⁻⁵ of the largest element is some 80 roundings.
		if !(diff <= 1e-5*scale) {
			t.Errorf("output %q differs by %g of %g", name, diff, scale)
		}
	}
}

// mask zeroes, in place, the weights of linear ops at the positions that the student has not kept.
func mask(g *graph.Graph, lineage map[string]models.Lineage) {
	for _, n := range g.Nodes {
		s := op.Of(n)
		if s == nil || s.MACs == nil {
			continue
		}
		for _, w := range n.Inputs {
			if w == nil || w.Const == nil {
				continue
			}
			data := w.Const.Values()
			for axis, kept := range lineage[w.Name].Kept {
				inner, size := graph.Product(w.Const.Dims[axis+1:]), w.Const.Dims[axis]
				for i := range data {
					if _, found := slices.BinarySearch(kept, i/inner%size); kept != nil && !found {
						data[i] = 0
					}
				}
			}
			w.Const = graph.FromValues(w.DType, w.Const.Dims, data)
		}
	}
}

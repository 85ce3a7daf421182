package pass_test

import (
	"path/filepath"
	"testing"

	"github.com/ildc/ildc/graph"
	"github.com/ildc/ildc/graph/pass"
	"github.com/ildc/ildc/importer"
)

// sharedModels are models of others that are small and of many kinds.
var sharedModels = []string{"cntk_mnist", "fml_branched_ch_last", "go_mnist_float16", "lumen_mnist",
	"ort_bert_toy_optimized",
	"vnn22_sri_resnet_a", "vnn23_vit_pgd_2_3_16", "yunet_s_320"}

// Whatever pass runs on them, fixtures and models of others are left with graphs whose invariants hold.
func TestInvariants(t *testing.T) {
	patterns := []string{"../../testdata/*/*.onnx", "../../testdata/onnx/*/*.onnx"}
	for _, name := range sharedModels {
		patterns = append(patterns, "../../../shared/models/"+name+"/*.onnx")
	}
	for i, pattern := range patterns {
		files, err := filepath.Glob(pattern)
		if err != nil || i < 2 && len(files) == 0 {
			t.Fatal(pattern, err)
		}
		for _, file := range files {
			t.Run(filepath.Base(filepath.Dir(file))+"/"+filepath.Base(file), func(t *testing.T) {
				g, err := importer.File(file)
				if err != nil {
					t.Fatal(err)
				}
				check := func(after string, g *graph.Graph) {
					if err := g.Check(); err != nil {
						t.Errorf("after %s: %v", after, err)
					}
				}
				wide := pass.Widen(g)
				check("Widen", wide)
				part, _ := pass.Detach(wide)
				check("Detach", part)
				if err := pass.CheckPasses(part, bindAll(part)); err != nil {
					t.Error(err)
				}
				folded, _ := part.Clone()
				pass.FoldBatchNorm(folded)
				check("FoldBatchNorm", folded)
				narrow := pass.Narrow(folded, g)
				check("Narrow", narrow)
				check("Attach", pass.Attach(narrow, g))
			})
		}
	}
}

// bindAll binds every symbolic extent of a graph's inputs.
func bindAll(g *graph.Graph) pass.Binding {
	bind := pass.Binding{Batch: 2, Symbols: map[string]int{}}
	for _, v := range g.Inputs {
		for axis, d := range v.Shape {
			if !d.Known() && axis > 0 {
				bind.Symbols[pass.SymbolOf(v, axis)] = 32
			}
		}
	}
	return bind
}

package models_test

import (
	"slices"
	"testing"

	"github.com/ildc/ildc/graph"
	"github.com/ildc/ildc/models"
)

// TestImportanceByScale: what batch norm scales down goes first, whatever the weights.
func TestImportanceByScale(t *testing.T) {
	g := teacher()
	scale := g.ByName()["scale_1"] // of Conv_1
	weak := []int{1, 4, 9, 16, 25, 30}
	data := scale.Const.Values()
	for _, c := range weak {
		data[c] = 0.01
	}
	scale.Const = graph.FromValues(graph.Float32, scale.Const.Dims, data)
	s := generate(t, g, "macs=0.6x", models.Options{Importance: models.BatchNorm})
	kept := s.Lineage["Conv_1"].Channels()
	gone := 0
	for _, c := range weak {
		if !slices.Contains(kept, c) {
			gone++
		}
	}
	if removed := 32 - len(kept); removed == 0 || gone < min(removed, len(weak)) {
		t.Errorf("%v are kept, and %v are scaled down", kept, weak)
	}
}

// TestImportanceByTaylor: a channel that the loss has no gradient in goes first, however large its activations; and one
// whose gradients and activations are large in turn, so that their products are zero.
func TestImportanceByTaylor(t *testing.T) {
	g := teacher()
	const samples = 3
	values := g.ByName()
	of := func(fill func(name string, n, channel, p int) float64) func([]string) (map[string]*graph.Tensor, error) {
		return func(names []string) (map[string]*graph.Tensor, error) {
			all := map[string]*graph.Tensor{}
			for _, name := range names {
				v := values[name]
				dims := []int{samples}
				for _, d := range v.Shape[1:] {
					dims = append(dims, d.Size)
				}
				t := graph.NewTensor(graph.Float32, dims...)
				inner := graph.Product(dims[2:])
				for i := range t.Float32s() {
					t.Float32s()[i] = float32(fill(name, i/inner/dims[1], i/inner%dims[1], i%inner))
				}
				all[name] = t
			}
			return all, nil
		}
	}
	reader := values["Relu_1"].Name // what the second convolution of the block reads
	o := models.Options{Importance: models.Taylor,
		Activations: of(func(name string, n, c, p int) float64 {
			if name == reader && c < 8 {
				return 100 * float64(1+p%2) // large, but without gradients
			}
			return 1 + float64((n+c+p)%3)
		}),
		Gradients: of(func(name string, n, c, p int) float64 {
			if name == reader && c < 8 {
				return 0
			}
			return 1 + float64((n+2*c+p)%5)
		})}
	s := generate(t, g, "macs=0.6x", o)
	kept := s.Lineage[reader].Channels()
	if removed := 32 - len(kept); removed == 0 || removed <= 8 && kept[0] < removed || removed > 8 && kept[0] < 8 {
		t.Errorf("%v are kept, and the first 8 have no gradient", kept)
	}
	byActivation := generate(t, g, "macs=0.6x", models.Options{Activations: o.Activations})
	if k := byActivation.Lineage[reader].Channels(); k[0] != 0 {
		t.Errorf("by activation %v are kept, and the first 8 are the largest", k)
	}
}

func TestImportanceNeedsData(t *testing.T) {
	for _, kind := range []models.Importance{models.Taylor, models.Activation} {
		if _, err := models.Generate(teacher(), budget(t, "macs=0.5x"),
			models.Options{Binding: batchOfOne, Importance: kind}); err == nil {
			t.Errorf("%s without data is taken", kind)
		}
	}
}

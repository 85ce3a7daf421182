package models_test

import (
	"strings"
	"testing"

	"github.com/ildc/ildc/graph"
	"github.com/ildc/ildc/models"
)

// Three blocks lose as much of what they give when they are narrowed, and the outputs lose hardly anything with the
// second: it is the one that is narrowed.
func TestShareBySensitivity(t *testing.T) {
	g := deep(1, 1, 1)
	reach := map[string]float64{"stem": 4, "block0.a": 1, "block1.a": 0.01, "block2.a": 1}
	measured := 0
	o := models.Options{Activations: onData(t, g), Divergence: func(student *graph.Graph) (float64, error) {
		measured++
		distance := 3.0 // that of the teacher from itself, with batch norm by the batch
		for _, n := range student.Nodes {
			if r := reach[n.Name]; r > 0 {
				distance += r * float64(16-n.Inputs[1].Shape[0].Size)
			}
		}
		return distance, nil
	}}
	widths := func(share models.Share) map[string]int {
		o.Share = share
		w := map[string]int{}
		for _, group := range generate(t, g, "macs=0.6x", o).Groups {
			w[group.Name] = group.After
		}
		return w
	}
	by, without := widths(models.BySensitivity), widths(models.ByReconstruction)
	if want := 3*len(by) + 1; measured != want {
		t.Errorf("%d students were measured: want three for each group, and the whole: %d", measured, want)
	}
	if by["block1.a"]*4 > by["block0.a"] || by["block1.a"]*4 > by["block2.a"] {
		t.Errorf("by sensitivity %v: want block1.a far narrower than the others", by)
	}
	if without["block1.a"]*2 < without["block0.a"] {
		t.Errorf("by reconstruction %v: want blocks of about one width", without)
	}
	o.Share, o.Divergence = models.BySensitivity, nil
	o.Binding = batchOfOne
	_, err := models.Generate(g, budget(t, "macs=0.6x"), o)
	if err == nil || !strings.Contains(err.Error(), "needs data") {
		t.Errorf("without a divergence: %v", err)
	}
}

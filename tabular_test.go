package ildc_test

import (
	"context"
	"encoding/csv"
	"os"
	"strconv"
	"testing"

	"github.com/ildc/ildc"
	"github.com/ildc/ildc/distill"
	"github.com/ildc/ildc/distill/dataset"
	"github.com/ildc/ildc/graph"
	"github.com/ildc/ildc/internal/shared"
)

// collisions is the table that testdata/tabular/make_teachers.py trains on, its columns first to last a model's input.
func collisions(t *testing.T, path, input string, first, last int, labelled bool) dataset.Dataset {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r := csv.NewReader(f)
	r.Comma = '\t'
	rows, err := r.ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	var labels []int
	var cells []float64
	for _, row := range rows {
		for _, cell := range row[first:last] {
			v, err := strconv.ParseFloat(cell, 64)
			if err != nil {
				t.Fatal(err)
			}
			cells = append(cells, v)
		}
		if labelled {
			label, err := strconv.Atoi(row[0])
			if err != nil {
				t.Fatal(err)
			}
			labels = append(labels, label)
		}
	}
	values := graph.FromValues(graph.Float32, []int{len(rows), last - first}, cells)
	d, err := dataset.FromTensors(labels, dataset.Array{Name: input, Tensor: values})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// TestTabular compresses perceptrons that tell classes, and that compute values as two outputs, to a quarter of their
// parameters.
func TestTabular(t *testing.T) {
	shared.Long(t)
	for _, c := range []struct {
		model, input string
		last         int
		labelled     bool
		outputs      int
		near         float64 // relative L2 to the teacher; students reach about two thirds of it
	}{{"classify", "collision", 29, true, 1, 0.3}, {"regress", "measured", 22, false, 2, 0.12}} {
		t.Run(c.model, func(t *testing.T) {
			data := func(part string) dataset.Dataset {
				return collisions(t, shared.File(t, "data/tabular/binary."+part), c.input, 1, c.last, c.labelled)
			}
			r, err := ildc.Compress(context.Background(), ildc.Options{
				Teacher: ildc.File("testdata/tabular/" + c.model + ".onnx"), Budget: "params=0.25x",
				Data: ildc.Data{Train: data("train"), Test: data("test")}, Train: distill.Options{Epochs: 3}})
			if err != nil {
				t.Fatal(err)
			}
			m := r.Student.Metrics
			if *m.RelativeL2 > c.near || *r.Best.RelativeL2 >= *r.Before.RelativeL2 || r.Measured != "test" || !r.Met {
				t.Errorf("relative L2 %.3f on %s; on validation %.3f before and %.3f after; budget %+v",
					*m.RelativeL2, r.Measured, *r.Before.RelativeL2, *r.Best.RelativeL2, r.Budget)
			}
			if c.labelled {
				// Both are right on about 71 % of 500; agreement deviates by 1 %.
				if r.Task != "classify" || *m.Agreement < 0.9 || *m.Accuracy < *r.Teacher.Metrics.Accuracy-0.05 {
					t.Errorf("task %s, agreement %.3f, accuracy %.3f", r.Task, *m.Agreement, *m.Accuracy)
				}
			} else if r.Task != "regress" || len(m.Outputs) != c.outputs ||
				*m.Outputs["jets"].RelativeL2 > 0.15 || *m.Outputs["decays"].RelativeL2 > 0.15 {
				t.Errorf("task %s, outputs %+v", r.Task, m.Outputs)
			}
		})
	}
}

package ildc_test

import (
	"context"
	"testing"

	"github.com/ildc/ildc"
	"github.com/ildc/ildc/distill"
	"github.com/ildc/ildc/exporter"
	"github.com/ildc/ildc/graph"
	"github.com/ildc/ildc/importer"
	"github.com/ildc/ildc/internal/shared"
)

// A teacher of float16 is trained in float32, and its student is of float16 again: inputs, outputs and weights.
func TestHalves(t *testing.T) {
	shared.Long(t)
	g, err := importer.File(smallFolded)
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range g.Values() {
		if v.DType == graph.Float32 {
			v.DType = graph.Float16
		}
		if v.Const != nil && v.Const.DType == graph.Float32 {
			v.Const = graph.FromValues(graph.Float16, v.Const.Dims, v.Const.Values())
		}
	}
	teacher, err := exporter.Marshal(g, exporter.Options{})
	if err != nil {
		t.Fatal(err)
	}
	r, err := ildc.Compress(context.Background(), ildc.Options{
		Teacher: ildc.Bytes(teacher), Data: digitsData(), Train: distill.Options{Steps: 4}})
	if err != nil {
		t.Fatal(err)
	}
	student, err := importer.Import(r.Model, importer.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range student.Values() {
		if v.DType == graph.Float32 {
			t.Errorf("%s is float32", v.Name)
		}
	}
	// 11 bits of weights and activations are left, through some ten layers.
	if v := r.Verified; v == nil || v.MaxRelativeError == 0 || v.MaxRelativeError > 2e-2 {
		t.Errorf("verified: %+v", v)
	}
	if before, after := r.Teacher.Bytes, r.Student.Bytes; after > before*3/4 {
		t.Errorf("%d bytes of %d", after, before)
	}
	if r.Teacher.Metrics == nil || r.Teacher.Metrics.Accuracy == nil || *r.Teacher.Metrics.Accuracy < 0.9 {
		t.Errorf("the teacher in float32: %+v", r.Teacher.Metrics)
	}
}

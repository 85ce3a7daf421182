package ildc_test

import (
	"context"
	"errors"
	"os"
	"slices"
	"testing"

	"github.com/ildc/ildc"
	"github.com/ildc/ildc/distill"
	"github.com/ildc/ildc/exporter"
	"github.com/ildc/ildc/graph"
	"github.com/ildc/ildc/importer"
)

// withTail is a model with a node behind its output whose op nobody knows, and which reads an input of its own.
func withTail(t *testing.T, file string) []byte {
	t.Helper()
	g, err := importer.File(file)
	if err != nil {
		t.Fatal(err)
	}
	g.Opsets["own"] = 1
	limit := &graph.Value{Name: "limit", DType: graph.Float32, Shape: graph.Dims()}
	n := &graph.Node{Name: "decide", Op: "Decide", Domain: "own", Inputs: []*graph.Value{g.Outputs[0], limit}}
	n.Outputs = []*graph.Value{{Name: "decision", DType: graph.Int64, Shape: graph.Shape{graph.Unknown}, Producer: n}}
	g.Nodes, g.Inputs, g.Outputs = append(g.Nodes, n), append(g.Inputs, limit), n.Outputs
	model, err := exporter.Marshal(g, exporter.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return model
}

// What is behind an unknown op stays as it is, and what is in front of it is compressed.
func TestFrozenTail(t *testing.T) {
	teacher := withTail(t, "testdata/digits/teacher.onnx")
	r, err := ildc.Compress(context.Background(), ildc.Options{Teacher: ildc.Bytes(teacher), Data: digitsData(), Train: distill.Options{Steps: 20}})
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Frozen) != 1 || r.Frozen[0].Op != "own.Decide" {
		t.Errorf("frozen: %+v", r.Frozen)
	}
	if a := r.Student.Metrics.Accuracy; a == nil || *a < 0.9 || !r.Met {
		t.Errorf("the student: %+v, budget %+v", r.Student.Metrics, r.Budget)
	}
	checkSignature(t, teacher, r.Model)
}

// checkSignature: inputs, outputs and, of the nodes, the last one are the teacher's.
func checkSignature(t *testing.T, teacher, student []byte) {
	t.Helper()
	var names [2][]string
	for i, model := range [][]byte{teacher, student} {
		g, err := importer.Import(model, importer.Options{})
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range slices.Concat(g.Inputs, g.Outputs) {
			names[i] = append(names[i], v.Name+" "+v.DType.String()+v.Shape.String())
		}
		names[i] = append(names[i], g.Nodes[len(g.Nodes)-1].OpName())
	}
	if !slices.Equal(names[0], names[1]) {
		t.Errorf("the teacher has %q, the student %q", names[0], names[1])
	}
}

// Of an unknown op in front of everything there is nothing to train.
func TestFrozenWhole(t *testing.T) {
	g, err := importer.Import(withTail(t, "testdata/digits/teacher.onnx"), importer.Options{})
	if err != nil {
		t.Fatal(err)
	}
	tail := g.Nodes[len(g.Nodes)-1]
	tail.Inputs[0] = g.Inputs[0]
	g.Nodes, g.Initializers = []*graph.Node{tail}, nil
	model, err := exporter.Marshal(g, exporter.Options{})
	if err != nil {
		t.Fatal(err)
	}
	r, err := ildc.Plan(context.Background(), ildc.Options{Teacher: ildc.Bytes(model)})
	if !errors.Is(err, ildc.ErrDeclined) || len(r.Declined) != 1 || r.Declined[0].Node != "decide" {
		t.Errorf("error %v, declined %+v", err, r)
	}
}

// A speech detector of others has its recurrent layers in the branches of an If: its encoder is compressed, and the rest is what it was.
func TestFrozenBranches(t *testing.T) {
	const file = "../shared/models/silero_vad_op15_16k/silero_vad_16k_op15.onnx"
	teacher, err := os.ReadFile(file)
	if err != nil {
		t.Skip("../shared/models is not there: these are models of others that are not part of the repository")
	}
	r, err := ildc.Compress(context.Background(), ildc.Options{Teacher: ildc.File(file), Budget: "macs=0.5x",
		Data: ildc.Data{Symbols: map[string]int{"sequence": 512}, Synthetic: 48, Noise: true}, Train: distill.Options{Steps: 4, Batch: 8}})
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Frozen) != 3 || !r.Met || r.Student.Bytes >= r.Teacher.Bytes {
		t.Errorf("frozen %+v, budget %+v, %d of %d bytes", r.Frozen, r.Budget, r.Student.Bytes, r.Teacher.Bytes)
	}
	checkSignature(t, teacher, r.Model)
}

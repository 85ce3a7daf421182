package pipeline

import (
	"context"
	"math/rand/v2"
	"path/filepath"
	"sync"
	"testing"

	"github.com/ildc/ildc/distill"
	"github.com/ildc/ildc/distill/dataset"
	"github.com/ildc/ildc/distill/engine/embedded"
	"github.com/ildc/ildc/exporter"
	"github.com/ildc/ildc/graph"
	"github.com/ildc/ildc/importer"
	"github.com/ildc/ildc/internal/shared"
	"github.com/ildc/ildc/models"
)

// digits is a job that trains a step on the small teacher of the digits, with batches of 16.
func digits(t *testing.T, budget string) Job {
	t.Helper()
	b, err := models.ParseBudget(budget)
	if err != nil {
		t.Fatal(err)
	}
	return Job{
		Teacher: Source{Path: shared.Testdata(t, "digits/small.onnx")},
		Choice:  Choice{Asked: budget, Budget: b},
		Data:    Samples{Source: dataset.Source{Train: images(t, 120), Test: images(t, 40)}},
		Train:   distill.Options{Steps: 1, Batch: 16},
		Host:    Host{Engine: embedded.New()},
		Force:   true, // the labels are made up
	}
}

// images are n that are made up, [n,1,8,8], of ten classes.
func images(t *testing.T, n int) dataset.Dataset {
	t.Helper()
	random := rand.New(rand.NewPCG(1, 2))
	x := graph.NewTensor(graph.Float32, n, 1, 8, 8)
	for i := range x.Float32s() {
		x.Float32s()[i] = random.Float32()
	}
	labels := make([]int, n)
	for i := range labels {
		labels[i] = i % 10
	}
	ds, err := dataset.FromTensors(labels, dataset.Array{Name: "input", Tensor: x})
	if err != nil {
		t.Fatal(err)
	}
	return ds
}

// decide runs the stages before training.
func decide(t *testing.T, j Job) Decision {
	t.Helper()
	d, err := Decide(context.Background(), j, true)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// decided is a job on the small teacher for half its MACs, and what is decided on it: once, since no stage changes it.
func decided(t *testing.T) (Job, Decision) {
	t.Helper()
	half.Do(func() {
		half.job = digits(t, "macs=0.5x")
		half.decision, half.err = Decide(context.Background(), half.job, true)
	})
	if half.err != nil {
		t.Fatal(half.err)
	}
	return half.job, half.decision
}

var half struct {
	sync.Once
	job      Job
	decision Decision
	err      error
}

// untrained passes a student on as if it had been trained.
func untrained(d Decision) *Trained {
	return &Trained{Result: &distill.Result{Student: d.Student.Graph, Task: distill.Classify}, Engine: "none"}
}

// exported is the student of a decision as a file, untrained.
func exported(t *testing.T, j Job, d Decision) *File {
	t.Helper()
	f, err := Export(j, d, untrained(d))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// withTail is the small teacher with a node behind its output whose op nobody knows.
func withTail(t *testing.T) Source {
	t.Helper()
	g, err := importer.File(shared.Testdata(t, "digits/small.onnx"))
	if err != nil {
		t.Fatal(err)
	}
	g.Opsets["own"] = 1
	n := &graph.Node{Name: "decide", Op: "Decide", Domain: "own", Inputs: []*graph.Value{g.Outputs[0]}}
	n.Outputs = []*graph.Value{{Name: "decision", DType: graph.Int64, Shape: graph.Shape{graph.Unknown}, Producer: n}}
	g.Nodes, g.Outputs = append(g.Nodes, n), n.Outputs
	data, err := exporter.Marshal(g, exporter.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return Source{Bytes: data}
}

// shapeOnly is a model whose output no weight decides.
func shapeOnly(t *testing.T) []byte {
	t.Helper()
	g := graph.New("extents")
	g.Opsets[""] = 17
	x := &graph.Value{Name: "x", DType: graph.Float32, Shape: graph.Dims(1, 4)}
	n := &graph.Node{Name: "shape", Op: "Shape", Inputs: []*graph.Value{x}}
	n.Outputs = []*graph.Value{{Name: "extents", DType: graph.Int64, Shape: graph.Dims(2), Producer: n}}
	g.Inputs, g.Nodes, g.Outputs = []*graph.Value{x}, []*graph.Node{n}, n.Outputs
	data, err := exporter.Marshal(g, exporter.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// unsupportedFile is the model of [unsupportedModel] in a file.
func unsupportedFile(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "odd.onnx")
	if err := exporter.File(path, unsupportedModel(t).File, exporter.Options{}); err != nil {
		t.Fatal(err)
	}
	return path
}

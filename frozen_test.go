package ildc_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"slices"
	"testing"

	"github.com/ildc/ildc"
	"github.com/ildc/ildc/distill"
	"github.com/ildc/ildc/exporter"
	"github.com/ildc/ildc/graph"
	"github.com/ildc/ildc/importer"
	"github.com/ildc/ildc/internal/shared"
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
	teacher := withTail(t, small)
	r, err := ildc.Compress(context.Background(), ildc.Options{
		Teacher: ildc.Bytes(teacher), Data: digitsData(), Train: distill.Options{Steps: 20}})
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
	g, err := importer.Import(withTail(t, small), importer.Options{})
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

// A speech detector of others has its recurrent layers in the branches of an If: its encoder is compressed, and the
// rest is what it was.
func TestFrozenBranches(t *testing.T) {
	shared.Long(t)
	file := shared.File(t, "models/silero_vad_op15_16k/silero_vad_16k_op15.onnx")
	teacher, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	r, err := ildc.Compress(context.Background(), ildc.Options{Teacher: ildc.File(file), Budget: "macs=0.5x",
		Data:  ildc.Data{Symbols: map[string]int{"sequence": 512}, Synthetic: 48, Noise: true},
		Train: distill.Options{Steps: 4, Batch: 8}})
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Frozen) != 3 || !r.Met || r.Student.Bytes >= r.Teacher.Bytes {
		t.Errorf("frozen %+v, budget %+v, %d of %d bytes", r.Frozen, r.Budget, r.Student.Bytes, r.Teacher.Bytes)
	}
	checkSignature(t, teacher, r.Model)
}

// What stands in front of nodes that cannot be run means nothing by itself, and can be compared.
func TestEvaluateFrozen(t *testing.T) {
	model := ildc.Bytes(withTail(t, small))
	_, err := ildc.Evaluate(context.Background(), ildc.EvalOptions{Model: model, Data: digitsData()})
	if !errors.Is(err, ildc.ErrDeclined) {
		t.Errorf("error %v, want %v", err, ildc.ErrDeclined)
	}
	m, err := ildc.Evaluate(context.Background(), ildc.EvalOptions{Model: model, Teacher: model, Data: digitsData()})
	if err != nil || m.Metrics.Agreement == nil || *m.Metrics.Agreement != 1 {
		t.Errorf("%+v, error %v: want that a model agrees with itself", m, err)
	}
}

// Recurrent layers of more steps than are unrolled stay as they are.
func TestFrozenRecurrent(t *testing.T) {
	g := graph.New("recurrent")
	g.Opsets[""] = 17
	random := rand.New(rand.NewPCG(1, 2))
	weight := func(name string, dims ...int) *graph.Value {
		w := graph.NewTensor(graph.Float32, dims...)
		for i := range w.Float32s() {
			w.Float32s()[i] = float32(random.NormFloat64())
		}
		v := &graph.Value{Name: name, DType: graph.Float32, Shape: graph.Dims(dims...), Const: w}
		g.Initializers = append(g.Initializers, v)
		return v
	}
	node := func(name, op string, attrs graph.Attrs, in ...*graph.Value) *graph.Value {
		n := &graph.Node{Name: name, Op: op, Attrs: attrs, Inputs: in}
		n.Outputs = []*graph.Value{{Name: name + ":0", DType: graph.Float32, Producer: n}}
		g.Nodes = append(g.Nodes, n)
		return n.Outputs[0]
	}
	x := &graph.Value{Name: "x", DType: graph.Float32, Shape: graph.Dims(1, 400, 4)}
	h := node("channels", "Transpose", graph.Attrs{"perm": []int64{0, 2, 1}}, x)
	h = node("relu", "Relu", nil, node("up", "Conv", nil, h, weight("wide", 32, 4, 1)))
	h = node("down", "Conv", nil, h, weight("narrow", 8, 32, 1))
	h = node("steps", "Transpose", graph.Attrs{"perm": []int64{2, 0, 1}}, h)
	y := node("lstm", "LSTM", graph.Attrs{"hidden_size": int64(6)}, h, weight("w", 1, 24, 8), weight("r", 1, 24, 6))
	g.Inputs, g.Outputs = []*graph.Value{x}, []*graph.Value{y}
	model, err := exporter.Marshal(g, exporter.Options{})
	if err != nil {
		t.Fatal(err)
	}
	r, err := ildc.Compress(context.Background(), ildc.Options{Teacher: ildc.Bytes(model),
		Data: ildc.Data{Synthetic: 32, Noise: true}, Train: distill.Options{Steps: 2, Batch: 4}})
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Frozen) != 1 || r.Frozen[0].Node != "lstm" ||
		r.Frozen[0].Why != "400 steps; up to 128 are unrolled" || len(r.Groups) != 1 {
		t.Errorf("frozen %+v, groups %+v", r.Frozen, r.Groups)
	}
	checkSignature(t, model, r.Model)

	i, err := ildc.Inspect(ildc.Bytes(model), nil)
	if err != nil || len(i.Nodes) != len(g.Nodes) {
		t.Fatalf("%d nodes of %d, error %v", len(i.Nodes), len(g.Nodes), err)
	}
	for _, n := range i.Nodes {
		if n.Runs != (n.Op != "LSTM") {
			t.Errorf("inspected: %+v", n)
		}
	}
}

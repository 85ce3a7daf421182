package onnxgo_test

import (
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/owulveryck/onnx-go"

	"github.com/ildc/ildc/exporter"
	"github.com/ildc/ildc/graph"
	"github.com/ildc/ildc/importer"
	"github.com/ildc/ildc/importer/onnxgo"
	"github.com/ildc/ildc/internal/shared"
)

// small is a graph with what onnx-go's form has traps for: an op that reads a value twice, absent inputs and outputs, a
// Constant, which reads nothing, a scalar, a symbolic dim.
func small(t *testing.T) (*graph.Graph, []byte) {
	t.Helper()
	g := graph.New("small")
	g.Opsets[""] = 17
	b := graph.NewBuilder(g, func(*graph.Node) error { return nil })
	x := b.Input("x", graph.Float32, graph.Shape{graph.Sym("batch"), graph.D(2)})
	one := b.Op("Constant", graph.Attrs{"value": graph.Scalar(graph.Float32, 1)})
	square := b.Op("Mul", nil, x, x)
	clip := b.Op("Clip", nil, square, nil, b.Const("most", graph.Scalar(graph.Float32, 6)))
	drop := b.Ops("Dropout", 2, graph.Attrs{"seed": int64(3), "ratio": float32(math.NaN()), "mode": "m",
		"ints": []int64{1}, "strings": []string{"a"}}, clip, one)
	drop[0].Producer.Outputs[1] = nil
	y := b.Op("Add", nil, drop[0], b.Const("w", graph.FromFloat32([]int{2}, []float32{1, float32(math.NaN())})))
	b.Output(y)
	y.DType, y.Shape = graph.Float32, graph.Dims(1, 2)
	if err := b.Err(); err != nil {
		t.Fatal(err)
	}
	data, err := exporter.Marshal(g, exporter.Options{})
	if err != nil {
		t.Fatal(err)
	}
	g, err = importer.Import(data, importer.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return g, data
}

func TestBackend(t *testing.T) {
	want, data := small(t)
	b := onnxgo.NewBackend()
	m := onnx.NewModel(b)
	if err := m.UnmarshalBinary(data); err != nil {
		t.Fatal(err)
	}
	g, err := b.Graph(m.Input, m.Output)
	if err != nil {
		t.Fatal(err)
	}
	var got, wanted strings.Builder
	bare, _ := want.Clone() // without what onnx-go does not give
	bare.Name, bare.Opsets = "", map[string]int64{}
	for _, v := range bare.Values() {
		if v.Const == nil {
			v.Shape = nil
		}
		if v.Producer != nil {
			v.DType = graph.Undefined
		}
	}
	slices.SortFunc(bare.Initializers, func(a, b *graph.Value) int { return strings.Compare(a.Name, b.Name) })
	slices.SortFunc(g.Initializers, func(a, b *graph.Value) int { return strings.Compare(a.Name, b.Name) })
	if err := g.Dump(&got); err != nil {
		t.Fatal(err)
	}
	if err := bare.Dump(&wanted); err != nil {
		t.Fatal(err)
	}
	if got.String() != wanted.String() {
		t.Errorf("graph\n%swant\n%s", &got, &wanted)
	}

	// The same as gonum sees it: from outputs to inputs.
	x, ok := m.GetNodeByName("x")
	square, ok2 := m.GetNodeByName("Mul")
	if !ok || !ok2 {
		t.Fatal("no values x and Mul")
	}
	if !b.HasEdgeFromTo(square.ID(), x.ID()) || b.HasEdgeFromTo(x.ID(), square.ID()) ||
		!b.HasEdgeBetween(x.ID(), square.ID()) {
		t.Error("no edge from Mul to x, or one from x to Mul")
	}
	if n := b.From(square.ID()).Len(); n != 1 {
		t.Errorf("Mul leads to %d values, want 1", n)
	}
	if n := b.To(x.ID()).Len(); n != 1 {
		t.Errorf("%d values lead to x, want 1", n)
	}
	if b.Nodes().Len() == 0 || b.Node(x.ID()) != x || b.Node(-1) != nil || b.Edge(x.ID(), square.ID()) != nil {
		t.Error("the values are not found by their IDs")
	}
}

func TestCrossCheckFinds(t *testing.T) {
	tests := []struct {
		name string
		edit func(g *graph.Graph, v map[string]*graph.Value)
		want string // "" where they agree
	}{
		{"nothing", func(g *graph.Graph, v map[string]*graph.Value) {}, ""},
		{"weight", func(g *graph.Graph, v map[string]*graph.Value) {
			v["w"].Const = graph.FromFloat32([]int{2}, []float32{1, 2})
		}, `initializer "w"`},
		{"weight's shape", func(g *graph.Graph, v map[string]*graph.Value) { v["w"].Const = v["w"].Const.Reshaped(1, 2) },
			`initializer "w"`},
		{"missing weight", func(g *graph.Graph, v map[string]*graph.Value) { g.Initializers = g.Initializers[:1] },
			"want none"},
		{"op", func(g *graph.Graph, v map[string]*graph.Value) { v["Mul"].Producer.Op = "Div" }, `op Mul`},
		{"edge", func(g *graph.Graph, v map[string]*graph.Value) { v["Add"].Producer.Inputs[0] = v["Mul"] },
			`inputs ["Dropout" "w"], want ["Mul" "w"]`},
		{"present input", func(g *graph.Graph, v map[string]*graph.Value) { v["Clip"].Producer.Inputs[1] = v["most"] },
			`["Mul" "" "most"]`},
		{"attribute", func(g *graph.Graph, v map[string]*graph.Value) { v["Dropout"].Producer.Attrs["seed"] = int64(4) },
			`attribute "seed": 3, want 4`},
		{"more attributes", func(g *graph.Graph, v map[string]*graph.Value) { delete(v["Dropout"].Producer.Attrs, "seed") },
			`5 attributes, want 4`},
		{"constant", func(g *graph.Graph, v map[string]*graph.Value) {
			v["Constant"].Producer.Attrs["value"] = graph.Scalar(graph.Float32, 2)
		}, `attribute "value"`},
		{"output", func(g *graph.Graph, v map[string]*graph.Value) { g.Outputs[0] = v["Clip"] }, "outputs"},
		{"node", func(g *graph.Graph, v map[string]*graph.Value) { g.Nodes = g.Nodes[:2] }, "5 nodes, want 2"},
		{"unknown node", func(g *graph.Graph, v map[string]*graph.Value) { v["Add"].Name = "other" },
			`giving ["other"] is not there`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			g, data := small(t)
			test.edit(g, g.ByName())
			r, err := onnxgo.CrossCheck(data, g)
			if err != nil || r.Skipped != "" {
				t.Fatal(err, r.Skipped)
			}
			all := strings.Join(r.Differences, "\n")
			if r.Agrees() != (test.want == "") || !strings.Contains(all, test.want) {
				t.Errorf("differences %q, want %q", all, test.want)
			}
		})
	}
	g, data := small(t)
	if r, _ := onnxgo.CrossCheck(data, g); r.Nodes != 5 || r.Edges != 9 || r.Weights != 2 {
		t.Errorf("compared %d nodes, %d edges, %d weights, want 5, 9, 2", r.Nodes, r.Edges, r.Weights)
	}
}

func TestCrossCheckSkips(t *testing.T) {
	tests := []struct{ fixture, want string }{
		{"subgraph_if", "_branch"},
		{"external_data", "No data found"},
	}
	for _, test := range tests {
		file := filepath.Join("..", "..", "testdata", "onnx", test.fixture, "model.onnx")
		r := check(t, file)
		if !strings.Contains(r.Skipped, test.want) || len(r.Skipped) > 200 || r.Agrees() {
			t.Errorf("%s: skipped %q, want %q", test.fixture, r.Skipped, test.want)
		}
	}

	// onnx-go takes memory for each shape that is declared.
	g, data := small(t)
	g.Inputs[0].Shape = graph.Dims(1<<20, 1<<20)
	if r, err := onnxgo.CrossCheck(data, g); err != nil || !strings.Contains(r.Skipped, "declared shapes") {
		t.Errorf("%v, skipped %q", err, r.Skipped)
	}
	g.Origin = nil
	if _, err := onnxgo.CrossCheck(data, g); err == nil {
		t.Error("a graph that was not imported is compared")
	}
}

func check(t *testing.T, file string) onnxgo.Report {
	t.Helper()
	g, err := importer.File(file)
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	r, err := onnxgo.CrossCheck(data, g)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestCrossCheck has onnx-go read the module's fixtures, and models of others where they are there.
func TestCrossCheck(t *testing.T) {
	for _, set := range []struct {
		name  string
		files func(t *testing.T) []string
		least float64 // the part of the models that onnx-go reads at the least
	}{
		{"fixtures", func(t *testing.T) []string {
			files, err := filepath.Glob(shared.Testdata(t, "onnx/*/model.onnx"))
			if err != nil || len(files) == 0 {
				t.Fatalf("no fixtures: %v", err)
			}
			return files
		}, 0.8},
		{"shared", func(t *testing.T) []string { return shared.Models(t) }, 0.75},
	} {
		t.Run(set.name, func(t *testing.T) {
			files, read := set.files(t), 0
			for _, file := range files {
				if _, err := importer.File(file); err != nil {
					continue // the importer's tests tell which are not accepted
				}
				r := check(t, file)
				if r.Skipped != "" {
					t.Logf("%s: %s", shared.Name(file), r.Skipped)
					continue
				}
				read++
				for _, d := range r.Differences {
					t.Errorf("%s: %s", shared.Name(file), d)
				}
			}
			t.Logf("%d of %d read by onnx-go, and compared", read, len(files))
			if float64(read) < set.least*float64(len(files)) {
				t.Errorf("onnx-go read %d of %d", read, len(files))
			}
		})
	}
}

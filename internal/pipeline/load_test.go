package pipeline

import (
	"errors"
	"io/fs"
	"os"
	"testing"

	"github.com/ildc/ildc/graph"
	"github.com/ildc/ildc/graph/pass"
	"github.com/ildc/ildc/internal/setting"
	"github.com/ildc/ildc/internal/shared"
)

var one = pass.Binding{Batch: 1}

func TestLoad(t *testing.T) {
	path := shared.Testdata(t, "digits/small.onnx")
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	byPath, err := Load(Source{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	byBytes, err := Load(Source{Bytes: data})
	if err != nil {
		t.Fatal(err)
	}
	a, b := byPath.side, byBytes.side
	if a.SHA256 != b.SHA256 || a.Bytes != int64(len(data)) || b.Bytes != a.Bytes || a.Path != path || b.Path != "" {
		t.Errorf("the same model: %+v, %+v", a, b)
	}
	if byPath.Whole != byPath.File || byPath.Frozen != nil {
		t.Errorf("a model of float32 is widened, or frozen: %v", byPath.Frozen)
	}
	if _, err := Load(Source{Path: path + ".none"}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a file that is not there: %v", err)
	}
	if _, err := Load(Source{Bytes: []byte("no model")}); err == nil {
		t.Error("what is no model is loaded")
	}
}

// Analysing gives a model of its own: the one that is analysed stays as it was.
func TestAnalyse(t *testing.T) {
	m, err := Load(Source{Path: shared.Testdata(t, "digits/small.onnx")})
	if err != nil {
		t.Fatal(err)
	}
	known, err := m.Analyse(one)
	if err != nil {
		t.Fatal(err)
	}
	// As testdata/digits/README.md has it.
	if known.side.MACs != 125264 || known.side.Params != pass.CostOf(known.Analysed).Params {
		t.Errorf("cost %+v", known.side)
	}
	if m.side.MACs != 0 || m.Analysed != nil {
		t.Error("the model that was analysed has changed")
	}
}

// A node that turns out to be used in a way that is not known is left out, with what depends on it.
func TestAnalyseDetaches(t *testing.T) {
	m, err := Load(withTail(t))
	if err != nil {
		t.Fatal(err)
	}
	if len(m.Frozen) != 1 || m.Frozen[0].Op != "own.Decide" ||
		len(m.Graph.Outputs) != 1 || m.Graph.Outputs[0].Name != "logits" {
		t.Errorf("frozen %+v, outputs %v", m.Frozen, m.Graph.Outputs)
	}
	pad := unsupportedModel(t)
	was := len(pad.Graph.Nodes)
	known, err := pad.Analyse(one)
	if err != nil {
		t.Fatal(err)
	}
	if len(known.Frozen) != 1 || known.Frozen[0].Node != "odd" || known.Frozen[0].Why == "" {
		t.Errorf("frozen %+v", known.Frozen)
	}
	if len(pad.Graph.Nodes) != was || pad.Frozen != nil || len(known.Graph.Nodes) >= was {
		t.Error("the model that was analysed has changed, or the new one has not")
	}
	whole := known.complete(known.Graph)
	if len(whole.Nodes) != was {
		t.Errorf("completed, it has %d nodes of %d", len(whole.Nodes), was)
	}
}

// unsupportedModel has a second output by a node "odd", whose op is known, with an attribute that the op table does not
// support.
func unsupportedModel(t *testing.T) *Model {
	t.Helper()
	m, err := Load(Source{Path: shared.Testdata(t, "digits/small.onnx")})
	if err != nil {
		t.Fatal(err)
	}
	g := m.Graph
	n := &graph.Node{Name: "odd", Op: "BatchNormalization", Inputs: []*graph.Value{g.Inputs[0]},
		Attrs: graph.Attrs{"spatial": int64(0)}}
	for _, name := range []string{"scale", "bias", "mean", "variance"} {
		v := &graph.Value{Name: "odd." + name, DType: graph.Float32, Shape: graph.Dims(1),
			Const: graph.FromFloat32([]int{1}, []float32{1})}
		g.Initializers, n.Inputs = append(g.Initializers, v), append(n.Inputs, v)
	}
	n.Outputs = []*graph.Value{{Name: "odd.out", DType: graph.Float32, Shape: g.Inputs[0].Shape.Clone(), Producer: n}}
	g.Nodes, g.Outputs = append(g.Nodes, n), append(g.Outputs, n.Outputs[0])
	m.File, m.Whole = g, g
	return m
}

func TestDecline(t *testing.T) {
	analysed := func(change func(g *graph.Graph)) *Model {
		t.Helper()
		m, err := Load(Source{Path: shared.Testdata(t, "digits/small.onnx")})
		if err != nil {
			t.Fatal(err)
		}
		change(m.Graph)
		if m, err = m.Analyse(one); err != nil {
			t.Fatal(err)
		}
		return m
	}
	m := analysed(func(*graph.Graph) {})
	if err := m.decline(); err != nil {
		t.Errorf("a good model: %v", err)
	}
	m = analysed(func(g *graph.Graph) { g.Inputs[0].Shape[2] = graph.Sym("height") })
	err := m.decline()
	var why *declinedError
	if err != nil && (!errors.As(err, &why) || setting.Fields(err)[0] != "Symbols" || why.reasons[0].Node != "input") {
		t.Errorf("a symbolic extent: %v", err)
	}
	m = analysed(func(g *graph.Graph) { // an output that nothing trained decides
		n := &graph.Node{Name: "shape", Op: "Shape", Inputs: []*graph.Value{g.Inputs[0]}}
		n.Outputs = []*graph.Value{{Name: "extents", DType: graph.Int64, Shape: graph.Dims(4), Producer: n}}
		g.Nodes, g.Outputs = append(g.Nodes, n), n.Outputs
	})
	if err := m.decline(); !errors.Is(err, ErrDeclined) || !errors.As(err, &why) || why.reasons[0].Op != "output" {
		t.Errorf("an output that depends on no weight: %v", err)
	}
}

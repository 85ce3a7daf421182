package importer_test

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/ildc/ildc/graph"
	"github.com/ildc/ildc/importer"
	"github.com/ildc/ildc/internal/onnxpb"
	"github.com/ildc/ildc/internal/shared"
)

// fixtures lists the models of the module's testdata.
func fixtures(t testing.TB) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("..", "testdata", "onnx", "*", "model.onnx"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no fixtures, %v", err)
	}
	return files
}

func fixture(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("..", "testdata", "onnx", name, "model.onnx"))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func encode(t testing.TB, m *onnxpb.ModelProto) []byte {
	t.Helper()
	data, err := onnxpb.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// info declares a float value.
func info(name string, dims ...int64) *onnxpb.ValueInfoProto {
	shape := &onnxpb.TensorShapeProto{}
	for _, d := range dims {
		shape.Dim = append(shape.Dim, &onnxpb.TensorShapeProto_Dimension{
			Value: &onnxpb.TensorShapeProto_Dimension_DimValue{DimValue: d}})
	}
	return &onnxpb.ValueInfoProto{Name: &name, Type: &onnxpb.TypeProto{
		TensorType: &onnxpb.TypeProto_Tensor{ElemType: new(int32(graph.Float32)), Shape: shape}}}
}

func node(op, name string, in, out []string) *onnxpb.NodeProto {
	return &onnxpb.NodeProto{OpType: &op, Name: &name, Input: in, Output: out}
}

// model computes y = Relu(x + w), x: [2].
func model() *onnxpb.ModelProto {
	return &onnxpb.ModelProto{
		IrVersion:   new(int64(8)),
		OpsetImport: []*onnxpb.OperatorSetIdProto{{Version: new(int64(17))}},
		Graph: &onnxpb.GraphProto{
			Name:  new("g"),
			Input: []*onnxpb.ValueInfoProto{info("x", 2)},
			Initializer: []*onnxpb.TensorProto{{Name: new("w"), DataType: new(int32(graph.Float32)), Dims: []int64{2},
				FloatData: []float32{1, 2}}},
			Node: []*onnxpb.NodeProto{node("Add", "add", []string{"x", "w"}, []string{"s"}),
				node("Relu", "relu", []string{"s"}, []string{"y"})},
			Output: []*onnxpb.ValueInfoProto{info("y", 2)},
		},
	}
}

func TestFixtures(t *testing.T) {
	for _, file := range fixtures(t) {
		g, err := importer.File(file)
		if err != nil {
			t.Error(err)
			continue
		}
		if len(g.Nodes) == 0 || len(g.Inputs) == 0 || len(g.Outputs) == 0 {
			t.Errorf("%s: %d nodes, %d inputs, %d outputs", file, len(g.Nodes), len(g.Inputs), len(g.Outputs))
		}
	}
}

// TestFeatures looks at what the fixtures were made for.
func TestFeatures(t *testing.T) {
	t.Run("initializers listed as inputs", func(t *testing.T) {
		g := mustImport(t, fixture(t, "opset6_mlp"), importer.Options{})
		if len(g.Inputs) != 1 || g.Inputs[0].Name != "input" || len(g.Initializers) < 4 || g.Opsets[""] != 6 {
			t.Errorf("%d inputs, %d initializers, opsets %v, want the input alone, the weights, opset 6", len(g.Inputs),
				len(g.Initializers), g.Opsets)
		}
		if got, want := g.Inputs[0].Shape, (graph.Shape{graph.Sym("batch"), graph.D(16)}); !got.Equal(want) {
			t.Errorf("input %v, want %v", got, want)
		}
	})
	t.Run("constants", func(t *testing.T) {
		g := mustImport(t, fixture(t, "constant_weights"), importer.Options{})
		if i := slices.IndexFunc(g.Nodes, func(n *graph.Node) bool {
			return n.Op == "Constant" && n.Tensor("value").Len() > 1
		}); i < 0 || len(g.Initializers) != 0 {
			t.Errorf("%d initializers and no Constant with a tensor", len(g.Initializers))
		}
	})
	t.Run("subgraphs", func(t *testing.T) {
		g := mustImport(t, fixture(t, "subgraph_if"), importer.Options{})
		i := slices.IndexFunc(g.Nodes, func(n *graph.Node) bool { return n.Op == "If" })
		if i < 0 || len(g.Nodes[i].Captures) == 0 {
			t.Fatal("no If that captures a value")
		}
		if _, ok := g.Nodes[i].Attrs["then_branch"].(graph.Opaque); !ok {
			t.Errorf("a branch is a %T, want graph.Opaque", g.Nodes[i].Attrs["then_branch"])
		}
	})
	t.Run("external data", func(t *testing.T) {
		g, err := importer.File(filepath.Join("..", "testdata", "onnx", "external_data", "model.onnx"))
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range g.Initializers {
			if v.Const.Data == nil {
				t.Errorf("%q has no elements", v.Name)
			}
		}
	})
}

func mustImport(t testing.TB, data []byte, o importer.Options) *graph.Graph {
	t.Helper()
	g, err := importer.Import(data, o)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// TestSharedModels imports models that others made.
func TestSharedModels(t *testing.T) {
	files := shared.Models(t)
	accepted := 0
	for _, file := range files {
		_, err := importer.File(file)
		switch {
		case err == nil:
			accepted++
		case errors.Is(err, importer.ErrDeclined) || errors.Is(err, importer.ErrMalformed):
			t.Logf("not accepted: %v", err)
		default:
			t.Errorf("an error that is neither declined nor malformed: %v", err)
		}
	}
	t.Logf("%d of %d accepted", accepted, len(files))
	if want := len(files) * 70 / 81; accepted < want {
		t.Errorf("%d of %d accepted, want %d", accepted, len(files), want)
	}
}

func TestRefuses(t *testing.T) {
	float := new(int32(graph.Float32))
	tests := []struct {
		name string
		edit func(m *onnxpb.ModelProto)
		kind error
		want []string
	}{
		{"no graph", func(m *onnxpb.ModelProto) { m.Graph = nil }, importer.ErrMalformed, []string{"not an ONNX model"}},
		{"no opset", func(m *onnxpb.ModelProto) { m.OpsetImport = nil }, importer.ErrMalformed,
			[]string{`node "add" (Add)`, "opset"}},
		{"two opsets", func(m *onnxpb.ModelProto) {
			m.OpsetImport = append(m.OpsetImport, &onnxpb.OperatorSetIdProto{Domain: new("ai.onnx"), Version: new(int64(9))})
		}, importer.ErrMalformed, []string{"17 and 9"}},
		{"undefined input", func(m *onnxpb.ModelProto) { m.Graph.Node[0].Input[1] = "nowhere" }, importer.ErrMalformed,
			[]string{`node "add" (Add) reads "nowhere"`}},
		{"undefined output", func(m *onnxpb.ModelProto) { m.Graph.Output[0].Name = new("nowhere") }, importer.ErrMalformed,
			[]string{`output "nowhere"`}},
		{"name given twice", func(m *onnxpb.ModelProto) { m.Graph.Node[1].Output[0] = "s" }, importer.ErrMalformed,
			[]string{`node "relu" (Relu): output "s": the name is given twice`}},
		{"initializer twice", func(m *onnxpb.ModelProto) {
			m.Graph.Initializer = append(m.Graph.Initializer, m.Graph.Initializer[0])
		}, importer.ErrMalformed, []string{`initializer "w": the name is given twice`}},
		{"input without a name", func(m *onnxpb.ModelProto) { m.Graph.Input[0].Name = nil }, importer.ErrMalformed,
			[]string{"input has no name"}},
		{"no op", func(m *onnxpb.ModelProto) { m.Graph.Node[1].OpType = nil }, importer.ErrMalformed,
			[]string{`node "relu" () has no op`}},
		{"attribute twice", func(m *onnxpb.ModelProto) {
			a := &onnxpb.AttributeProto{Name: new("axis"), I: new(int64(1))}
			m.Graph.Node[1].Attribute = []*onnxpb.AttributeProto{a, a}
		}, importer.ErrMalformed, []string{`node "relu" (Relu): attribute "axis"`}},
		{"wrong length", func(m *onnxpb.ModelProto) { m.Graph.Initializer[0].Dims = []int64{3} }, importer.ErrMalformed,
			[]string{`initializer "w": 2 elements for dims [3], want 3`}},
		{"negative dim", func(m *onnxpb.ModelProto) { m.Graph.Initializer[0].Dims = []int64{-2} }, importer.ErrMalformed,
			[]string{`initializer "w"`, "negative"}},
		{"no data type", func(m *onnxpb.ModelProto) { m.Graph.Initializer[0].DataType = nil }, importer.ErrMalformed,
			[]string{`initializer "w"`, "no data type"}},
		{"attribute's tensor", func(m *onnxpb.ModelProto) {
			m.Graph.Node[1].Attribute = []*onnxpb.AttributeProto{{Name: new("value"),
				T: &onnxpb.TensorProto{DataType: float, Dims: []int64{1}}}}
		}, importer.ErrMalformed, []string{`node "relu" (Relu): attribute "value": 0 bytes of raw data`}},
		{"shape beyond counting", func(m *onnxpb.ModelProto) { m.Graph.Input[0] = info("x", 1<<40, 1<<40) },
			importer.ErrMalformed, []string{`value "x"`, "more elements"}},
		{"subgraph reads nothing", func(m *onnxpb.ModelProto) {
			body := &onnxpb.GraphProto{Node: []*onnxpb.NodeProto{node("Abs", "abs", []string{"nowhere"}, []string{"z"})}}
			m.Graph.Node[1].Attribute = []*onnxpb.AttributeProto{{Name: new("body"), G: body}}
		}, importer.ErrMalformed, []string{`node "relu" (Relu) has a subgraph that reads "nowhere"`}},
		{"cycle", func(m *onnxpb.ModelProto) { m.Graph.Node[0].Input[1] = "y" }, importer.ErrMalformed,
			[]string{`"add" (Add), "relu" (Relu)`, "cycle"}},
		{"cycle of one without a name", func(m *onnxpb.ModelProto) {
			m.Graph.Node[1].Input[0], m.Graph.Node[1].Name = "y", nil
		}, importer.ErrMalformed, []string{`the nodes "y" (Relu) form a cycle`}},
		{"external data in a subgraph", func(m *onnxpb.ModelProto) {
			w := &onnxpb.TensorProto{Name: new("k"), DataLocation: new(onnxpb.TensorProto_EXTERNAL)}
			m.Graph.Node[1].Attribute = []*onnxpb.AttributeProto{{Name: new("body"),
				G: &onnxpb.GraphProto{Initializer: []*onnxpb.TensorProto{w}}}}
		}, importer.ErrDeclined, []string{`attribute "body": tensor "k"`}},
		{"all at once", func(m *onnxpb.ModelProto) {
			m.Graph.Node[0].Input[1] = "nowhere"
			m.Graph.Initializer[0].Dims = []int64{3}
			m.Graph.Output[0].Name = new("neither")
		}, importer.ErrMalformed, []string{`"nowhere"`, `initializer "w"`, `output "neither"`}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			m := model()
			test.edit(m)
			_, err := importer.Import(encode(t, m), importer.Options{})
			if !errors.Is(err, test.kind) {
				t.Fatalf("error %v, want one that is %v", err, test.kind)
			}
			for _, want := range test.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("error %q does not say %q", err, want)
				}
			}
			if strings.Count(err.Error(), "importer: ") != 1 {
				t.Errorf("error %q does not name the package once", err)
			}
		})
	}
}

func TestManyProblems(t *testing.T) {
	m := model()
	for range 1000 {
		m.Graph.Node = append(m.Graph.Node, node("Relu", "", []string{"nowhere"}, []string{""}))
	}
	_, err := importer.Import(encode(t, m), importer.Options{})
	if err == nil || !strings.Contains(err.Error(), "and 950 problems more") ||
		!strings.Contains(err.Error(), "node 2 (Relu)") {
		t.Errorf("error %v, want the first and how many there are", err)
	}
}

func TestTruncated(t *testing.T) {
	for _, name := range []string{"residual_bn", "subgraph_if", "opset6_mlp"} {
		data := fixture(t, name)
		for n := 0; n < len(data); n += 1 + len(data)/400 {
			_, err := importer.Import(data[:n], importer.Options{})
			if !errors.Is(err, importer.ErrMalformed) {
				t.Errorf("%s: %d of %d bytes: error %v, want one that is %v", name, n, len(data), err, importer.ErrMalformed)
			}
		}
	}
}

func TestRandomBytes(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	whole := fixture(t, "residual_bn")
	for i := range 500 {
		data := slices.Clone(whole)
		if i%2 == 0 { // noise alone
			data = make([]byte, r.IntN(2000))
			for k := range data {
				data[k] = byte(r.Uint32())
			}
		} else { // a few bytes of a model changed
			for range 1 + r.IntN(8) {
				data[r.IntN(len(data))] = byte(r.Uint32())
			}
		}
		_, err := importer.Import(data, importer.Options{})
		if i%2 == 0 && !errors.Is(err, importer.ErrMalformed) ||
			err != nil && !errors.Is(err, importer.ErrMalformed) && !errors.Is(err, importer.ErrDeclined) {
			t.Errorf("input %d: error %v", i, err)
		}
	}
}

func TestOrder(t *testing.T) {
	m := model()
	m.Graph.Node = []*onnxpb.NodeProto{
		node("Neg", "first", []string{"x"}, []string{"a"}),
		node("Relu", "relu", []string{"s"}, []string{"y"}),
		node("Add", "add", []string{"x", "w"}, []string{"s"}),
		node("Abs", "last", []string{"x"}, []string{"b"}),
	}
	g := mustImport(t, encode(t, m), importer.Options{})
	var got []string
	for _, n := range g.Nodes {
		got = append(got, n.Name)
	}
	if want := []string{"first", "add", "relu", "last"}; !slices.Equal(got, want) {
		t.Errorf("order %q, want %q", got, want)
	}
}

func TestValues(t *testing.T) {
	m := model()
	x := info("x", 2, -1, 7, 7, 7)
	dims := x.Type.TensorType.Shape.Dim
	dims[2].Value = &onnxpb.TensorShapeProto_Dimension_DimParam{DimParam: "batch"}
	dims[3].Value = &onnxpb.TensorShapeProto_Dimension_DimParam{}
	dims[4].Value = nil
	unranked := info("unranked")
	unranked.Type.TensorType.Shape = nil
	m.Graph.Input = []*onnxpb.ValueInfoProto{x, unranked, {Name: new("sequence"), Type: &onnxpb.TypeProto{}},
		{Name: new("untyped")}, info("scalar")}
	m.Graph.ValueInfo = []*onnxpb.ValueInfoProto{info("s", 5)}
	m.Graph.SparseInitializer = []*onnxpb.SparseTensorProto{{Values: &onnxpb.TensorProto{Name: new("sparse")},
		Dims: []int64{1 << 28, 1 << 28}}}
	m.Graph.Initializer = append(m.Graph.Initializer, &onnxpb.TensorProto{Name: new("int4"), DataType: new(int32(22)),
		Dims: []int64{4}, RawData: []byte{1, 2}})
	g := mustImport(t, encode(t, m), importer.Options{})
	values := g.ByName()
	tests := []struct {
		name  string
		dtype graph.DType
		shape graph.Shape
	}{
		{"x", graph.Float32, graph.Shape{graph.D(2), graph.Unknown, graph.Sym("batch"), graph.Unknown, graph.Unknown}},
		{"unranked", graph.Float32, nil},
		{"sequence", graph.Undefined, nil},
		{"untyped", graph.Undefined, nil},
		{"scalar", graph.Float32, graph.Shape{}},
		{"s", graph.Float32, graph.Dims(5)},
		{"y", graph.Float32, graph.Dims(2)},
		{"w", graph.Float32, graph.Dims(2)},
		{"sparse", graph.Undefined, graph.Dims(1<<28, 1<<28)},
		{"int4", graph.DType(22), graph.Dims(4)},
	}
	for _, test := range tests {
		v := values[test.name]
		if v == nil || v.DType != test.dtype || (v.Shape == nil) != (test.shape == nil) ||
			!slices.Equal(v.Shape, test.shape) {
			t.Errorf("%s: %+v, want %v%v", test.name, v, test.dtype, test.shape)
		}
	}
	for _, name := range []string{"sparse", "int4"} {
		if d := values[name].Const.Data; d != nil {
			t.Errorf("%s: elements %v, want none", name, d)
		}
	}
}

func TestDomains(t *testing.T) {
	m := model()
	m.OpsetImport = []*onnxpb.OperatorSetIdProto{{Domain: new("ai.onnx"), Version: new(int64(17))},
		{Domain: new("com.example"), Version: new(int64(3))}}
	m.Graph.Node[0].Domain = new("ai.onnx")
	m.Graph.Node[1].Domain = new("com.example")
	g := mustImport(t, encode(t, m), importer.Options{})
	if g.Opsets[""] != 17 || g.Opsets["com.example"] != 3 || len(g.Opsets) != 2 {
		t.Errorf("opsets %v", g.Opsets)
	}
	if g.Nodes[0].OpName() != "Add" || g.Nodes[1].OpName() != "com.example.Relu" {
		t.Errorf("ops %s and %s", g.Nodes[0].OpName(), g.Nodes[1].OpName())
	}
}

func TestLimits(t *testing.T) {
	data := fixture(t, "residual_bn")
	for name, read := range map[string]func(o importer.Options) error{
		"Import": func(o importer.Options) error { _, err := importer.Import(data, o); return err },
		"Read":   func(o importer.Options) error { _, err := importer.Read(bytes.NewReader(data), o); return err },
	} {
		if err := read(importer.Options{MaxBytes: int64(len(data))}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if err := read(importer.Options{MaxBytes: int64(len(data)) - 1}); !errors.Is(err, importer.ErrDeclined) ||
			!strings.Contains(err.Error(), "MaxBytes") {
			t.Errorf("%s: error %v, want one that is %v", name, err, importer.ErrDeclined)
		}
	}
	if _, err := importer.File(filepath.Join(t.TempDir(), "absent.onnx")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("error %v, want %v", err, os.ErrNotExist)
	}
}

func TestTensor(t *testing.T) {
	file := filepath.Join("..", "testdata", "onnx", "residual_bn", "test_data_set_0", "input_0.pb")
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	name, x, err := importer.Tensor(data)
	if err != nil || name != "input" || x.DType != graph.Float32 || !slices.Equal(x.Dims, []int{3, 3, 8, 8}) {
		t.Errorf("%q %v, %v, want input float32[3,3,8,8]", name, x, err)
	}
	if _, _, err := importer.Tensor(data[:len(data)-1]); !errors.Is(err, importer.ErrMalformed) {
		t.Errorf("truncated: error %v, want one that is %v", err, importer.ErrMalformed)
	}
}

// Functions are read with the attributes that they pass on; one that reads what nothing gives is refused.
func TestFunctions(t *testing.T) {
	m := &onnxpb.ModelProto{IrVersion: new(int64(8)), OpsetImport: []*onnxpb.OperatorSetIdProto{{Version: new(int64(18))},
		{Domain: new("own"), Version: new(int64(1))}},
		Graph: &onnxpb.GraphProto{
			Input: []*onnxpb.ValueInfoProto{{Name: new("x")}}, Output: []*onnxpb.ValueInfoProto{{Name: new("y")}},
			Node: []*onnxpb.NodeProto{{OpType: new("leaky"), Domain: new("own"), Input: []string{"x"}, Output: []string{"y"}}},
		},
		Functions: []*onnxpb.FunctionProto{{Name: new("leaky"), Domain: new("own"), Input: []string{"a"},
			Output: []string{"b"},
			AttributeProto: []*onnxpb.AttributeProto{{Name: new("slope"), Type: new(onnxpb.AttributeProto_FLOAT),
				F: new(float32(0.5))}},
			Node: []*onnxpb.NodeProto{{OpType: new("LeakyRelu"), Input: []string{"a"}, Output: []string{"b"},
				Attribute: []*onnxpb.AttributeProto{{Name: new("alpha"), RefAttrName: new("slope"),
					Type: new(onnxpb.AttributeProto_FLOAT)}}}}}},
	}
	data, err := onnxpb.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	g := mustImport(t, data, importer.Options{})
	f := g.FunctionOf(g.Nodes[0])
	if f == nil || f.Opsets[""] != 18 || f.Defaults["slope"] != float32(0.5) ||
		f.Nodes[0].Attrs["alpha"] != (graph.Ref{Name: "slope"}) {
		t.Fatalf("%+v", f)
	}
	m.Functions[0].Node[0].Input[0] = "c"
	if data, err = onnxpb.Marshal(m); err != nil {
		t.Fatal(err)
	}
	if _, err := importer.Import(data, importer.Options{}); !errors.Is(err, importer.ErrMalformed) ||
		!strings.Contains(err.Error(), `reads "c"`) {
		t.Errorf("error %v", err)
	}
}

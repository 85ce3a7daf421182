package exporter_test

import (
	"bytes"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"testing"

	"github.com/ildc/ildc/exporter"
	"github.com/ildc/ildc/graph"
	"github.com/ildc/ildc/importer"
	"github.com/ildc/ildc/internal/onnxpb"
	"github.com/ildc/ildc/internal/shared"
)

// fixtures lists the module's own models.
func fixtures(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob(shared.Testdata(t, "onnx/*/*.onnx"))
	if err != nil || len(files) < 20 {
		t.Fatalf("%d models, want 20: %v", len(files), err)
	}
	return append(files, shared.Testdata(t, "digits/teacher.onnx"), shared.Testdata(t, "digits/teacher_folded.onnx"))
}

func decode(t testing.TB, data []byte) *onnxpb.ModelProto {
	t.Helper()
	var m onnxpb.ModelProto
	if err := onnxpb.Unmarshal(data, &m, onnxpb.Limits{}); err != nil {
		t.Fatal(err)
	}
	return &m
}

// TestUnchanged exports each model as it was imported, and a clone of it: the module's fixtures, and models of others.
func TestUnchanged(t *testing.T) {
	t.Run("fixtures", func(t *testing.T) { checkUnchanged(t, fixtures(t), 20) })
	t.Run("shared", func(t *testing.T) { checkUnchanged(t, shared.SomeModels(t), 28) })
}

func checkUnchanged(t *testing.T, files []string, least int) {
	equal := 0
	for _, file := range files {
		g, err := importer.File(file)
		if err != nil {
			continue // the importer's tests tell which are not accepted
		}
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		dir := filepath.Dir(file)
		clone, _ := g.Clone()
		for name, g := range map[string]*graph.Graph{"imported": g, "cloned": clone} {
			got, err := exporter.Marshal(g, exporter.Options{Dir: dir})
			if err != nil {
				t.Errorf("%s, %s: %v", file, name, err)
				continue
			}
			if !onnxpb.Equal(decode(t, got), decode(t, data)) {
				t.Errorf("%s, %s: the message differs", file, name)
			}
			if err := importer.Verify(got, importer.Options{Dir: dir}, g); err != nil {
				t.Errorf("%s, %s: %v", file, name, err)
			}
		}
		equal++
	}
	t.Logf("%d models round-tripped", equal)
	if equal < least {
		t.Errorf("%d models round-tripped, want %d", equal, least)
	}
}

// TestBuilt exports a graph that was not imported.
func TestBuilt(t *testing.T) {
	g := graph.New("affine")
	g.Opsets[""] = 17
	b := graph.NewBuilder(g, func(*graph.Node) error { return nil })
	x := b.Input("x", graph.Float32, graph.Shape{graph.Sym("batch"), graph.D(2)})
	w := b.Const("w", graph.FromFloat32([]int{2, 3}, []float32{1, 2, 3, 4, 5, 6}))
	y := b.Op("LeakyRelu", graph.Attrs{"alpha": float32(0.5)}, b.Op("MatMul", nil, x, w))
	y.DType, y.Shape = graph.Float32, graph.Shape{graph.Sym("batch"), graph.D(3)}
	b.Output(y)
	if err := b.Err(); err != nil {
		t.Fatal(err)
	}
	o := exporter.Options{Metadata: map[string]string{"b": "2", "a": "1"}}
	data, err := exporter.Marshal(g, o)
	if err != nil {
		t.Fatal(err)
	}
	if err := importer.Verify(data, importer.Options{}, g); err != nil {
		t.Error(err)
	}
	m := decode(t, data)
	if m.GetIrVersion() != 8 || m.GetProducerName() != "ildc" || m.MetadataProps[0].GetKey() != "a" {
		t.Errorf("IR version %d, producer %q, metadata %v", m.GetIrVersion(), m.GetProducerName(), m.MetadataProps)
	}
	if again, err := exporter.Marshal(g, o); err != nil || !bytes.Equal(data, again) {
		t.Errorf("%v, or other bytes at the second time", err)
	}
}

// full is a model that uses what an edit may touch.
func full() *onnxpb.ModelProto {
	float := new(int32(graph.Float32))
	info := func(name string, dims ...any) *onnxpb.ValueInfoProto {
		shape := &onnxpb.TensorShapeProto{}
		for _, d := range dims {
			switch d := d.(type) {
			case int:
				shape.Dim = append(shape.Dim, &onnxpb.TensorShapeProto_Dimension{
					Value: &onnxpb.TensorShapeProto_Dimension_DimValue{DimValue: int64(d)}})
			case string:
				shape.Dim = append(shape.Dim, &onnxpb.TensorShapeProto_Dimension{
					Value: &onnxpb.TensorShapeProto_Dimension_DimParam{DimParam: d}})
			}
		}
		v := &onnxpb.ValueInfoProto{Name: &name, Type: &onnxpb.TypeProto{
			TensorType: &onnxpb.TypeProto_Tensor{ElemType: float, Shape: shape}}}
		v.ProtoReflect().SetUnknown([]byte{0x1a, 1, 'd'}) // doc_string
		return v
	}
	node := func(op, name string, in, out []string, attrs ...*onnxpb.AttributeProto) *onnxpb.NodeProto {
		n := &onnxpb.NodeProto{OpType: &op, Name: &name, Input: in, Output: out, Attribute: attrs}
		n.ProtoReflect().SetUnknown([]byte{0x32, 1, 'd'}) // doc_string
		return n
	}
	attr := func(name string, v any) *onnxpb.AttributeProto {
		a := &onnxpb.AttributeProto{Name: &name}
		if err := a.SetValue(v); err != nil {
			panic(err)
		}
		return a
	}
	then := &onnxpb.GraphProto{Node: []*onnxpb.NodeProto{node("Neg", "neg", []string{"r"}, []string{"n"})},
		Output: []*onnxpb.ValueInfoProto{{Name: new("n")}}}
	w1 := &onnxpb.TensorProto{Name: new("w1"), DataType: float, Dims: []int64{2, 4}, RawData: make([]byte, 32)}
	w1.ProtoReflect().SetUnknown([]byte{0x62, 1, 'd'}) // doc_string
	return &onnxpb.ModelProto{
		IrVersion:    new(int64(3)),
		ProducerName: new("another tool"),
		OpsetImport: []*onnxpb.OperatorSetIdProto{{Domain: new("ai.onnx"), Version: new(int64(13))},
			{Domain: new("unused"), Version: new(int64(1))}},
		MetadataProps: []*onnxpb.StringStringEntryProto{{Key: new("k"), Value: new("v")},
			{Key: new("author"), Value: new("someone")}},
		Graph: &onnxpb.GraphProto{
			Name:  new("full"),
			Input: []*onnxpb.ValueInfoProto{info("w1", 2, 4), info("x", "batch", 2), info("w2", 4, 3), info("c")},
			Initializer: []*onnxpb.TensorProto{
				w1,
				{Name: new("w2"), DataType: float, Dims: []int64{4, 3}, FloatData: make([]float32, 12)},
			},
			Node: []*onnxpb.NodeProto{
				node("MatMul", "m1", []string{"x", "w1"}, []string{"h"}),
				node("Elu", "elu", []string{"h"}, []string{"r"}, attr("alpha", float32(1)), attr("list", []int64{1, 2})),
				node("MatMul", "m2", []string{"r", "w2"}, []string{"y"}),
				node("If", "if", []string{"c"}, []string{"z"}, &onnxpb.AttributeProto{Name: new("then_branch"),
					Type: new(onnxpb.AttributeProto_GRAPH), G: then}),
			},
			Output: []*onnxpb.ValueInfoProto{info("y", "batch", 3), info("z", "batch", 4)},
			ValueInfo: []*onnxpb.ValueInfoProto{info("r", "batch", 4), info("inside", 1), info("h", "batch", 4),
				info("x", "batch", 2)},
		},
	}
}

// TestEdits changes a graph, and checks that the message changes there and nowhere else.
func TestEdits(t *testing.T) {
	tests := []struct {
		name string
		edit func(g *graph.Graph, v map[string]*graph.Value)
		want func(m *onnxpb.ModelProto)
	}{
		{"narrowed", func(g *graph.Graph, v map[string]*graph.Value) {
			keep := []int{0, 2}
			for name, axis := range map[string]int{"w1": 1, "w2": 0} {
				v[name].Const = v[name].Const.Take(axis, keep)
				v[name].Shape = v[name].Const.Shape()
			}
			for _, name := range []string{"h", "r", "z"} {
				v[name].Shape[1] = graph.D(2)
			}
		}, func(m *onnxpb.ModelProto) {
			g := m.Graph
			g.Initializer[0].Dims, g.Initializer[0].RawData = []int64{2, 2}, make([]byte, 16)
			g.Initializer[1].Dims, g.Initializer[1].FloatData = []int64{2, 3}, make([]float32, 6)
			for info, axis := range map[*onnxpb.ValueInfoProto]int{g.Input[0]: 1, g.Input[2]: 0, g.ValueInfo[0]: 1,
				g.ValueInfo[2]: 1, g.Output[1]: 1} {
				info.Type.TensorType.Shape.Dim[axis].Value = &onnxpb.TensorShapeProto_Dimension_DimValue{DimValue: 2}
			}
		}},
		{"node removed", func(g *graph.Graph, v map[string]*graph.Value) {
			g.Replace(v["r"], v["h"]) // the If captures h now
			g.Nodes = slices.Delete(g.Nodes, 1, 2)
		}, func(m *onnxpb.ModelProto) {
			g := m.Graph
			g.Node[2].Input[0] = "h"
			g.Node[3].Attribute[0].G.Node[0].Input[0] = "h"
			g.Node = slices.Delete(g.Node, 1, 2)
			g.ValueInfo = g.ValueInfo[1:]
		}},
		{"attributes", func(g *graph.Graph, v map[string]*graph.Value) {
			g.Nodes[1].Attrs = graph.Attrs{"alpha": float32(2), "list": []int64{1, 2}, "new": "s", "also": int64(3)}
			g.Nodes[2].Op, g.Nodes[2].Domain, g.Nodes[2].Name = "Linear", "com.example", "renamed"
			g.Opsets["com.example"] = 1
		}, func(m *onnxpb.ModelProto) {
			elu, m2 := m.Graph.Node[1], m.Graph.Node[2]
			elu.Attribute[0].F = new(float32(2))
			elu.Attribute = append(elu.Attribute,
				&onnxpb.AttributeProto{Name: new("also"), Type: new(onnxpb.AttributeProto_INT), I: new(int64(3))},
				&onnxpb.AttributeProto{Name: new("new"), Type: new(onnxpb.AttributeProto_STRING), S: []byte("s")})
			m2.OpType, m2.Domain, m2.Name = new("Linear"), new("com.example"), new("renamed")
			m.OpsetImport = append(m.OpsetImport, &onnxpb.OperatorSetIdProto{Domain: new("com.example"), Version: new(int64(1))})
		}},
		{"attribute removed, opsets", func(g *graph.Graph, v map[string]*graph.Value) {
			delete(g.Nodes[1].Attrs, "alpha")
			g.Opsets[""] = 14
			delete(g.Opsets, "unused")
		}, func(m *onnxpb.ModelProto) {
			m.Graph.Node[1].Attribute = m.Graph.Node[1].Attribute[1:]
			m.OpsetImport = m.OpsetImport[:1]
			m.OpsetImport[0].Version = new(int64(14))
		}},
		{"initializer added", func(g *graph.Graph, v map[string]*graph.Value) {
			b := graph.FromFloat32([]int{1}, []float32{1})
			w := &graph.Value{Name: "b", DType: b.DType, Shape: b.Shape(), Const: b}
			g.Initializers = append(g.Initializers, w)
			g.Nodes[2].Inputs = append(g.Nodes[2].Inputs, nil, w)
		}, func(m *onnxpb.ModelProto) {
			g := m.Graph
			g.Node[2].Input = append(g.Node[2].Input, "", "b")
			g.Initializer = append(g.Initializer, &onnxpb.TensorProto{Name: new("b"), DataType: new(int32(1)), Dims: []int64{1},
				RawData: []byte{0, 0, 0x80, 0x3f}})
			dim := []*onnxpb.TensorShapeProto_Dimension{{Value: &onnxpb.TensorShapeProto_Dimension_DimValue{DimValue: 1}}}
			g.Input = append(g.Input, &onnxpb.ValueInfoProto{Name: new("b"),
				Type: &onnxpb.TypeProto{TensorType: &onnxpb.TypeProto_Tensor{
					ElemType: new(int32(1)), Shape: &onnxpb.TensorShapeProto{Dim: dim},
				}}}) // IR version 3 lists initializers among the inputs
		}},
		{"initializer shared and removed", func(g *graph.Graph, v map[string]*graph.Value) {
			g.Nodes[2].Inputs[1] = v["w1"]
			g.Initializers = g.Initializers[:1]
		}, func(m *onnxpb.ModelProto) {
			g := m.Graph
			g.Node[2].Input[1] = "w1"
			g.Initializer = g.Initializer[:1]
			g.Input = slices.Delete(g.Input, 2, 3)
		}},
		{"tensor under another name", func(g *graph.Graph, v map[string]*graph.Value) { v["w2"].Name = "weights" },
			func(m *onnxpb.ModelProto) {
				g := m.Graph
				g.Node[2].Input[1] = "weights"
				g.Initializer[1].Name = new("weights")
				renamed := &onnxpb.ValueInfoProto{Name: new("weights"), Type: g.Input[2].Type}
				g.Input = append(slices.Delete(g.Input, 2, 3), renamed)
			}},
		{"input and output removed", func(g *graph.Graph, v map[string]*graph.Value) {
			g.Nodes = g.Nodes[:3]
			g.Inputs, g.Outputs = g.Inputs[:1], g.Outputs[:1]
		}, func(m *onnxpb.ModelProto) {
			g := m.Graph
			g.Node, g.Input, g.Output = g.Node[:3], g.Input[:3], g.Output[:1]
		}},
		{"shape forgotten", func(g *graph.Graph, v map[string]*graph.Value) { v["h"].Shape, v["y"].Shape = nil, nil },
			func(m *onnxpb.ModelProto) {
				g := m.Graph
				g.ValueInfo = slices.Delete(g.ValueInfo, 2, 3)
				g.Output[0].Type.TensorType.Shape = nil
			}},
		{"batch bound", func(g *graph.Graph, v map[string]*graph.Value) { v["x"].Shape[0] = graph.D(8) },
			func(m *onnxpb.ModelProto) {
				for _, info := range []*onnxpb.ValueInfoProto{m.Graph.Input[1], m.Graph.ValueInfo[3]} {
					info.Type.TensorType.Shape.Dim[0].Value = &onnxpb.TensorShapeProto_Dimension_DimValue{DimValue: 8}
				}
			}},
		{"graph's name", func(g *graph.Graph, v map[string]*graph.Value) { g.Name = "student" },
			func(m *onnxpb.ModelProto) { m.Graph.Name = new("student") }},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			data, err := onnxpb.Marshal(full())
			if err != nil {
				t.Fatal(err)
			}
			g, err := importer.Import(data, importer.Options{})
			if err != nil {
				t.Fatal(err)
			}
			before := decode(t, data)
			test.edit(g, g.ByName())
			got, err := exporter.Marshal(g, exporter.Options{})
			if err != nil {
				t.Fatal(err)
			}
			want := full()
			test.want(want)
			if !onnxpb.Equal(decode(t, got), want) {
				t.Errorf("message\n%v\nwant\n%v", decode(t, got), want)
			}
			if !onnxpb.Equal(g.Origin.(*onnxpb.ModelProto), before) {
				t.Error("exporting changed the message that was imported")
			}
			if err := importer.Verify(got, importer.Options{}, g); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestMetadata(t *testing.T) {
	data, err := onnxpb.Marshal(full())
	if err != nil {
		t.Fatal(err)
	}
	g, err := importer.Import(data, importer.Options{})
	if err != nil {
		t.Fatal(err)
	}
	got, err := exporter.Marshal(g, exporter.Options{Metadata: map[string]string{"k": "new", "z": "1", "a": "2"}})
	if err != nil {
		t.Fatal(err)
	}
	var entries [][2]string
	for _, p := range decode(t, got).MetadataProps {
		entries = append(entries, [2]string{p.GetKey(), p.GetValue()})
	}
	want := [][2]string{{"k", "new"}, {"author", "someone"}, {"a", "2"}, {"z", "1"}}
	if !reflect.DeepEqual(entries, want) {
		t.Errorf("metadata %v, want %v", entries, want)
	}
}

// TestOrder exports a model whose nodes are out of order: as it was where nothing is rewired, in order where something
// is.
func TestOrder(t *testing.T) {
	m := full()
	m.Graph.Node[0], m.Graph.Node[1] = m.Graph.Node[1], m.Graph.Node[0]
	data, err := onnxpb.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	g, err := importer.Import(data, importer.Options{})
	if err != nil {
		t.Fatal(err)
	}
	g.Nodes[1].Attrs["alpha"] = float32(3)
	first := func() string {
		t.Helper()
		got, err := exporter.Marshal(g, exporter.Options{})
		if err != nil {
			t.Fatal(err)
		}
		return decode(t, got).Graph.Node[0].GetName()
	}
	if got := first(); got != "elu" {
		t.Errorf("first node %q, want %q as in the file", got, "elu")
	}
	g.Nodes[2].Inputs[0] = g.ByName()["h"]
	if got := first(); got != "m1" {
		t.Errorf("first node of a rewired graph %q, want %q", got, "m1")
	}
}

func TestRefuses(t *testing.T) {
	tests := []struct {
		name string
		edit func(g *graph.Graph)
		want []string
	}{
		{"broken graph", func(g *graph.Graph) { g.Nodes[0], g.Nodes[1] = g.Nodes[1], g.Nodes[0] },
			[]string{`node "elu" (Elu)`, "before it is produced"}},
		{"tensor without elements", func(g *graph.Graph) {
			g.Initializers[0].Const = &graph.Tensor{DType: graph.Float32, Dims: []int{2, 4}}
		}, []string{`initializer "w1": it has no elements`}},
		{"elements of another type", func(g *graph.Graph) {
			g.Initializers[0].Const = &graph.Tensor{DType: graph.Float32, Dims: []int{2, 4}, Data: make([]float64, 8)}
			g.Nodes[1].Attrs["t"] = &graph.Tensor{DType: graph.Int64, Data: []float32{1}}
		}, []string{`initializer "w1": elements of data type FLOAT`,
			`node "elu" (Elu): attribute "t": elements of data type INT64`}},
		{"foreign opaque attribute", func(g *graph.Graph) { g.Nodes[1].Attrs["body"] = graph.Opaque{Origin: 3} },
			[]string{`node "elu" (Elu): attribute "body"`}},
		{"lost captures", func(g *graph.Graph) { g.Nodes[3].Captures = nil }, []string{`node "if" (If): it captures []`,
			`["r"]`}},
		{"hidden capture", func(g *graph.Graph) { g.Nodes[1].Outputs[0].Name = "n" },
			[]string{`node "if" (If): attribute "then_branch"`, "hides"}},
	}
	data, err := onnxpb.Marshal(full())
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			g, err := importer.Import(data, importer.Options{})
			if err != nil {
				t.Fatal(err)
			}
			test.edit(g)
			_, err = exporter.Marshal(g, exporter.Options{})
			if err == nil {
				t.Fatal("it is exported")
			}
			for _, want := range test.want {
				if !bytes.Contains([]byte(err.Error()), []byte(want)) {
					t.Errorf("error %q does not say %q", err, want)
				}
			}
		})
	}
	if _, err := exporter.Marshal(graph.New(""), exporter.Options{External: true}); err == nil {
		t.Error("external data without a file")
	}
}

package exporter_test

import (
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"github.com/ildc/ildc/exporter"
	"github.com/ildc/ildc/graph"
	"github.com/ildc/ildc/importer"
	"github.com/ildc/ildc/internal/onnxpb"
)

// add gives a message a field that onnxpb does not have, a message in its turn.
func add(m proto.Message, field protowire.Number, content string) {
	r := m.ProtoReflect()
	b := protowire.AppendTag(r.GetUnknown(), field, protowire.BytesType)
	r.SetUnknown(protowire.AppendString(b, content))
}

// unmodelled has what package graph has no form for.
func unmodelled() *onnxpb.ModelProto {
	m := full()
	add(m, 6, "doc string")
	add(m, 20, "\x0a\x00") // training info
	m.Functions = []*onnxpb.FunctionProto{{Name: new("f")}}
	add(m.Graph, 14, "\x0a\x00") // quantization annotation
	add(m.Graph.Node[0], 8, "overload")
	add(m.Graph.Node[0], 99, "from a later version")

	sequence := &onnxpb.TypeProto{}
	add(sequence, 4, "\x0a\x00")
	m.Graph.Input = append(m.Graph.Input, &onnxpb.ValueInfoProto{Name: new("sequence"), Type: sequence},
		&onnxpb.ValueInfoProto{Name: new("untyped")})

	negative := &onnxpb.TensorShapeProto_Dimension{Value: &onnxpb.TensorShapeProto_Dimension_DimValue{DimValue: -1}}
	add(negative, 3, "DATA_BATCH")
	m.Graph.Input[1].Type.TensorType.Shape.Dim[0] = negative
	m.Graph.Output[0].Type.TensorType.Shape.Dim[0] = &onnxpb.TensorShapeProto_Dimension{}

	int64s, int4 := new(int32(graph.Int64)), new(int32(22))
	m.Graph.SparseInitializer = []*onnxpb.SparseTensorProto{{
		Values: &onnxpb.TensorProto{Name: new("sparse"), DataType: new(int32(graph.Float32)), Dims: []int64{1},
			FloatData: []float32{3}},
		Indices: &onnxpb.TensorProto{DataType: int64s, Dims: []int64{1}, Int64Data: []int64{5}},
		Dims:    []int64{1000, 1000},
	}}
	m.Graph.Initializer = append(m.Graph.Initializer, &onnxpb.TensorProto{Name: new("int4"), DataType: int4,
		Dims: []int64{4}, RawData: []byte{0x21, 0x43}})

	reference := &onnxpb.AttributeProto{Name: new("reference"), RefAttrName: new("alpha"),
		Type: new(onnxpb.AttributeProto_FLOAT)}
	types := &onnxpb.AttributeProto{Name: new("type"), Type: new(onnxpb.AttributeProto_TYPE_PROTO)}
	add(types, 14, "\x0a\x00")
	tensors := &onnxpb.AttributeProto{Name: new("tensors"), Type: new(onnxpb.AttributeProto_TENSORS),
		Tensors: []*onnxpb.TensorProto{{DataType: int4, Dims: []int64{2}, RawData: []byte{0x21}}}}
	untyped := &onnxpb.AttributeProto{Name: new("untyped"), I: new(int64(0))}
	m.Graph.Node[1].Attribute = append(m.Graph.Node[1].Attribute, reference, types, tensors, untyped)
	return m
}

func TestUnmodelled(t *testing.T) {
	old := full() // from before opsets were named
	old.IrVersion, old.OpsetImport = new(int64(1)), nil
	for name, m := range map[string]*onnxpb.ModelProto{"unmodelled": unmodelled(), "old": old} {
		data, err := onnxpb.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		g, err := importer.Import(data, importer.Options{})
		if err != nil {
			t.Fatal(err)
		}
		got, err := exporter.Marshal(g, exporter.Options{})
		if err != nil {
			t.Fatal(err)
		}
		if !onnxpb.Equal(decode(t, got), m) {
			t.Errorf("%s: message\n%v\nwant\n%v", name, decode(t, got), m)
		}
	}
}

// TestUnmodelledKept edits a graph around what it has no form for.
func TestUnmodelledKept(t *testing.T) {
	m := unmodelled()
	data, err := onnxpb.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	g, err := importer.Import(data, importer.Options{})
	if err != nil {
		t.Fatal(err)
	}
	v := g.ByName()
	v["sparse"].Name, v["int4"].Name = "sparse2", "nibbles"
	v["x"].Shape[1], v["y"].Shape[1] = graph.D(5), graph.D(6)
	got, err := exporter.Marshal(g, exporter.Options{})
	if err != nil {
		t.Fatal(err)
	}
	m.Graph.SparseInitializer[0].Values.Name = new("sparse2")
	m.Graph.Initializer[2].Name = new("nibbles")
	two := func(info *onnxpb.ValueInfoProto, size int64) {
		info.Type.TensorType.Shape.Dim[1].Value = &onnxpb.TensorShapeProto_Dimension_DimValue{DimValue: size}
	}
	two(m.Graph.Input[1], 5) // with its first dim as it was, denotation and all
	two(m.Graph.ValueInfo[3], 5)
	two(m.Graph.Output[0], 6)
	m.Graph.ValueInfo[3].Type.TensorType.Shape.Dim[0] = &onnxpb.TensorShapeProto_Dimension{} // x is -1 there, not "batch"
	read := decode(t, got)
	inputs := read.Graph.Input
	read.Graph.Input = inputs[:len(m.Graph.Input)]
	if !onnxpb.Equal(read, m) {
		t.Errorf("message\n%v\nwant\n%v", read, m)
	}
	// IR version 3 lists initializers, and these names are new.
	if added := inputs[len(m.Graph.Input):]; len(added) != 2 || added[0].GetName() != "nibbles" ||
		added[1].GetName() != "sparse2" {
		t.Errorf("inputs added: %v, want nibbles and sparse2", added)
	}
}

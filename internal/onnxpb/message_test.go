package onnxpb

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
)

// model is a small model with one node.
func model() *ModelProto {
	return &ModelProto{
		IrVersion:   new(int64(8)),
		OpsetImport: []*OperatorSetIdProto{{Domain: new(""), Version: new(int64(17))}},
		Graph: &GraphProto{
			Name: new("g"),
			Node: []*NodeProto{{OpType: new("Relu"), Input: []string{"x"}, Output: []string{"y"}}},
		},
	}
}

func encode(t *testing.T, m *ModelProto) []byte {
	t.Helper()
	data, err := Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// nested is an attribute that holds a graph that holds a node that holds the attribute, depth times.
func nested(depth int) *AttributeProto {
	a := &AttributeProto{Name: new("body"), I: new(int64(1))}
	for range depth {
		a = &AttributeProto{Name: new("body"), G: &GraphProto{Node: []*NodeProto{{Attribute: []*AttributeProto{a}}}}}
	}
	return a
}

func TestUnmarshalRefuses(t *testing.T) {
	whole := encode(t, model())
	deep := model()
	deep.Graph.Node[0].Attribute = []*AttributeProto{nested(40)}
	many := model()
	many.Graph.Node = make([]*NodeProto, 100)
	for i := range many.Graph.Node {
		many.Graph.Node[i] = &NodeProto{}
	}
	inner := protowire.AppendTag(nil, 5, protowire.BytesType) // an attribute of 99 bytes that are not there
	inner = protowire.AppendVarint(inner, 99)
	node := protowire.AppendBytes(protowire.AppendTag(nil, 1, protowire.BytesType), inner)
	broken := protowire.AppendBytes(protowire.AppendTag(nil, 7, protowire.BytesType), append([]byte{0x0a, 0}, node...))
	tests := []struct {
		name   string
		data   []byte
		limits Limits
		kind   error
		want   string
	}{
		{"truncated", whole[:len(whole)-1], Limits{}, ErrMalformed, "unexpected EOF"},
		{"not protobuf", []byte("# a text file\n"), Limits{}, ErrMalformed, "at byte"},
		{"inside a message", broken, Limits{}, ErrMalformed, "graph.node[1]: at byte 1 of 2: unexpected EOF"},
		{"too large", whole, Limits{Bytes: 8}, ErrTooLarge, "the limit is 8"},
		{"too deep", encode(t, deep), Limits{}, ErrTooLarge, "nested too deeply"},
		{"too many", encode(t, many), Limits{Messages: 50}, ErrTooLarge, "too many messages"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			err := Unmarshal(test.data, &ModelProto{}, test.limits)
			if !errors.Is(err, test.kind) || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v, want %v and %q", err, test.kind, test.want)
			}
		})
	}
}

// TestUnknownFields reads fields that the messages do not have, at several levels, and writes them again.
func TestUnknownFields(t *testing.T) {
	m := model()
	unknown := protowire.AppendString(protowire.AppendTag(nil, 6, protowire.BytesType), "a doc string")
	m.Graph.ProtoReflect().SetUnknown(unknown)
	m.Graph.Node[0].ProtoReflect().SetUnknown(unknown)
	data := encode(t, m)
	var read ModelProto
	if err := Unmarshal(data, &read, Limits{}); err != nil {
		t.Fatal(err)
	}
	if got := read.Graph.Node[0].ProtoReflect().GetUnknown(); !bytes.Equal(got, unknown) {
		t.Errorf("unknown fields of the node: %q, want %q", got, unknown)
	}
	if !Equal(m, &read) || !bytes.Equal(encode(t, &read), data) {
		t.Error("writing what was read gives another message")
	}
}

func TestPresence(t *testing.T) {
	data := encode(t, &ModelProto{IrVersion: new(int64(0)), ProducerName: new("")})
	var read ModelProto
	if err := Unmarshal(data, &read, Limits{}); err != nil {
		t.Fatal(err)
	}
	if got := encode(t, &read); len(data) == 0 || !bytes.Equal(got, data) {
		t.Errorf("zeros that were written: %x, written again %x", data, got)
	}
}

func TestShallow(t *testing.T) {
	m := model()
	m.Graph.ProtoReflect().SetUnknown([]byte{0x50, 1})
	c := Shallow(m.Graph)
	if !Equal(c, m.Graph) {
		t.Errorf("copy %v, want %v", c, m.Graph)
	}
	if c.Node[0] != m.Graph.Node[0] {
		t.Error("a node was copied")
	}
	c.Node, c.Name = nil, new("other")
	if len(m.Graph.Node) != 1 || m.Graph.GetName() != "g" {
		t.Error("setting fields of the copy changes the message")
	}
	if c := Shallow((*GraphProto)(nil)); c == nil || !Equal(c, &GraphProto{}) {
		t.Errorf("copy of nil: %v, want an empty message", c)
	}
}

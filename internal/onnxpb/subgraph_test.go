package onnxpb

import (
	"slices"
	"strings"
	"testing"
)

// branch is an If whose first branch reads "x" and, through an inner If, "y" and "w"; "local" is its own. Its second
// branch gives "z" itself.
func branch() *NodeProto {
	inner := &NodeProto{OpType: new("If"), Input: []string{"local"}, Output: []string{"r"}, Attribute: []*AttributeProto{
		{Name: new("then_branch"), G: &GraphProto{
			Node:   []*NodeProto{{OpType: new("Add"), Input: []string{"y", "local"}, Output: []string{"s"}}},
			Output: []*ValueInfoProto{{Name: new("s")}},
		}},
		{Name: new("else_branch"), G: &GraphProto{
			Node:   []*NodeProto{{OpType: new("Clip"), Input: []string{"x", "", "w"}, Output: []string{"s"}}},
			Output: []*ValueInfoProto{{Name: new("s")}},
		}},
	}}
	return &NodeProto{OpType: new("If"), Input: []string{"cond"}, Output: []string{"out"}, Attribute: []*AttributeProto{
		{Name: new("then_branch"), G: &GraphProto{
			Initializer: []*TensorProto{{Name: new("k")}},
			Node:        []*NodeProto{{OpType: new("Mul"), Input: []string{"x", "k"}, Output: []string{"local"}}, inner},
			Output:      []*ValueInfoProto{{Name: new("r")}},
		}},
		{Name: new("else_branch"), G: &GraphProto{Output: []*ValueInfoProto{{Name: new("z")}}}},
	}}
}

func TestCaptures(t *testing.T) {
	if got, want := branch().Captures(), []string{"x", "y", "w", "z"}; !slices.Equal(got, want) {
		t.Errorf("captures %q, want %q", got, want)
	}
	if got := (&NodeProto{Input: []string{"x"}}).Captures(); got != nil {
		t.Errorf("a node without subgraphs captures %q", got)
	}
}

func TestRenameCaptures(t *testing.T) {
	n, want := branch(), branch()
	names := map[string]string{"x": "x2", "y": "x", "z": "z2", "local": "unused", "cond": "unused too"}
	for i, a := range n.Attribute {
		renamed, err := a.RenameCaptures(names)
		if err != nil {
			t.Fatal(err)
		}
		n.Attribute[i] = renamed
	}
	if got, want := n.Captures(), []string{"x2", "x", "w", "z2"}; !slices.Equal(got, want) {
		t.Errorf("captures %q, want %q", got, want)
	}
	if got := n.Attribute[0].G.Node[0].Output[0]; got != "local" {
		t.Errorf("a value of the subgraph is called %q, want %q", got, "local")
	}
	original := branch()
	if _, err := original.Attribute[0].RenameCaptures(names); err != nil || !Equal(original, want) {
		t.Errorf("%v, or the attribute was changed in place", err)
	}
	if _, err := original.Attribute[0].RenameCaptures(map[string]string{"w": "s"}); err == nil ||
		!strings.Contains(err.Error(), `"s"`) {
		t.Errorf("error %v, want one that says that the subgraph has a value %q", err, "s")
	}
}

func TestNestedTensors(t *testing.T) {
	a := &AttributeProto{Tensors: []*TensorProto{{Name: new("a")}}, Graphs: []*GraphProto{{
		Initializer: []*TensorProto{{Name: new("b")}},
		Node: []*NodeProto{{Attribute: []*AttributeProto{{T: &TensorProto{Name: new("c")}},
			{Tensors: []*TensorProto{{Name: new("d")}}}}}},
	}}}
	var got []string
	for m := range a.NestedTensors() {
		got = append(got, m.GetName())
	}
	if want := []string{"a", "b", "c", "d"}; !slices.Equal(got, want) {
		t.Errorf("tensors %q, want %q", got, want)
	}
	for range a.NestedTensors() {
		break
	}
}

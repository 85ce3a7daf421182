package onnxpb

import "fmt"

// Value is what the attribute holds: an int64, float32, string, []int64, []float32, []string or *[TensorProto].
// It is nil for everything else: subgraphs, lists of tensors, sparse tensors, types, and references to a function's
// attribute.
func (a *AttributeProto) Value() any {
	if a.GetRefAttrName() != "" {
		return nil
	}
	switch a.kind() {
	case AttributeProto_INT:
		return a.GetI()
	case AttributeProto_FLOAT:
		return a.GetF()
	case AttributeProto_STRING:
		return string(a.GetS())
	case AttributeProto_INTS:
		return append([]int64{}, a.GetInts()...)
	case AttributeProto_FLOATS:
		return append([]float32{}, a.GetFloats()...)
	case AttributeProto_STRINGS:
		return texts(a.GetStrings())
	case AttributeProto_TENSOR:
		if a.T != nil {
			return a.T
		}
	}
	return nil
}

// kind is the declared type; where none is declared, as in files of IR version 1, the type of the one field that is
// set.
func (a *AttributeProto) kind() AttributeProto_AttributeType {
	if a.GetType() != AttributeProto_UNDEFINED {
		return a.GetType()
	}
	kind, fields := AttributeProto_UNDEFINED, 0
	for _, field := range []struct {
		set  bool
		kind AttributeProto_AttributeType
	}{
		{a.F != nil, AttributeProto_FLOAT},
		{a.I != nil, AttributeProto_INT},
		{a.S != nil, AttributeProto_STRING},
		{a.T != nil, AttributeProto_TENSOR},
		{a.G != nil, AttributeProto_GRAPH},
		{len(a.Floats) > 0, AttributeProto_FLOATS},
		{len(a.Ints) > 0, AttributeProto_INTS},
		{len(a.Strings) > 0, AttributeProto_STRINGS},
		{len(a.Tensors) > 0, AttributeProto_TENSORS},
		{len(a.Graphs) > 0, AttributeProto_GRAPHS},
	} {
		if field.set {
			kind = field.kind
			fields++
		}
	}
	if fields != 1 {
		return AttributeProto_UNDEFINED
	}
	return kind
}

// SetValue makes the attribute hold a value of one of the types that [AttributeProto.Value] gives.
func (a *AttributeProto) SetValue(v any) error {
	a.RefAttrName, a.F, a.I, a.S, a.T, a.G = nil, nil, nil, nil, nil, nil
	a.Floats, a.Ints, a.Strings, a.Tensors, a.Graphs = nil, nil, nil, nil, nil
	var kind AttributeProto_AttributeType
	switch v := v.(type) {
	case int64:
		kind, a.I = AttributeProto_INT, &v
	case float32:
		kind, a.F = AttributeProto_FLOAT, &v
	case string:
		kind, a.S = AttributeProto_STRING, []byte(v)
	case []int64:
		kind, a.Ints = AttributeProto_INTS, v
	case []float32:
		kind, a.Floats = AttributeProto_FLOATS, v
	case []string:
		kind, a.Strings = AttributeProto_STRINGS, rawTexts(v)
	case *TensorProto:
		kind, a.T = AttributeProto_TENSOR, v
	default:
		return fmt.Errorf("an attribute cannot hold a %T", v)
	}
	a.Type = &kind
	return nil
}

func texts(raw [][]byte) []string {
	s := make([]string, len(raw))
	for i, b := range raw {
		s[i] = string(b)
	}
	return s
}

func rawTexts(s []string) [][]byte {
	raw := make([][]byte, len(s))
	for i, t := range s {
		raw[i] = []byte(t)
	}
	return raw
}

// Package onnxpb has the ONNX wire messages, as far as ildc models them, and keeps all else that it reads as unknown
// fields.
//
// Messages come from untrusted files, so [Unmarshal] checks size, nesting and wire format before it allocates, and says
// where in the message a fault lies. The package knows no graphs: it gives the elements of a tensor
// ([TensorProto.Elements]), the value of an attribute ([AttributeProto.Value]) and the outer values that a node's
// subgraphs read ([NodeProto.Captures]) as plain Go values.
//
//	var m onnxpb.ModelProto
//	if err := onnxpb.Unmarshal(data, &m, onnxpb.Limits{}); err != nil { … }
//	for _, t := range m.GetGraph().GetInitializer() {
//		elements, err := t.Elements() // []float32, []int64, …
//	}
//
// Messages that were read are shared between graphs and not changed in place: [Shallow] gives a copy whose fields can
// be set.
package onnxpb

//go:generate protoc --go_out=. --go_opt=paths=source_relative ildc_onnx.proto

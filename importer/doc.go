// Package importer reads ONNX models as graphs, faithfully: what the graph does not model (doc strings, unknown fields,
// functions, quantization annotations, …) stays in the messages that the graph, its nodes, values and tensors have as
// their Origin, and package exporter starts from those. A graph that is exported as it was imported gives an equal
// message.
//
//	g, err := importer.File("teacher.onnx")
//	switch {
//	case errors.Is(err, importer.ErrMalformed): // the file contradicts ONNX
//	case errors.Is(err, importer.ErrDeclined): // valid, but something is missing or too large
//	}
//
// The origins are the messages of package onnxpb: of a graph a *ModelProto, of a node a *NodeProto, of a value the
// *ValueInfoProto that declared its type, of a tensor a *TensorProto or *SparseTensorProto, of an opaque attribute an
// *AttributeProto.
//
// The domain "ai.onnx" is an alias of "", and is read as such. An initializer that is also listed as an input is an
// initializer only. Values that are no tensors (sequences, maps, optionals) have no dtype and no shape. Sparse
// initializers, and tensors of types that package graph does not model, have dims and no elements.
//
// Files are untrusted: sizes are checked before memory is taken, and external data is read from the model's folder
// only.
package importer

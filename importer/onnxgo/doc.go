// Package onnxgo joins ildc to onnx-go (github.com/owulveryck/onnx-go), an independent reader of ONNX.
//
// [NewBackend] is for users of onnx-go: a backend that builds a graph of package graph from what onnx-go decodes.
//
//	backend := onnxgo.NewBackend()
//	model := onnx.NewModel(backend)
//	if err := model.UnmarshalBinary(data); err != nil { … }
//	g, err := backend.Graph(model.Input, model.Output)
//
// [CrossCheck] compares a graph that package importer read with what onnx-go reads in the same bytes: ops, attributes,
// edges, weights.
//
// onnx-go does not give the names and domains of nodes, opsets, metadata and symbolic dims, and cannot read subgraphs,
// external data and many data types. So package importer is the reader, and onnx-go the second opinion.
package onnxgo

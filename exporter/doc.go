// Package exporter writes graphs as ONNX models.
//
// It starts from the message that the graph was imported from (Graph.Origin) and changes what the graph changed: a
// graph that is exported as it was imported gives an equal message, and in one with parts removed and weights replaced
// all that was not touched stays as it was, what the graph does not model included. A graph without an Origin is
// written from scratch.
//
//	metadata := map[string]string{"ildc.teacher": "teacher.onnx"}
//	err := exporter.File("student.onnx", g, exporter.Options{Metadata: metadata})
//
// A file is written under another name in the same folder, flushed, and renamed: it is there whole or not at all.
// Package importer's Verify reads it back and compares.
//
// External data: a tensor that came from external data still refers to it where the folder of the new model holds the
// same bytes, and is embedded where not. With [Options.External] large weights go to a data file of their own.
package exporter

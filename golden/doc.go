// Package golden records what a model gives, and checks that it still does: regression tests for models.
//
// A case is a folder test_data_set_N with input_K.pb and output_K.pb, one TensorProto per input and output of the
// model, as the ONNX project lays out its own tests, so that other tools read and write them too. A [Manifest] beside
// the cases holds the tolerance, the engine that recorded them and the model's SHA-256.
//
// [Record] runs a model on inputs and writes the cases; [Check] runs a model on recorded inputs and compares. Another
// file with equal outputs passes, with a note; other outputs fail, and the [Report] says which and by how much. In a
// test of your own:
//
//	func TestModel(t *testing.T) {
//		golden.Test(t, "model.onnx", "testdata/model", embedded.New(), golden.Options{})
//	}
package golden

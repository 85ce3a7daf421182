// Package dataset turns files into batches of named tensors.
//
// A [Dataset] is a fixed collection of samples. A [Sample] has one tensor per [Feature] and perhaps a label, just as
// they are stored: pixels are bytes. [Open] reads image folders, IDX, npy, npz and CSV; [FromTensors] wraps arrays that
// are in memory already; [Synthetic] makes inputs up. Users may bring their own type.
//
// A [Binding] matches the features to the inputs of a model: it finds the layout and applies a [Preprocess]. A
// student whose preprocessing is not the teacher's has a binding of its own, and sees the same augmented sample. A
// [Loader] draws the batches:
//
//	data, err := dataset.Open(ctx, "digits", dataset.Options{})
//	unit, err := dataset.ParsePreprocess("unit") // pixel / 255
//	binding, err := dataset.Bind(data.Train.Spec(), model.Inputs, unit)
//	loader, err := dataset.NewLoader(data.Train, dataset.LoaderOptions{
//		Batch: 32, Train: true, Bindings: []*dataset.Binding{binding}, Augment: dataset.Augment{Pad: 2},
//	})
//	for batch, err := range loader.Batches(ctx, 0) {
//		… batch.Inputs["input"] … // [32,1,8,8]
//	}
//
// What is random about a sample follows from seed, epoch and the sample's index alone, so that neither the
// number of workers nor the step at which a loader starts changes a batch.
package dataset

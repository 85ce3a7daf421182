// Package bench measures how long runs take, and what memory the process holds meanwhile: of a model's inference, and
// of the training step that a compression would take.
//
//	b, err := bench.Inference(ctx, bench.Model{Source: source, Host: host, Batch: 8}, bench.Timing{Steps: 100})
package bench

// Package report holds what calls have reached, as the values that the command prints with --json, and writes them as
// text: the [Result] of a compression, a [Study], a [Benchmark], an [Inspection], a [Verdict]. It computes nothing of
// what it tells.
//
//	fmt.Print(result.Summary())
//
// The JSON form of each is a contract: its fields keep their meaning within one [Schema].
package report

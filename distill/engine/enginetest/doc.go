// Package enginetest is the compliance suite that every engine passes, and [Reference], the engine it compares with.
//
//	func TestEngine(t *testing.T) {
//		enginetest.Run(t, func() engine.Engine { return embedded.New() })
//	}
//
// The suite has a case for every op, ops in company, whole training steps ([TrainingStep] is one to test with), and
// what [engine.Program] says of state, inputs, memory, threads and cancelling.
package enginetest

// Package engines chooses the engine that a caller wants, and says why it is that one.
//
//	e, why, err := engines.Open(engines.Choice{Name: "auto"})
package engines

// Package enginetest is the compliance suite that every engine passes, and [Reference], the engine it compares with.
package enginetest

// Package machine tells what memory there is: what of it is free, and what this process holds. Linux says so in its
// /proc and in its control groups; where nothing says it, the answer is 0.
//
//	if free := machine.FreeMemory(); free > 0 && need > free {
package machine

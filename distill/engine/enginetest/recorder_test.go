package enginetest

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
)

// recorder stands in for the test that a check reports to, and keeps what it is told.
type recorder struct {
	testing.TB // what checks do not call
	failures   []string
	cleanups   []func()
}

// record gives what a check reports; "" where it passes.
func record(check func(t testing.TB)) string {
	r := &recorder{}
	done := make(chan struct{})
	go func() { // which Fatal ends
		defer close(done)
		defer func() {
			for i := len(r.cleanups) - 1; i >= 0; i-- {
				r.cleanups[i]()
			}
		}()
		check(r)
	}()
	<-done
	return strings.Join(r.failures, "\n")
}

func (r *recorder) Helper()                           {}
func (r *recorder) Cleanup(f func())                  { r.cleanups = append(r.cleanups, f) }
func (r *recorder) Error(args ...any)                 { r.failures = append(r.failures, fmt.Sprint(args...)) }
func (r *recorder) Errorf(format string, args ...any) { r.Error(fmt.Sprintf(format, args...)) }

func (r *recorder) Fatal(args ...any) {
	r.Error(args...)
	runtime.Goexit()
}

func (r *recorder) Fatalf(format string, args ...any) { r.Fatal(fmt.Sprintf(format, args...)) }

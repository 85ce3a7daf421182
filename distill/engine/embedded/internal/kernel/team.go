package kernel

import (
	"sync"
	"sync/atomic"
)

// Team shares out work between a fixed number of goroutines. It is used by one goroutine at a time.
type Team struct {
	scratch []Scratch
	shared  []float32
	stopped atomic.Bool
}

// NewTeam is a team of that many workers, at least one.
func NewTeam(threads int) *Team { return &Team{scratch: make([]Scratch, max(1, threads))} }

// Stop makes running and later kernels return early, their results unfinished. Any goroutine may call it.
func (t *Team) Stop() { t.stopped.Store(true) }

// Resume ends the effect of Stop.
func (t *Team) Resume() { t.stopped.Store(false) }

// Stopped says whether kernels return early.
func (t *Team) Stopped() bool { return t.stopped.Load() }

// Do calls f for each task, tasks in parallel; s is the memory of the worker that runs it. A panic in f is passed on
// to the caller.
func (t *Team) Do(tasks int, f func(s *Scratch, task int)) {
	workers := min(len(t.scratch), tasks)
	if workers <= 1 {
		for task := 0; task < tasks && !t.stopped.Load(); task++ {
			f(&t.scratch[0], task)
		}
		return
	}
	var next atomic.Int64
	var panicked atomic.Value
	work := func(s *Scratch) {
		defer func() {
			if p := recover(); p != nil {
				panicked.CompareAndSwap(nil, panicValue{p})
			}
		}()
		for !t.stopped.Load() {
			task := int(next.Add(1)) - 1
			if task >= tasks {
				return
			}
			f(s, task)
		}
	}
	var done sync.WaitGroup
	for w := 1; w < workers; w++ {
		done.Go(func() { work(&t.scratch[w]) })
	}
	work(&t.scratch[0])
	done.Wait()
	if p, ok := panicked.Load().(panicValue); ok {
		panic(p.value)
	}
}

type panicValue struct{ value any }

// Workspace gives n elements that hold anything, for one kernel at a time, reused from kernel to kernel.
func (t *Team) Workspace(n int) []float32 {
	if len(t.shared) < n {
		t.shared = make([]float32, n)
	}
	return t.shared[:n]
}

// Split cuts n elements into runs of at most size and calls f for each, runs in parallel.
func (t *Team) Split(n, size int, f func(s *Scratch, from, to int)) {
	t.Do((n+size-1)/size, func(s *Scratch, task int) {
		f(s, task*size, min(n, (task+1)*size))
	})
}

// Scratch is the memory of one worker, by slot, reused from task to task.
type Scratch struct {
	slabs   [4][]float32
	tile    tile
	dots    dots
	rows    rowCopy
	patches patchTransform
	channel channel
}

// Floats gives n elements that hold anything.
func (s *Scratch) Floats(slot, n int) []float32 {
	if len(s.slabs[slot]) < n {
		s.slabs[slot] = make([]float32, n)
	}
	return s.slabs[slot][:n]
}

package kernel

import (
	"sync/atomic"
	"testing"
)

// Each task is done once, by any number of workers, with memory that no other worker has.
func TestTeam(t *testing.T) {
	for _, threads := range []int{0, 1, 2, 5} {
		for _, tasks := range []int{0, 1, 3, 100} {
			done := make([]int32, tasks)
			NewTeam(threads).Do(tasks, func(s *Scratch, task int) {
				own := s.Floats(0, 8)
				for i := range own {
					own[i] = float32(task)
				}
				atomic.AddInt32(&done[task], 1)
				for i, v := range own {
					if v != float32(task) {
						t.Errorf("task %d: element %d of the worker's memory is %v", task, i, v)
					}
				}
			})
			for task, n := range done {
				if n != 1 {
					t.Errorf("%d threads: task %d of %d is done %d times", threads, task, tasks, n)
				}
			}
		}
	}
}

// A team that is stopped begins no task until it is resumed.
func TestTeamStops(t *testing.T) {
	for _, threads := range []int{1, 3} {
		team := NewTeam(threads)
		var done atomic.Int32
		do := func() int32 {
			done.Store(0)
			team.Do(50, func(*Scratch, int) { done.Add(1) })
			return done.Load()
		}
		team.Stop()
		if n := do(); n != 0 || !team.Stopped() {
			t.Errorf("%d threads: stopped %v, and %d tasks are done", threads, team.Stopped(), n)
		}
		team.Resume()
		if n := do(); n != 50 || team.Stopped() {
			t.Errorf("%d threads: stopped %v, and %d tasks of 50 are done", threads, team.Stopped(), n)
		}
		team.Do(50, func(*Scratch, int) { done.Add(1); team.Stop() })
		if n := done.Load(); n >= 100 {
			t.Errorf("%d threads: all tasks are done by a team that the first one stops", threads)
		}
	}
}

// A panic of a task reaches the caller, whichever worker it was.
func TestTeamPanics(t *testing.T) {
	for _, threads := range []int{1, 3} {
		func() {
			defer func() {
				if p := recover(); p != "broken" {
					t.Errorf("%d threads: recovered %v", threads, p)
				}
			}()
			NewTeam(threads).Do(20, func(_ *Scratch, task int) {
				if task == 17 {
					panic("broken")
				}
			})
		}()
	}
}

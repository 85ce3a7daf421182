package kernel

import "slices"

// Walk visits the elements of operands of any strides in the row-major order of common extents. Axes along which
// every operand runs on are merged, and the innermost is left to the kernel as a run.
type Walk struct {
	dims    []int   // outer extents
	strides [][]int // of each operand, along dims
	n       int     // elements of a run
	step    []int   // of each operand, within a run
	start   []int   // of each operand, where the first run begins
}

// NewWalk plans a walk over dims of operands with these strides, one list each.
func NewWalk(dims []int, strides ...[]int) *Walk {
	w := &Walk{n: 1, step: make([]int, len(strides)), start: make([]int, len(strides)),
		strides: make([][]int, len(strides))}
	first := true
	for i := len(dims) - 1; i >= 0; i-- {
		if dims[i] == 1 {
			continue
		}
		if first {
			first, w.n = false, dims[i]
			for k, s := range strides {
				w.step[k] = s[i]
			}
			continue
		}
		// The axis runs on from the next inner one where each operand's stride is that one's extent times its stride.
		inner := func(k int) int {
			if len(w.dims) == 0 {
				return w.n * w.step[k]
			}
			return w.dims[0] * w.strides[k][0]
		}
		merge := true
		for k, s := range strides {
			merge = merge && s[i] == inner(k)
		}
		switch {
		case merge && len(w.dims) == 0:
			w.n *= dims[i]
		case merge:
			w.dims[0] *= dims[i]
		default:
			w.dims = slices.Insert(w.dims, 0, dims[i])
			for k, s := range strides {
				w.strides[k] = slices.Insert(w.strides[k], 0, s[i])
			}
		}
	}
	return w
}

// At makes an operand begin at an offset other than 0.
func (w *Walk) At(operand, offset int) *Walk {
	w.start[operand] = offset
	return w
}

// taskElements is about how many elements a task of a memory-bound kernel takes.
const taskElements = 1 << 14

// run calls f for runs of n elements, at[k] being where operand k begins. Long runs come in pieces; runs of a task
// come in order.
func (w *Walk) run(team *Team, f func(s *Scratch, n int, at []int)) {
	runs := 1
	for _, d := range w.dims {
		runs *= d
	}
	if runs == 0 || w.n == 0 {
		return
	}
	if w.n > taskElements {
		pieces := ceilDiv(w.n, taskElements)
		team.Do(runs*pieces, func(s *Scratch, task int) {
			at := w.offsets(task / pieces)
			from := task % pieces * taskElements
			for k := range at {
				at[k] += from * w.step[k]
			}
			f(s, min(taskElements, w.n-from), at)
		})
		return
	}
	team.Split(runs, max(1, taskElements/w.n), func(s *Scratch, from, to int) {
		at := w.offsets(from)
		index := w.index(from)
		for r := from; ; {
			f(s, w.n, at)
			if r++; r == to {
				return
			}
			for a := len(w.dims) - 1; ; a-- {
				index[a]++
				for k := range at {
					at[k] += w.strides[k][a]
				}
				if index[a] < w.dims[a] {
					break
				}
				for k := range at {
					at[k] -= w.strides[k][a] * w.dims[a]
				}
				index[a] = 0
			}
		}
	})
}

// index gives the position of a run along the outer axes.
func (w *Walk) index(run int) []int {
	index := make([]int, len(w.dims))
	for a := len(w.dims) - 1; a >= 0; a-- {
		index[a] = run % w.dims[a]
		run /= w.dims[a]
	}
	return index
}

func (w *Walk) offsets(run int) []int {
	at := slices.Clone(w.start)
	for a, i := range w.index(run) {
		for k := range at {
			at[k] += i * w.strides[k][a]
		}
	}
	return at
}

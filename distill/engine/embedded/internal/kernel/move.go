package kernel

// Move copies elements: w's operand 0 is dst, its operand 1 src. With the right strides it transposes, expands,
// slices, pads, concatenates and splits.
func Move[T any](team *Team, w *Walk, dst, src []T) {
	w.run(team, func(_ *Scratch, n int, at []int) {
		d, s := at[0], at[1]
		switch {
		case w.step[0] == 1 && w.step[1] == 1:
			copy(dst[d:d+n], src[s:s+n])
		case w.step[0] == 1 && w.step[1] == 0:
			v := src[s]
			out := dst[d : d+n]
			for i := range out {
				out[i] = v
			}
		case w.step[0] == 1:
			out := dst[d : d+n]
			for i := range out {
				out[i] = src[s]
				s += w.step[1]
			}
		default:
			for range n {
				dst[d] = src[s]
				d += w.step[0]
				s += w.step[1]
			}
		}
	})
}

// Fill sets every element of dst to v.
func Fill[T any](team *Team, dst []T, v T) {
	team.Split(len(dst), taskElements, func(_ *Scratch, from, to int) {
		part := dst[from:to]
		for i := range part {
			part[i] = v
		}
	})
}

// Gather copies, for each of outer blocks of n·inner elements of src, the inner elements at each index:
// [outer,n,inner] to [outer,len(index),inner]. Indices lie in [0,n).
func Gather[T any](team *Team, dst, src []T, index []int, outer, n, inner int) {
	team.Split(outer*len(index), max(1, taskElements/max(1, inner)), func(_ *Scratch, from, to int) {
		for r := from; r < to; r++ {
			o, i := r/len(index), index[r%len(index)]
			copy(dst[r*inner:][:inner], src[(o*n+i)*inner:][:inner])
		}
	})
}

package kernel

import "slices"

// A frame is the copy of an image [C,H,W] that convolutions read: the image once for each kernel column, shifted by
// it, with its padding, and with only those columns that an output position reads. So what a kernel offset reads for
// all output positions lies side by side, whatever the width.
//
// With a stride, padded row u lies in phase u mod stride at place u/stride. The copy is [C, columns, phases, rows,
// outW]; only phases that some kernel offset reads are there.
type frame struct {
	by        *instructions
	h, w      int // of the image
	sh, sw    int
	top, left int
	columns   []int // distinct offsets along the width, in padded elements
	phases    []int // of rows
	rows      int   // places of a phase
	outW      int
	direct    bool // the copy would be the image itself
}

// newFrame covers strips of so many of outH rows of outW positions of an image of h × w, whose kernel offsets along the
// axes are in padded elements.
func newFrame(by *instructions, h, w, sh, sw, top, left, strip, outH, outW int, offH, offW []int) frame {
	f := frame{by: by, h: h, w: w, sh: sh, sw: sw, top: top, left: left, outW: outW}
	inside := true
	for _, o := range offH {
		f.rows = max(f.rows, o/sh+strip)
		inside = inside && o+outH <= h
		if !slices.Contains(f.phases, o%sh) {
			f.phases = append(f.phases, o%sh)
		}
	}
	for _, o := range offW {
		if !slices.Contains(f.columns, o) {
			f.columns = append(f.columns, o)
		}
	}
	f.direct = inside && sh == 1 && sw == 1 && top == 0 && len(f.columns) == 1 && f.columns[0] == left && outW == w
	return f
}

// plane is the number of elements of a channel.
func (f *frame) plane() int {
	if f.direct {
		return f.h * f.w
	}
	return len(f.columns)*len(f.phases)*f.rows*f.outW + spill
}

// at is the place, within a channel, that kernel offset (oh,ow) reads for output position (0,0).
func (f *frame) at(oh, ow int) int {
	column, phase := slices.Index(f.columns, ow), slices.Index(f.phases, oh%f.sh)
	return ((column*len(f.phases)+phase)*f.rows + oh/f.sh) * f.outW
}

// read is how many elements of a channel are read for so many output rows.
func (f *frame) read(rows int) int {
	if f.direct {
		return rows * f.w
	}
	return f.plane()
}

// of gives c channels of x, [c,h,w], as a frame for output rows from first on: x itself, or a copy in the worker's
// memory.
func (f *frame) of(s *Scratch, slot int, x []float32, c, first int) []float32 {
	if f.direct {
		return x[first*f.w : c*f.h*f.w]
	}
	dst := s.Floats(slot, c*f.plane())
	f.fill(s, dst, x, c, first)
	return dst
}

// several gives the frames of n samples, which lie apart elements from each other in x, and how far apart they lie.
func (f *frame) several(s *Scratch, slot int, x []float32, c, apart, n, first int) (frames []float32, step int) {
	if f.direct {
		return x[first*f.w:], apart
	}
	step = c * f.plane()
	frames = s.Floats(slot, n*step)
	for i := range n {
		f.fill(s, frames[i*step:], x[i*apart:], c, first)
	}
	return frames, step
}

// fill makes the copy of c channels.
func (f *frame) fill(s *Scratch, dst, x []float32, c, first int) {
	for i, column := range f.columns {
		for j, phase := range f.phases {
			at := (i*len(f.phases) + j) * f.rows * f.outW
			f.copy(s, dst[at:], x, c, first*f.sh+phase-f.top, column-f.left)
		}
	}
}

// copy fills a phase of each channel's copy, whose rows begin with the image's given row, and its columns with the
// given column; both may lie outside. It may spill into the next phase.
func (f *frame) copy(s *Scratch, dst, x []float32, c, row, column int) {
	from := min(f.rows, max(0, ceilDiv(-row, f.sh)))
	to := max(from, min(f.rows, ceilDiv(f.h-row, f.sh)))
	left := min(f.outW, max(0, ceilDiv(-column, f.sw))) // columns before the image
	right := max(left, min(f.outW, ceilDiv(f.w-column, f.sw)))
	if left == right {
		to = from
	}
	r := &s.rows
	*r = rowCopy{to: &dst[0], from: &x[0], at: (row+from*f.sh)*f.w + column, toStep: f.outW, fromStep: f.sh * f.w,
		rows: to - from, before: from, after: f.rows - to, channels: c, toChannel: f.plane(), fromChannel: f.h * f.w}
	if !f.inVectors(r, left, right) {
		f.copyGo(dst, x, r, left, right)
		return
	}
	if f.sw == 1 {
		f.by.copyRows(r)
	} else {
		f.by.copyEvenRows(r)
	}
}

// inVectors prepares a copy by vectors; false where there are none, or where others than the first and the last of a
// row would not lie in the image.
func (f *frame) inVectors(r *rowCopy, left, right int) bool {
	lanes := f.by.lanes
	r.vectors = ceilDiv(f.outW, lanes)
	before := (r.vectors - 1) * lanes // columns before the last vector
	if f.by.copyRows == nil || f.sw > 2 || left >= lanes || right <= before && r.rows > 0 {
		return false
	}
	// Lanes that are read, of the first vector and of the last: from the first column's place to behind the last one's.
	first, firstEnd := left*f.sw, (min(right, lanes)-1)*f.sw+1
	lastEnd := (right-before-1)*f.sw + 1
	r.first, r.last = lanesBetween(first, min(firstEnd, lanes)), lanesBetween(0, min(lastEnd, lanes))
	r.firstHigh, r.lastHigh = lanesBetween(first-lanes, firstEnd-lanes), lanesBetween(0, lastEnd-lanes)
	r.even = &evens[0]
	return true
}

// copyGo is what the assembly does, for columns of the image from left to right.
func (f *frame) copyGo(dst, x []float32, r *rowCopy, left, right int) {
	for ch := range r.channels {
		to, at := dst[ch*r.toChannel:], ch*r.fromChannel+r.at
		clear(to[:r.before*r.toStep])
		to = to[r.before*r.toStep:]
		for range r.rows {
			row := to[:r.toStep]
			to = to[r.toStep:]
			clear(row[:left])
			clear(row[right:])
			if f.sw == 1 {
				copy(row[left:right], x[at+left:])
			} else {
				for i := left; i < right; i++ {
					row[i] = x[at+i*f.sw]
				}
			}
			at += r.fromStep
		}
		clear(to[:r.after*r.toStep])
	}
}

// ceilDiv is a/b rounded up, b > 0.
func ceilDiv(a, b int) int {
	if a <= 0 {
		return -(-a / b)
	}
	return (a + b - 1) / b
}

package kernel

// A frame is the copy of an image [C,H,W] that convolutions read: with its padding, and with the positions that lie a
// stride apart brought side by side, so that each kernel offset reads runs of consecutive elements.
//
// Padded position u of an axis lies in phase u mod stride at place u/stride. The copy is [C, phases, rows, cols];
// only phases that some kernel offset reads are there.
type frame struct {
	h, w       int
	sh, sw     int
	top, left  int
	ph, pw     []int // the phases that are read, of each axis
	rows, cols int   // places of each axis
	direct     bool  // the copy would be the image itself, and no tile reads past its end
}

// slack is how far a tile may read past the last element of a frame.
const slack = partCols

// newFrame covers an image of h × w, whose kernel offsets along the axes are in padded elements.
func newFrame(h, w, sh, sw, top, left, outH, outW int, offH, offW []int) frame {
	f := frame{h: h, w: w, sh: sh, sw: sw, top: top, left: left}
	places := func(off []int, stride, out int) (phases []int, n int) {
		seen := map[int]bool{}
		for _, o := range off {
			n = max(n, o/stride+out)
			if !seen[o%stride] {
				seen[o%stride] = true
				phases = append(phases, o%stride)
			}
		}
		return phases, n
	}
	f.ph, f.rows = places(offH, sh, outH)
	f.pw, f.cols = places(offW, sw, outW)
	return f
}

// plane is the number of elements of a channel.
func (f *frame) plane() int { return len(f.ph) * len(f.pw) * f.rows * f.cols }

// at is the place, within a channel, that kernel offset (oh,ow) reads for output position (0,0).
func (f *frame) at(oh, ow int) int {
	p := 0
	for i, ph := range f.ph {
		for j, pw := range f.pw {
			if ph == oh%f.sh && pw == ow%f.sw {
				p = i*len(f.pw) + j
			}
		}
	}
	return (p*f.rows+oh/f.sh)*f.cols + ow/f.sw
}

// setDirect sets direct for a frame that these patches are read from.
func (f *frame) setDirect(all ...*patches) {
	f.direct = f.sh == 1 && f.sw == 1 && f.top == 0 && f.left == 0 && f.rows == f.h && f.cols == f.w
	for _, p := range all {
		for _, s := range p.segments {
			f.direct = f.direct && s.n == partCols
		}
	}
}

// fill copies channels of x, [c,h,w], into dst, of c·plane + slack elements.
func (f *frame) fill(dst, x []float32, c int) {
	for ch := range c {
		img := x[ch*f.h*f.w:][:f.h*f.w]
		for _, ph := range f.ph {
			for _, pw := range f.pw {
				// Column q holds image column q·sw + pw − left: those in [from,to) exist.
				from := min(f.cols, max(0, ceilDiv(f.left-pw, f.sw)))
				to := max(from, min(f.cols, ceilDiv(f.w+f.left-pw, f.sw)))
				for q := range f.rows {
					row := dst[:f.cols]
					dst = dst[f.cols:]
					ih := q*f.sh + ph - f.top
					if ih < 0 || ih >= f.h {
						clear(row)
						continue
					}
					for i := 0; i < from; i++ { // a border is short: no call
						row[i] = 0
					}
					for i := to; i < len(row); i++ {
						row[i] = 0
					}
					src := img[ih*f.w:][:f.w]
					if f.sw == 1 {
						copy(row[from:to], src[from+pw-f.left:])
						continue
					}
					iw := from*f.sw + pw - f.left
					for i := from; i < to; i++ {
						row[i] = src[iw]
						iw += f.sw
					}
				}
			}
		}
	}
	clear(dst[:slack])
}

// ceilDiv is a/b rounded up, b > 0.
func ceilDiv(a, b int) int {
	if a <= 0 {
		return -(-a / b)
	}
	return (a + b - 1) / b
}

// framed gives c channels as a frame: x itself where it is one, or a copy in the worker's memory.
func (f *frame) framed(s *Scratch, slot int, x []float32, c int) []float32 {
	if f.direct {
		return x[:c*f.h*f.w]
	}
	dst := s.Floats(slot, c*f.plane()+slack)
	f.fill(dst, x, c)
	return dst
}

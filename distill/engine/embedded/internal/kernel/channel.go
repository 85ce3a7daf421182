package kernel

import (
	"math"
	"unsafe"
)

// channel is a pass over the elements of one channel of [N,C,plane], which lie in runs. The assembly checks no bounds.
type channel struct {
	x, z, d, y, out, more *float32
	runs                  int
	step, stepX           int    // how far apart they lie, and those of x
	n, tail               int    // whole vectors of a run, and whether one follows that is not
	last                  *int32 // which lanes of that there are

	mean, scale, shift, share float32
	least, most               float32
	sum, squares              float32 // results

	size int // elements of a run
}

const channelOperands = 6

// The passes over a channel.
const (
	moments             = iota // sum and squares of x − mean
	normalise                  // out = clamp((x − mean)·scale + shift)
	normaliseSum               // out = clamp((x − mean)·scale + shift + z)
	gradientSums               // sum of d, and "squares" of d·(x − mean)
	clampedGradientSums        // d being 0 where y is not between least and most
	gradient                   // out = d·scale + shift + (x − mean)·share
	clampedGradient
	clampedGradients // more = d, too
	clampGradient    // out = d where y is between least and most, else 0
)

// over prepares passes over runs of size elements.
func (by *instructions) over(c *channel, runs, size, step int) {
	c.runs, c.size, c.step, c.stepX = runs, size, step, step
	c.n, c.tail = size/by.lanes, 0
	if size%by.lanes != 0 {
		c.tail = 1
	}
	c.last = lanesBetween(0, size%by.lanes)
}

// pass runs one of the passes.
func (by *instructions) pass(c *channel, which int) {
	if by.passes != nil {
		by.passes[which](c)
		return
	}
	c.passGo(which)
}

// sums adds up a pass's sums over blocks of runs, in float64: a block's are of float32.
func (by *instructions) sums(c *channel, which int) (sum, squares float64) {
	all := *c
	block := max(1, sumBlock/c.size)
	for run := 0; run < all.runs; run += block {
		c.runs = min(block, all.runs-run)
		c.x, c.d, c.y = further(all.x, run*c.stepX), further(all.d, run*c.step), further(all.y, run*c.step)
		by.pass(c, which)
		sum, squares = sum+float64(c.sum), squares+float64(c.squares)
	}
	*c = all
	return sum, squares
}

// further is beyond for what may be nil.
func further(p *float32, n int) *float32 {
	if p == nil {
		return nil
	}
	return beyond(p, n)
}

func (c *channel) passGo(which int) {
	c.sum, c.squares = 0, 0
	for run := range c.runs {
		of := func(v *float32, step int) []float32 {
			if v == nil {
				return nil
			}
			return unsafe.Slice(beyond(v, run*step), c.size)
		}
		x, z, d := of(c.x, c.stepX), of(c.z, c.step), of(c.d, c.step)
		y, out, more := of(c.y, c.step), of(c.out, c.step), of(c.more, c.step)
		for i := range c.size {
			var g float32
			if d != nil {
				if g = d[i]; y != nil && !(c.least < y[i] && y[i] < c.most) {
					g = 0
				}
			}
			var centred float32
			if x != nil {
				centred = x[i] - c.mean
			}
			switch which {
			case moments:
				c.sum, c.squares = c.sum+centred, c.squares+centred*centred
			case normalise, normaliseSum:
				v := centred*c.scale + c.shift
				if which == normaliseSum {
					v += z[i]
				}
				out[i] = min(max(v, c.least), c.most)
			case gradientSums, clampedGradientSums:
				c.sum, c.squares = c.sum+g, c.squares+g*centred
			case clampGradient:
				out[i] = g
			default:
				if which == clampedGradients {
					more[i] = g
				}
				out[i] = g*c.scale + c.shift + centred*c.share
			}
		}
	}
}

// clamp sets the bounds; nil clamps nothing.
func (c *channel) clamp(bounds *[2]float32) {
	c.least, c.most = float32(math.Inf(-1)), float32(math.Inf(1))
	if bounds != nil {
		c.least, c.most = bounds[0], bounds[1]
	}
}
